-- Effects, complete: what an approval rests on, lanes, what an operator may stop, what was taken back.

alter table effect add column workflow text;        -- of the run that proposed it
alter table effect add column target text;          -- where its connector acts
alter table effect add column observed text;        -- JSON: what the approval rests on outside
alter table effect add column trust text;           -- of what led to it: operator, verified, outsider
alter table effect add column policies text;        -- JSON: the policies that decided whether to ask
alter table effect add column approved_by text;     -- null: nobody was asked
alter table effect add column expires_at integer;   -- not approved, or not left by then: it never leaves
alter table effect add column follows text;         -- the effect that must have ended first
alter table effect add column lane text;            -- HMAC of the action's lane value
alter table effect add column cost text;            -- JSON: what one use costs at most
create index effect_lane on effect (lane, proposed_seq) where lane is not null and settled_at is null;
create index effect_follows on effect (follows) where follows is not null and settled_at is null;
create index effect_undoes on effect (undoes) where undoes is not null;
create index effect_proposed on effect (proposed_seq);
create index effect_policies on effect (proposed_at) where policies is not null;

alter table gate add column expires_at integer;
alter table gate add column snoozed_until integer;
alter table gate add column shape text;             -- gates of one shape may be decided together
alter table gate add column context text;           -- JSON: where it acts, what it rests on, what changed
create index gate_opened on gate (opened_seq);
create index gate_shape on gate (shape, opened_seq) where shape is not null;

alter table fact add column retracted_seq integer;  -- taken back: it should never have been believed
alter table decision add column retracted_seq integer;
create index fact_source on fact (source) where source is not null;
create index fact_actor on fact (actor, recorded_seq);

-- projections: governance
create table pause (scope text primary key, reason text, actor text not null, since integer not null) strict, without rowid;

-- projections: execution
create table lane (id text primary key, token integer not null) strict, without rowid;
create table service (
  connector text primary key,
  state text not null,             -- working, broken
  code text,                       -- of the failure that broke it
  until integer,                   -- no call before then
  contract text,                   -- hash of what it last said of itself
  changed_at integer not null
) strict, without rowid;
