-- Money and attention: what is used and what it costs, budgets' meters, the daily digest, absences.

-- projections: governance
create table use (
  id text primary key,             -- one call of a model, one use of a paid action
  state text not null,             -- reserved, settled, imputed (nobody knows: it counts in full)
  meter text not null,             -- billed, imputed, quota
  currency text not null,          -- ISO 4217; XXX where nothing has a price
  micros integer not null,         -- millionths of the currency's unit; while reserved, the most it can be
  tokens integer not null,
  tokens_in integer,
  tokens_out integer,
  uses integer not null,           -- 1; 0 where nothing happened
  agent text,
  tier text,
  model text,
  workflow text,
  run text,
  action text,
  connector text,
  subject text,                    -- the decision or effect that it is for
  over_budget text,                     -- the budget that the operator let it exceed
  outcome text,
  day text not null,               -- 2026-11-30, in the company's zone: what its meters are kept under
  reserved_at integer not null,
  settled_at integer
) strict, without rowid;
create index use_day on use (day);
create index use_run on use (run) where run is not null;
create index use_open on use (reserved_at) where state = 'reserved';
create table meter (
  scope text not null,             -- company, or agent:, workflow:, action:, connector: and a name
  period text not null,            -- a day or a month
  kind text not null,              -- billed, imputed, quota
  currency text not null,
  micros integer not null,
  tokens integer not null,
  uses integer not null,
  primary key (scope, period, kind, currency)
) strict, without rowid;
create table digest (
  id text primary key,
  at text not null,                -- 08:00
  zone text not null,
  next_at integer not null,
  sent_at integer,                 -- the newest that was sent, and how far it told
  told_seq integer not null
) strict, without rowid;
create table absence (id text primary key, since integer not null, until integer not null, reason text, ended_at integer) strict, without rowid;
create index absence_open on absence (until) where ended_at is null;
