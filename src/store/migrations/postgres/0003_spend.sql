-- Money and attention: what is used and what it costs, budgets' meters, the daily digest, absences.

-- projections: governance
create table use (
  id text collate "C" primary key,       -- one call of a model, one use of a paid action
  state text collate "C" not null,       -- reserved, settled, imputed (nobody knows: it counts in full)
  meter text collate "C" not null,       -- billed, imputed, quota
  currency text collate "C" not null,    -- ISO 4217; XXX where nothing has a price
  micros bigint not null,                -- millionths of the currency's unit; while reserved, the most it can be
  tokens bigint not null,
  tokens_in bigint,
  tokens_out bigint,
  uses bigint not null,                  -- 1; 0 where nothing happened
  agent text collate "C",
  tier text collate "C",
  model text collate "C",
  workflow text collate "C",
  run text collate "C",
  action text collate "C",
  connector text collate "C",
  subject text collate "C",              -- the decision or effect that it is for
  over_budget text collate "C",          -- the budget that the operator let it exceed
  outcome text collate "C",
  day text collate "C" not null,         -- 2026-11-30, in the company's zone: what its meters are kept under
  reserved_at bigint not null,
  settled_at bigint
);
create index use_day on use (day);
create index use_run on use (run) where run is not null;
create index use_open on use (reserved_at) where state = 'reserved';
create table meter (
  scope text collate "C" not null,       -- company, or agent:, workflow:, action:, connector: and a name
  period text collate "C" not null,      -- a day or a month
  kind text collate "C" not null,        -- billed, imputed, quota
  currency text collate "C" not null,
  micros bigint not null,
  tokens bigint not null,
  uses bigint not null,
  primary key (scope, period, kind, currency)
);
create table digest (
  id text collate "C" primary key,
  at text collate "C" not null,          -- 08:00
  zone text collate "C" not null,
  next_at bigint not null,
  sent_at bigint,                        -- the newest that was sent, and how far it told
  told_seq bigint not null
);
create table absence (id text collate "C" primary key, since bigint not null, until bigint not null, reason text collate "C", ended_at bigint);
create index absence_open on absence (until) where ended_at is null;
