-- Factotum on PostgreSQL: ephemeral context, the working state of runs and sessions.
--
-- `owner` is a run's id or `session:` and an HMAC. A value is deleted when it has expired, when its run ends, or when it
-- is cleared: it has no history, is in no event, and is not rebuilt. `expires_at` is null for what lives as long as its
-- run. `origin` is set where a run keeps what it read of a session: clearing the session takes that with it. What was
-- deleted stays in pages that nobody reads until the table is rewritten: Factotum does that itself, so no other vacuum runs.

create table ephemeral (
  owner text collate "C" not null,
  slot text collate "C" not null, -- a run's: generation and step; a session's: the name
  name text collate "C" not null,
  label text collate "C", -- the session as its author names it
  value text collate "C" not null, -- JSON
  trust text collate "C" not null,
  recalled bigint not null, -- 1: some of it is recalled text, no source of its own
  expires_at bigint,
  origin text collate "C",
  primary key (owner, slot)
) with (autovacuum_enabled = false);
create index ephemeral_expiry on ephemeral (expires_at) where expires_at is not null;
create index ephemeral_origin on ephemeral (origin) where origin is not null;

insert into ephemeral (owner, slot, name, value, trust, recalled, expires_at)
  select run, op, key, value, coalesce((select trust from run where run.id = scratch.run), 'outsider'), 0, expires_at from scratch;
drop table scratch;
