-- Effects that passed without anybody being asked, and what the operator found who looked at them afterwards.

create table audit (
  effect text collate "C" primary key,
  verdict text collate "C" not null,              -- right, wrong
  actor text collate "C" not null,
  at bigint not null,
  seq bigint not null
);
create index audit_at on audit (at);
