-- Factotum on PostgreSQL: the kernel.
--
-- The ledger is `event`: append-only, `seq` dense from 0, equal to commit order and to the Merkle leaf index.
-- Everything below "projections" can be dropped and rebuilt from it. What is neither ledger nor projection stands
-- under "not rebuilt", and is named in src/store/tables.ts.
--
-- Flow: a `signal` arrives, is routed, and starts a `run`; the run reads `fact`s and messages, records `decision`s,
-- proposes an `effect`, which waits at a `gate`; the run sleeps on a `wait`; `work` says who must be looked at when.
-- Times are integer milliseconds, JSON is text, flags are 0 or 1. Nullable text copied from `private` can be erased.
--
-- The same tables, columns and indexes as on SQLite, and one more: `ledger_head`, the row that every transaction of
-- every process locks first, so that `seq` is dense and equals commit order. Text compares by its bytes (collate "C"),
-- whatever the locale of the database, so that both stores sort alike.

-- ledger ---------------------------------------------------------------------------------------------------------
create table event (
  seq bigint primary key,
  key text collate "C",            -- the commit's key, on its first event only
  kind text collate "C" not null,
  stream text collate "C" not null,
  actor text collate "C" not null,
  cause bigint,
  at bigint not null,
  body text collate "C" not null,
  private text collate "C",
  salt bytea,
  private_hash text collate "C",
  leaf bytea not null
);
create unique index event_key on event (key) where key is not null;
create index event_stream on event (stream, seq);
-- One row, updated by every group: room on its page keeps those updates off the index.
create table ledger_head (id bigint primary key check (id = 1), next bigint not null) with (fillfactor = 10);
insert into ledger_head values (1, 0);

-- not rebuilt ----------------------------------------------------------------------------------------------------
create table meta (name text collate "C" primary key, value text collate "C" not null);
create table lease (id text collate "C" primary key, holder text collate "C" not null, epoch bigint not null, until bigint not null);
create index lease_held on lease (holder) where until > 0;
create table blob (hash text collate "C" primary key, size bigint not null, bytes bytea not null);
create table checkpoint (size bigint primary key, note text collate "C" not null, frontier bytea not null, at bigint not null);
create table tree_node (level bigint not null, idx bigint not null, hash bytea not null, primary key (level, idx));
create table scratch (run text collate "C" not null, op text collate "C" not null, key text collate "C" not null, value text collate "C" not null, expires_at bigint not null, primary key (run, op));

-- projections: store ---------------------------------------------------------------------------------------------
create table work (id text collate "C" primary key, kind text collate "C" not null, at bigint, inbox bigint not null);
create index work_due on work (at) where at is not null;

-- projections: context -------------------------------------------------------------------------------------------
create table entity (id text collate "C" primary key, kind text collate "C" not null, created_seq bigint not null);
create table entity_key (kind text collate "C" not null, lookup text collate "C" not null, entity text collate "C" not null, label text collate "C", primary key (kind, lookup));
create index entity_key_entity on entity_key (entity);
create table fact (
  id text collate "C" primary key,
  entity text collate "C" not null,
  attribute text collate "C" not null,
  value text collate "C",          -- JSON; null once erased
  valid_from bigint not null,
  valid_to bigint,                 -- null: still true
  recorded_seq bigint not null,
  ended_seq bigint,                -- null: still believed
  trust text collate "C" not null,
  actor text collate "C" not null,
  source text collate "C"          -- the stream it came from: a signal, an effect, a decision
);
create index fact_entity on fact (entity, attribute, recorded_seq);
create table decision (
  id text collate "C" primary key,
  run text collate "C" not null,
  op text collate "C" not null,
  agent text collate "C" not null,
  tier text collate "C" not null,
  value text collate "C",
  confidence double precision,
  rationale text collate "C",
  evidence text collate "C" not null, -- JSON references, never copies
  decided_at bigint not null,
  decided_seq bigint not null
);
create index decision_run on decision (run);
create table conversation (id text collate "C" primary key, state text collate "C" not null, turn text collate "C" not null, subject text collate "C", opened_at bigint not null, updated_at bigint not null);
create table conversation_key (key text collate "C" primary key, conversation text collate "C" not null);
create table message (
  id text collate "C" primary key, -- the signal it came in by, or the effect it left by
  conversation text collate "C" not null,
  direction text collate "C" not null, -- in, out
  at bigint not null,
  party text collate "C",
  party_key text collate "C",
  subject text collate "C",
  text text collate "C"
);
create index message_conversation on message (conversation, at);
create index message_party on message (party_key, at);

-- projections: governance ----------------------------------------------------------------------------------------
create table gate (
  id text collate "C" primary key,
  kind text collate "C" not null,  -- effect, decision, question, uncertain, failure, parked
  state text collate "C" not null, -- open, decided, closed
  subject text collate "C" not null, -- the effect, decision or run that waits
  run text collate "C",
  title text collate "C",
  proposal text collate "C",       -- JSON: what is proposed, in the target's terms
  template text collate "C" not null, -- JSON: the outcomes that may be chosen
  evidence text collate "C" not null, -- JSON references
  binding text collate "C",        -- hash of what would run; an approval is for exactly this
  risk text collate "C",
  reason text collate "C" not null, -- the policy or cause that asked
  opened_at bigint not null,
  opened_seq bigint not null,
  outcome text collate "C",
  decided_at bigint,
  decided_by text collate "C"
);
create index gate_open on gate (opened_at) where state = 'open';
create index gate_run on gate (run);

-- projections: execution -----------------------------------------------------------------------------------------
create table effect (
  id text collate "C" primary key,
  run text collate "C" not null,
  op text collate "C" not null,
  wait text collate "C",           -- the wait of the run that proposed it
  undoes text collate "C",         -- the effect that this one takes back
  action text collate "C" not null,
  action_version bigint not null,
  risk text collate "C" not null,
  state text collate "C" not null,
  key text collate "C" not null,   -- idempotency key, given to the outside service
  token bigint not null,           -- sequence token: grows with every dispatch
  binding text collate "C" not null,
  input text collate "C",
  output text collate "C",
  error_code text collate "C",
  error text collate "C",
  hold_ms bigint not null,
  due_at bigint,
  settled_at bigint,
  proposed_at bigint not null,
  proposed_seq bigint not null
);
create index effect_run on effect (run);
create index effect_state on effect (state, proposed_at);

-- projections: orchestration -------------------------------------------------------------------------------------
create table run (
  id text collate "C" primary key,
  workflow text collate "C" not null,
  version bigint not null,
  state text collate "C" not null, -- queued, active, waiting, parked, failed, done, cancelled
  generation bigint not null,      -- grows with every retry or restart
  lane text collate "C",           -- HMAC of the author's lane value
  signal text collate "C",
  trust text collate "C" not null, -- of what led to it: operator, verified, outsider
  parent text collate "C",
  parent_wait text collate "C",
  input text collate "C",
  result text collate "C",
  error_code text collate "C",
  error text collate "C",
  started_at bigint not null,
  started_seq bigint not null,
  ended_at bigint
);
create index run_lane on run (lane, started_seq) where lane is not null and ended_at is null;
create index run_open on run (workflow, state, started_seq) where ended_at is null;
create index run_state on run (state, started_seq);
create index run_parent on run (parent) where parent is not null;
create index run_started on run (started_seq);
create table wait (
  id text collate "C" primary key, -- run:generation:op
  run text collate "C" not null,
  op text collate "C" not null,
  kind text collate "C" not null,  -- timer, signal, gate, effect, child, decision
  subject text collate "C",        -- the gate, effect or child it is for; for a signal its kind and match
  state text collate "C" not null, -- open, resolved, closed
  winner text collate "C",         -- what resolved it first
  deadline bigint,
  opened_seq bigint not null
);
create index wait_run on wait (run) where state = 'open';
create index wait_subject on wait (subject) where state = 'open' and subject is not null;
create table schedule (id text collate "C" primary key, workflow text collate "C" not null, cron text collate "C" not null, zone text collate "C" not null, catch_up text collate "C" not null, next_at bigint, fired bigint not null);

-- projections: input ---------------------------------------------------------------------------------------------
create table signal (
  id text collate "C" primary key,
  kind text collate "C" not null,
  source text collate "C" not null,
  state text collate "C" not null, -- new, routed, delivered, kept, quarantined
  trust text collate "C" not null, -- operator, verified, outsider
  match text collate "C",          -- HMAC of what waits correlate on
  payload text collate "C",
  raw text collate "C",            -- hash of the blob it came as
  reason text collate "C",
  received_at bigint not null,
  received_seq bigint not null
);
create index signal_state on signal (state, received_seq);
create index signal_received on signal (received_seq);
create index signal_kept on signal (kind, match) where state = 'kept';
