-- Factotum on SQLite: what agents' decisions cost, what they were about, what each tier thought, and who was right.
--
-- A `decision` says by which model it was made and what became of it: `judged_by` an answer at its own gate, a gate of
-- an effect that rested on it, or a correction. An `opinion` is what one tier thought, the one that decided included:
-- the track record of a tier is counted from these rows. Columns that older events have nothing for are null.

alter table decision add column signal text;          -- what it was about, where that is the run's signal
alter table decision add column input text;           -- JSON; else what it was about, where it is small enough
alter table decision add column model text;
alter table decision add column cost_micros integer;
alter table decision add column cost_currency text;
alter table decision add column cost_meter text;      -- billed, imputed, quota
alter table decision add column tokens_in integer;
alter table decision add column tokens_out integer;
alter table decision add column judged_by text;       -- answer, gate, correction
alter table decision add column agreed integer;
alter table decision add column corrected text;       -- JSON: what it should have been
alter table decision add column judged_seq integer;
create index decision_agent on decision (agent, decided_seq);
create index decision_judged on decision (agent, judged_seq) where judged_seq is not null;
create index decision_retracted on decision (agent, retracted_seq) where retracted_seq is not null;

create table opinion (
  decision text not null,
  n integer not null,              -- its place among the tiers that were asked
  agent text not null,
  tier text not null,
  source text not null,            -- which rule, model or service
  outcome text not null,           -- decided, passed, failed
  confidence real,                 -- as it claimed
  calibrated real,                 -- as its track record lets it be believed
  value text,                      -- JSON
  because text,
  reads text not null,             -- JSON: ids of what its tools read
  cost_micros integer,
  cost_currency text,
  cost_meter text,
  tokens_in integer,
  tokens_out integer,
  same integer,                    -- whether the decision became what it said; null: not decided yet, or it said nothing
  agreed integer,                  -- whether it was right; null: nobody has judged
  judged_seq integer,
  at integer not null,
  seq integer not null,
  primary key (decision, n)
) strict, without rowid;
create index opinion_judged on opinion (agent, tier, source, judged_seq) where judged_seq is not null;
create index opinion_agent on opinion (agent, at);
