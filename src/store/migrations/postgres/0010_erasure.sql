-- Erasure: what was erased of whom, when and by whom, without a word of what it was.

-- projections: governance
create table erasure (
  id text collate "C" primary key,
  state text collate "C" not null,            -- erased (files and free pages are still to be cleaned), done
  actor text collate "C" not null,
  events bigint not null,           -- how many lost their private part
  report text collate "C" not null,           -- JSON: ids, counts and codes
  erased_at bigint not null,
  erased_seq bigint not null,
  done_at bigint
);
