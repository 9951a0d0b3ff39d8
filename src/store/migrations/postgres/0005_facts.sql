-- Factotum on PostgreSQL: facts over two times.
--
-- A row of `fact` is an immutable rectangle: what held over [valid_from, valid_to), as the company believed it from
-- `recorded_seq` until `ended_seq`. It is closed once, by setting `ended_seq`; what still holds of it beside what closed
-- it is a row of its own, with the same `origin`: the row by which it was said. What nobody could decide is a `conflict`,
-- which waits at its gate. Entities that are one are joined by `entity_merge`; each fact stays with the one it was said of.
alter table fact add column slot text collate "C" not null default '';   -- of an attribute with many values: HMAC of the value
alter table fact add column origin text collate "C";             -- the row by which it was said; null: before there were any
alter table fact add column said_seq bigint;        -- when that was recorded
alter table fact add column said_at bigint;
alter table fact add column maker text collate "C";              -- operator, workflow:name@version, agent:name@version
alter table fact add column span text collate "C";               -- JSON: message, start, end and HMAC of the words that say so
alter table fact add column reason text collate "C";
alter table fact add column corrected_by text collate "C";       -- the row that says it rightly
-- No two believed rectangles of one value end together, at no time or at none; guards refuse those that overlap otherwise.
create unique index fact_until on fact (entity, attribute, slot, coalesce(valid_to, 9007199254740991)) where ended_seq is null;
create index fact_now on fact (entity, coalesce(valid_to, 9007199254740991)) where ended_seq is null;
create index fact_origin on fact (origin);
create index fact_said on fact (attribute, said_at) where ended_seq is null and valid_to is null;

create table conflict (
  id text collate "C" primary key,
  entity text collate "C" not null,
  attribute text collate "C" not null,
  slot text collate "C" not null,
  says text collate "C" not null,              -- value, end, retract, merge
  state text collate "C" not null,             -- open, settled
  against text collate "C" not null,           -- JSON: the believed facts that it contradicts
  rival text collate "C",                      -- of entities that were merged: the other one's fact
  value text collate "C",                      -- JSON
  reason text collate "C",
  valid_from bigint not null,
  valid_to bigint,
  trust text collate "C" not null,
  actor text collate "C" not null,
  maker text collate "C" not null,
  source text collate "C",
  span text collate "C",
  digest text collate "C" not null,            -- HMAC of what it says: the same is not asked twice
  gate text collate "C",                       -- null: a rule settled it
  opened_at bigint not null,
  opened_seq bigint not null,
  outcome text collate "C",                    -- keep, believe, end, rule
  settled_by text collate "C",
  settled_seq bigint
);
create unique index conflict_open on conflict (entity, digest) where state = 'open';
create index conflict_entity on conflict (entity, opened_seq);

create table entity_merge (
  entity text collate "C" not null,            -- the member
  merged_seq bigint not null,
  into_entity text collate "C" not null,
  split_seq bigint,               -- null: they are one
  reason text collate "C",
  primary key (entity, merged_seq)
);
create unique index entity_merge_now on entity_merge (entity) where split_seq is null;
create index entity_merge_into on entity_merge (into_entity);
create index entity_key_lookup on entity_key (lookup);
