-- Factotum on SQLite: facts over two times.
--
-- A row of `fact` is an immutable rectangle: what held over [valid_from, valid_to), as the company believed it from
-- `recorded_seq` until `ended_seq`. It is closed once, by setting `ended_seq`; what still holds of it beside what closed
-- it is a row of its own, with the same `origin`: the row by which it was said. What nobody could decide is a `conflict`,
-- which waits at its gate. Entities that are one are joined by `entity_merge`; each fact stays with the one it was said of.
alter table fact add column slot text not null default '';   -- of an attribute with many values: HMAC of the value
alter table fact add column origin text;             -- the row by which it was said; null: before there were any
alter table fact add column said_seq integer;        -- when that was recorded
alter table fact add column said_at integer;
alter table fact add column maker text;              -- operator, workflow:name@version, agent:name@version
alter table fact add column span text;               -- JSON: message, start, end and HMAC of the words that say so
alter table fact add column reason text;
alter table fact add column corrected_by text;       -- the row that says it rightly
-- No two believed rectangles of one value end together, at no time or at none; guards refuse those that overlap otherwise.
create unique index fact_until on fact (entity, attribute, slot, coalesce(valid_to, 9007199254740991)) where ended_seq is null;
create index fact_now on fact (entity, coalesce(valid_to, 9007199254740991)) where ended_seq is null;
create index fact_origin on fact (origin);
create index fact_said on fact (attribute, said_at) where ended_seq is null and valid_to is null;

create table conflict (
  id text primary key,
  entity text not null,
  attribute text not null,
  slot text not null,
  says text not null,              -- value, end, retract, merge
  state text not null,             -- open, settled
  against text not null,           -- JSON: the believed facts that it contradicts
  rival text,                      -- of entities that were merged: the other one's fact
  value text,                      -- JSON
  reason text,
  valid_from integer not null,
  valid_to integer,
  trust text not null,
  actor text not null,
  maker text not null,
  source text,
  span text,
  digest text not null,            -- HMAC of what it says: the same is not asked twice
  gate text,                       -- null: a rule settled it
  opened_at integer not null,
  opened_seq integer not null,
  outcome text,                    -- keep, believe, end, rule
  settled_by text,
  settled_seq integer
) strict, without rowid;
create unique index conflict_open on conflict (entity, digest) where state = 'open';
create index conflict_entity on conflict (entity, opened_seq);

create table entity_merge (
  entity text not null,            -- the member
  merged_seq integer not null,
  into_entity text not null,
  split_seq integer,               -- null: they are one
  reason text,
  primary key (entity, merged_seq)
) strict, without rowid;
create unique index entity_merge_now on entity_merge (entity) where split_seq is null;
create index entity_merge_into on entity_merge (into_entity);
create index entity_key_lookup on entity_key (lookup);
