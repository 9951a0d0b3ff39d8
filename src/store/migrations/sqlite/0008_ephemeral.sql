-- Factotum on SQLite: ephemeral context, the working state of runs and sessions.
--
-- `owner` is a run's id or `session:` and an HMAC. A value is deleted when it has expired, when its run ends, or when it
-- is cleared: it has no history, is in no event, and is not rebuilt. `expires_at` is null for what lives as long as its
-- run. `origin` is set where a run keeps what it read of a session: clearing the session takes that with it.

create table ephemeral (
  owner text not null,
  slot text not null,               -- a run's: generation and step; a session's: the name
  name text not null,
  label text,                       -- the session as its author names it
  value text not null,              -- JSON
  trust text not null,
  recalled integer not null,        -- 1: some of it is recalled text, no source of its own
  expires_at integer,
  origin text,
  primary key (owner, slot)
) strict, without rowid;
create index ephemeral_expiry on ephemeral (expires_at) where expires_at is not null;
create index ephemeral_origin on ephemeral (origin) where origin is not null;

insert into ephemeral (owner, slot, name, value, trust, recalled, expires_at)
  select run, op, key, value, coalesce((select trust from run where run.id = scratch.run), 'outsider'), 0, expires_at from scratch;
drop table scratch;
