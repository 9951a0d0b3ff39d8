-- Effects that passed without anybody being asked, and what the operator found who looked at them afterwards.

create table audit (
  effect text primary key,
  verdict text not null,              -- right, wrong
  actor text not null,
  at integer not null,
  seq integer not null
) strict, without rowid;
create index audit_at on audit (at);
