-- Factotum on PostgreSQL: what agents' decisions cost, what they were about, what each tier thought, and who was right.
--
-- A `decision` says by which model it was made and what became of it: `judged_by` an answer at its own gate, a gate of
-- an effect that rested on it, or a correction. An `opinion` is what one tier thought, the one that decided included:
-- the track record of a tier is counted from these rows. Columns that older events have nothing for are null.

alter table decision add column signal text collate "C";          -- what it was about, where that is the run's signal
alter table decision add column input text collate "C";           -- JSON; else what it was about, where it is small enough
alter table decision add column model text collate "C";
alter table decision add column cost_micros bigint;
alter table decision add column cost_currency text collate "C";
alter table decision add column cost_meter text collate "C";      -- billed, imputed, quota
alter table decision add column tokens_in bigint;
alter table decision add column tokens_out bigint;
alter table decision add column judged_by text collate "C";       -- answer, gate, correction
alter table decision add column agreed bigint;
alter table decision add column corrected text collate "C";       -- JSON: what it should have been
alter table decision add column judged_seq bigint;
create index decision_agent on decision (agent, decided_seq);
create index decision_judged on decision (agent, judged_seq) where judged_seq is not null;
create index decision_retracted on decision (agent, retracted_seq) where retracted_seq is not null;

create table opinion (
  decision text collate "C" not null,
  n bigint not null,              -- its place among the tiers that were asked
  agent text collate "C" not null,
  tier text collate "C" not null,
  source text collate "C" not null,            -- which rule, model or service
  outcome text collate "C" not null,           -- decided, passed, failed
  confidence double precision,                 -- as it claimed
  calibrated double precision,                 -- as its track record lets it be believed
  value text collate "C",                      -- JSON
  because text collate "C",
  reads text collate "C" not null,             -- JSON: ids of what its tools read
  cost_micros bigint,
  cost_currency text collate "C",
  cost_meter text collate "C",
  tokens_in bigint,
  tokens_out bigint,
  same bigint,                    -- whether the decision became what it said; null: not decided yet, or it said nothing
  agreed bigint,                  -- whether it was right; null: nobody has judged
  judged_seq bigint,
  at bigint not null,
  seq bigint not null,
  primary key (decision, n)
);
create index opinion_judged on opinion (agent, tier, source, judged_seq) where judged_seq is not null;
create index opinion_agent on opinion (agent, at);
