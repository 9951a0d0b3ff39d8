-- Erasure: what was erased of whom, when and by whom, without a word of what it was.

-- projections: governance
create table erasure (
  id text primary key,
  state text not null,            -- erased (files and free pages are still to be cleaned), done
  actor text not null,
  events integer not null,           -- how many lost their private part
  report text not null,           -- JSON: ids, counts and codes
  erased_at integer not null,
  erased_seq integer not null,
  done_at integer
) strict, without rowid;
