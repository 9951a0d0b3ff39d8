-- Factotum on SQLite, after all migrations. Written by scripts/schema-dump.ts: do not edit.

CREATE TABLE absence (id text primary key, since integer not null, until integer not null, reason text, ended_at integer) strict, without rowid;
CREATE INDEX absence_open on absence (until) where ended_at is null;
CREATE TABLE access_credential (
  id text primary key,              -- `password`, or the id that an authenticator gave its passkey
  kind text not null,               -- password, passkey
  secret text not null,             -- a password's hash with its parameters, a passkey's public key (JSON)
  uses integer not null,            -- an authenticator's counter
  name text not null,
  created_at integer not null,
  used_at integer
) strict, without rowid;
CREATE TABLE access_link (
  hash text primary key,
  expires_at integer not null
) strict, without rowid;
CREATE TABLE access_session (
  id text primary key,
  hash text not null,
  token text,                       -- the guest's; null: the operator
  method text not null,             -- link, password, passkey, guest
  address text not null,
  agent text not null,
  created_at integer not null,
  seen_at integer not null,
  expires_at integer not null
) strict, without rowid;
CREATE UNIQUE INDEX access_session_hash on access_session (hash);
CREATE TABLE access_token (
  id text primary key,
  guest integer not null,           -- 1: the link of a person who only looks; 0: a program's
  scope text not null,
  hash text not null,               -- SHA-256 of 256 random bits
  name text,
  made_by text not null,
  made_at integer not null,
  expires_at integer,
  revoked_at integer,
  revoked_by text
) strict, without rowid;
CREATE UNIQUE INDEX access_token_hash on access_token (hash);
CREATE TABLE audit (
  effect text primary key,
  verdict text not null,              -- right, wrong
  actor text not null,
  at integer not null,
  seq integer not null
) strict, without rowid;
CREATE INDEX audit_at on audit (at);
CREATE TABLE blob (hash text primary key, size integer not null, bytes blob not null) strict;
CREATE TABLE checkpoint (size integer primary key, note text not null, frontier blob not null, at integer not null) strict;
CREATE TABLE complaint (
  id text not null,
  subject text not null,           -- a decision or an effect
  signal text,                     -- the message that complained
  reason text,
  actor text not null,
  at integer not null,
  seq integer not null,
  primary key (id, subject)
) strict, without rowid;
CREATE INDEX complaint_subject on complaint (subject);
CREATE TABLE conflict (
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
CREATE INDEX conflict_entity on conflict (entity, opened_seq);
CREATE UNIQUE INDEX conflict_open on conflict (entity, digest) where state = 'open';
CREATE TABLE conversation (id text primary key, state text not null, turn text not null, subject text, opened_at integer not null, updated_at integer not null, turn_since integer not null default 0, party_key text, subject_key text, closed_at integer, closed_by text, reason text) strict, without rowid;
CREATE INDEX conversation_party on conversation (party_key, subject_key, updated_at) where state = 'open';
CREATE INDEX conversation_turn on conversation (turn, turn_since) where state = 'open';
CREATE INDEX conversation_updated on conversation (updated_at);
CREATE TABLE conversation_key (key text primary key, conversation text not null) strict, without rowid;
CREATE TABLE decision (
  id text primary key,
  run text not null,
  op text not null,
  agent text not null,
  tier text not null,
  value text,
  confidence real,
  rationale text,
  evidence text not null,          -- JSON references, never copies
  decided_at integer not null,
  decided_seq integer not null
, retracted_seq integer, signal text, input text, model text, cost_micros integer, cost_currency text, cost_meter text, tokens_in integer, tokens_out integer, judged_by text, agreed integer, corrected text, judged_seq integer, question text, options text) strict, without rowid;
CREATE INDEX decision_agent on decision (agent, decided_seq);
CREATE INDEX decision_decided on decision (decided_seq);
CREATE INDEX decision_judged on decision (agent, judged_seq) where judged_seq is not null;
CREATE INDEX decision_retracted on decision (agent, retracted_seq) where retracted_seq is not null;
CREATE INDEX decision_run on decision (run);
CREATE TABLE digest (
  id text primary key,
  at text not null,                -- 08:00
  zone text not null,
  next_at integer not null,
  sent_at integer,                 -- the newest that was sent, and how far it told
  told_seq integer not null
) strict, without rowid;
CREATE TABLE document (
  id text primary key,
  lookup text not null,            -- HMAC of the name it was given: the same name is the same document
  version integer not null,        -- the newest
  created_at integer not null,
  created_seq integer not null,
  updated_at integer not null
) strict, without rowid;
CREATE UNIQUE INDEX document_lookup on document (lookup);
CREATE TABLE document_about (entity text not null, document text not null, version integer not null, primary key (entity, document, version)) strict, without rowid;
CREATE INDEX document_about_document on document_about (document, version);
CREATE TABLE document_version (
  document text not null,
  version integer not null,
  media_type text not null,        -- text/plain, text/markdown, text/html, application/pdf
  digest text not null,            -- HMAC of text, title and whom it is about: the same again adds nothing
  size integer not null,           -- bytes of what was read
  characters integer not null,     -- UTF-16 units of the text that was found in it
  trust text not null,
  actor text not null,
  source text,                     -- the signal, effect or run that it came from
  original text,                   -- JSON: where the same text was recalled from; it is no second source
  at integer not null,             -- from when it holds
  until integer,                   -- to when: the next version's time; null for the newest
  recorded_seq integer not null,
  title text,
  name text,                       -- the file's name, as it was given
  raw text,                        -- hash of the blob it was read from
  text text,
  primary key (document, version)
) strict, without rowid;
CREATE TABLE effect (
  id text primary key,
  run text not null,
  op text not null,
  wait text,                       -- the wait of the run that proposed it
  undoes text,                     -- the effect that this one takes back
  action text not null,
  action_version integer not null,
  risk text not null,
  state text not null,
  key text not null,               -- idempotency key, given to the outside service
  token integer not null,          -- sequence token: grows with every dispatch
  binding text not null,
  input text,
  output text,
  error_code text,
  error text,
  hold_ms integer not null,
  due_at integer,
  settled_at integer,
  proposed_at integer not null,
  proposed_seq integer not null
, workflow text, target text, observed text, trust text, policies text, approved_by text, expires_at integer, follows text, lane text, cost text) strict, without rowid;
CREATE INDEX effect_follows on effect (follows) where follows is not null and settled_at is null;
CREATE INDEX effect_lane on effect (lane, proposed_seq) where lane is not null and settled_at is null;
CREATE INDEX effect_policies on effect (proposed_at) where policies is not null;
CREATE INDEX effect_proposed on effect (proposed_seq);
CREATE INDEX effect_run on effect (run);
CREATE INDEX effect_settled on effect (settled_at) where state = 'succeeded';
CREATE INDEX effect_state on effect (state, proposed_at);
CREATE INDEX effect_undoes on effect (undoes) where undoes is not null;
CREATE TABLE encoding (
  model text primary key,
  vectors integer not null,        -- made since ever, of which `ahead` before anybody asked
  ahead integer not null,
  queries integer not null,
  tokens integer not null,
  took_ms integer not null,
  micros integer not null,         -- millionths of the currency's unit
  currency text not null,
  recalls integer not null,        -- that vectors took part in
  changed integer not null         -- of which answered otherwise than words alone
) strict, without rowid;
CREATE TABLE entity (id text primary key, kind text not null, created_seq integer not null) strict, without rowid;
CREATE INDEX entity_created on entity (created_seq);
CREATE TABLE entity_key (kind text not null, lookup text not null, entity text not null, label text, primary key (kind, lookup)) strict, without rowid;
CREATE INDEX entity_key_entity on entity_key (entity);
CREATE INDEX entity_key_lookup on entity_key (lookup);
CREATE TABLE entity_merge (
  entity text not null,            -- the member
  merged_seq integer not null,
  into_entity text not null,
  split_seq integer,               -- null: they are one
  reason text,
  primary key (entity, merged_seq)
) strict, without rowid;
CREATE INDEX entity_merge_into on entity_merge (into_entity);
CREATE UNIQUE INDEX entity_merge_now on entity_merge (entity) where split_seq is null;
CREATE TABLE ephemeral (
  owner text not null,
  slot text not null,               -- a run's: generation and step; a session's: the name
  name text not null,
  label text,                       -- the session as its author names it
  value text not null,              -- JSON
  trust text not null,
  recalled integer not null,        -- 1: some of it is recalled text, no source of its own
  expires_at integer,
  origin text, parties text not null default '[]',
  primary key (owner, slot)
) strict, without rowid;
CREATE INDEX ephemeral_expiry on ephemeral (expires_at) where expires_at is not null;
CREATE INDEX ephemeral_origin on ephemeral (origin) where origin is not null;
CREATE TABLE erasure (
  id text primary key,
  state text not null,            -- erased (files and free pages are still to be cleaned), done
  actor text not null,
  events integer not null,           -- how many lost their private part
  report text not null,           -- JSON: ids, counts and codes
  erased_at integer not null,
  erased_seq integer not null,
  done_at integer
) strict, without rowid;
CREATE TABLE event (
  seq integer primary key,
  key text,                        -- the commit's key, on its first event only
  kind text not null,
  stream text not null,
  actor text not null,
  cause integer,
  at integer not null,
  body text not null,
  private text,
  salt blob,
  private_hash text,
  leaf blob not null
) strict;
CREATE INDEX event_cause on event (cause) where cause is not null;
CREATE UNIQUE INDEX event_key on event (key) where key is not null;
CREATE INDEX event_stream on event (stream, seq);
CREATE TABLE fact (
  id text primary key,
  entity text not null,
  attribute text not null,
  value text,                      -- JSON; null once erased
  valid_from integer not null,
  valid_to integer,                -- null: still true
  recorded_seq integer not null,
  ended_seq integer,               -- null: still believed
  trust text not null,
  actor text not null,
  source text                      -- the stream it came from: a signal, an effect, a decision
, retracted_seq integer, slot text not null default '', origin text, said_seq integer, said_at integer, maker text, span text, reason text, corrected_by text) strict, without rowid;
CREATE INDEX fact_actor on fact (actor, recorded_seq);
CREATE INDEX fact_entity on fact (entity, attribute, recorded_seq);
CREATE INDEX fact_now on fact (entity, coalesce(valid_to, 9007199254740991)) where ended_seq is null;
CREATE INDEX fact_origin on fact (origin);
CREATE INDEX fact_said on fact (attribute, said_at) where ended_seq is null and valid_to is null;
CREATE INDEX fact_source on fact (source) where source is not null;
CREATE UNIQUE INDEX fact_until on fact (entity, attribute, slot, coalesce(valid_to, 9007199254740991)) where ended_seq is null;
CREATE TABLE gate (
  id text primary key,
  kind text not null,              -- effect, decision, question, uncertain, failure, parked
  state text not null,             -- open, decided, closed
  subject text not null,           -- the effect, decision or run that waits
  run text,
  title text,
  proposal text,                   -- JSON: what is proposed, in the target's terms
  template text not null,          -- JSON: the outcomes that may be chosen
  evidence text not null,          -- JSON references
  binding text,                    -- hash of what would run; an approval is for exactly this
  risk text,
  reason text not null,            -- the policy or cause that asked
  opened_at integer not null,
  opened_seq integer not null,
  outcome text,
  decided_at integer,
  decided_by text
, expires_at integer, snoozed_until integer, shape text, context text, looked_ms integer) strict, without rowid;
CREATE INDEX gate_decided on gate (decided_at) where state = 'decided';
CREATE INDEX gate_expires on gate (expires_at) where state = 'open' and expires_at is not null;
CREATE INDEX gate_open on gate (opened_at) where state = 'open';
CREATE INDEX gate_opened on gate (opened_seq);
CREATE INDEX gate_queue on gate (kind, risk, opened_seq, snoozed_until, expires_at) where state = 'open';
CREATE INDEX gate_run on gate (run);
CREATE INDEX gate_shape on gate (shape, opened_seq) where shape is not null;
CREATE INDEX gate_snoozed on gate (snoozed_until) where state = 'open' and snoozed_until is not null;
CREATE INDEX gate_subject on gate (subject);
CREATE TABLE lane (id text primary key, token integer not null) strict, without rowid;
CREATE TABLE lease (id text primary key, holder text not null, epoch integer not null, until integer not null) strict, without rowid;
CREATE INDEX lease_held on lease (holder) where until > 0;
CREATE TABLE message (
  id text primary key,             -- the signal it came in by, or the effect it left by
  conversation text not null,
  direction text not null,         -- in, out
  at integer not null,
  party text,
  party_key text,
  subject text,
  text text
) strict, without rowid;
CREATE INDEX message_conversation on message (conversation, at);
CREATE INDEX message_party on message (party_key, at);
CREATE TABLE meta (name text primary key, value text not null) strict, without rowid;
CREATE TABLE meter (
  scope text not null,             -- company, or agent:, workflow:, action:, connector: and a name
  period text not null,            -- a day or a month
  kind text not null,              -- billed, imputed, quota
  currency text not null,
  micros integer not null,
  tokens integer not null,
  uses integer not null,
  primary key (scope, period, kind, currency)
) strict, without rowid;
CREATE TABLE migration (version integer primary key, name text not null, checksum text not null);
CREATE TABLE opinion (
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
CREATE INDEX opinion_agent on opinion (agent, at);
CREATE INDEX opinion_judged on opinion (agent, tier, source, judged_seq) where judged_seq is not null;
CREATE TABLE passage (
  id integer primary key,
  source text not null,            -- a message or a document
  version integer not null,        -- of the document; 0 for a message
  begins integer not null,         -- UTF-16 offsets in the text of the source
  ends integer not null,
  doc text not null,               -- the conversation or document that it is read in
  n integer not null,              -- its place there
  role text not null,              -- them, us, operator, document
  trust text not null,
  at integer not null,
  until integer,                   -- when another version took its place
  general integer not null,        -- 1: about nobody in particular
  hash text not null,              -- HMAC of the text: the same words twice are one answer, and one vector
  words integer not null,
  speaker text,
  heading text not null,
  text text not null,
  terms text not null              -- of the heading, a line break, of the text
) strict;
CREATE INDEX passage_doc on passage (doc, n);
CREATE INDEX passage_hash on passage (hash);
CREATE UNIQUE INDEX passage_source on passage (source, version, begins);
CREATE TABLE passage_scope (scope text not null, passage integer not null, primary key (scope, passage)) strict, without rowid;
CREATE INDEX passage_scope_passage on passage_scope (passage);
CREATE TABLE pause (scope text primary key, reason text, actor text not null, since integer not null) strict, without rowid;
CREATE TABLE posting (
  term integer not null,
  general integer not null,
  passage integer not null,
  weight integer not null,         -- thousandths: how much the word says about the passage
  primary key (term, general, passage)
) strict, without rowid;
CREATE TABLE premise (
  decision text not null,
  kind text not null,              -- fact, message, signal, decision, span
  id text not null,
  primary key (decision, kind, id)
) strict, without rowid;
CREATE INDEX premise_id on premise (id);
CREATE TABLE push_device (
  id text primary key,
  endpoint_key text not null,         -- HMAC of the endpoint: one browser is one device
  endpoint text not null,
  p256dh text not null,               -- the browser's public key, base64url
  auth text not null,                 -- the secret between the browser and this company, base64url
  session text not null,              -- who signed in there; where that one ended by itself, it is told no words
  origin text not null,               -- where the console was open
  name text not null,
  says text not null,                 -- title: what it is about; count: only that something waits
  since integer not null,
  told_seq integer not null,             -- what was opened before is told, or was there already
  told_at integer not null,              -- what came back or became urgent before is told
  sent_at integer,                       -- the last message that the push service took
  tries integer not null,                -- how often in a row it took none
  not_before integer not null,           -- no message before
  held_until integer not null,           -- somebody sends to it right now
  error text,                         -- what went wrong the last time, without the endpoint
  error_at integer
) strict, without rowid;
CREATE UNIQUE INDEX push_device_endpoint on push_device (endpoint_key);
CREATE INDEX push_device_session on push_device (session);
CREATE TABLE recall_index (
  id integer primary key,          -- 1
  version text not null,           -- how passages and words were made: another way indexes anew
  seq integer not null,            -- events before it are indexed
  part integer not null,           -- and so many passages of the one at it
  next integer not null,           -- the id of the next passage
  passages integer not null,
  words integer not null
) strict;
CREATE TABLE request (
  id text primary key,              -- HMAC of who asks and the key
  asked text not null,              -- HMAC of the operation and its arguments
  holder text not null,             -- the process that does it
  lease_until integer not null,     -- renewed while it is being done
  expires_at integer not null,
  keep integer not null,            -- 0: its answer is not to be kept
  status integer,                   -- HTTP; null: there is no answer yet
  answer text                       -- JSON; null: none yet, not to be kept, or erased
) strict, without rowid;
CREATE INDEX request_expiry on request (expires_at);
CREATE TABLE run (
  id text primary key,
  workflow text not null,
  version integer not null,
  state text not null,             -- queued, active, waiting, parked, failed, done, cancelled
  generation integer not null,     -- grows with every retry or restart
  lane text,                       -- HMAC of the author's lane value
  signal text,
  trust text not null,             -- of what led to it: operator, verified, outsider
  parent text,
  parent_wait text,
  input text,
  result text,
  error_code text,
  error text,
  started_at integer not null,
  started_seq integer not null,
  ended_at integer
) strict, without rowid;
CREATE INDEX run_lane on run (lane, started_seq) where lane is not null and ended_at is null;
CREATE INDEX run_open on run (workflow, state, started_seq) where ended_at is null;
CREATE INDEX run_parent on run (parent) where parent is not null;
CREATE INDEX run_signal on run (signal) where signal is not null;
CREATE INDEX run_started on run (started_seq);
CREATE INDEX run_state on run (state, started_seq);
CREATE TABLE schedule (id text primary key, workflow text not null, cron text not null, zone text not null, catch_up text not null, next_at integer, fired integer not null) strict, without rowid;
CREATE TABLE service (
  connector text primary key,
  state text not null,             -- working, broken
  code text,                       -- of the failure that broke it
  until integer,                   -- no call before then
  contract text,                   -- hash of what it last said of itself
  changed_at integer not null
) strict, without rowid;
CREATE TABLE signal (
  id text primary key,
  kind text not null,
  source text not null,
  state text not null,             -- new, routed, delivered, kept, quarantined
  trust text not null,             -- operator, verified, outsider
  match text,                      -- HMAC of what waits correlate on
  payload text,
  raw text,                        -- hash of the blob it came as
  reason text,
  received_at integer not null,
  received_seq integer not null
) strict, without rowid;
CREATE INDEX signal_kept on signal (kind, match) where state = 'kept';
CREATE INDEX signal_received on signal (received_seq);
CREATE INDEX signal_state on signal (state, received_seq);
CREATE TABLE task (
  id text primary key,
  state text not null,             -- open, done, dropped
  assignee text not null,          -- operator, agent:NAME, workflow:NAME, run:ID
  due_at integer not null,
  text text,
  why text,
  note text,                       -- what was said when it was moved or ended
  trust text not null,             -- of what led to it: operator, verified, outsider
  run text,                        -- the run that added it
  source text,                     -- the signal that it came from
  added_by text not null,
  added_at integer not null,
  added_seq integer not null,
  ended_by text,
  ended_at integer,
  moved_seq integer not null       -- its newest event
) strict, without rowid;
CREATE INDEX task_added on task (added_seq);
CREATE INDEX task_due on task (due_at) where state = 'open';
CREATE TABLE tree_node (level integer not null, idx integer not null, hash blob not null, primary key (level, idx)) strict, without rowid;
CREATE TABLE use (
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
CREATE INDEX use_day on use (day);
CREATE INDEX use_open on use (reserved_at) where state = 'reserved';
CREATE INDEX use_run on use (run) where run is not null;
CREATE TABLE vector (
  hash text not null,              -- of the passage's text
  model text not null,
  numbers blob not null,           -- float32, little endian, of unit length
  ahead integer not null,          -- 1: made before anybody asked
  uses integer not null,
  made_at integer not null,
  primary key (hash, model)
) strict, without rowid;
CREATE TABLE wait (
  id text primary key,             -- run:generation:op
  run text not null,
  op text not null,
  kind text not null,              -- timer, signal, gate, effect, child, decision
  subject text,                    -- the gate, effect or child it is for; for a signal its kind and match
  state text not null,             -- open, resolved, closed
  winner text,                     -- what resolved it first
  deadline integer,
  opened_seq integer not null
) strict, without rowid;
CREATE INDEX wait_run on wait (run) where state = 'open';
CREATE INDEX wait_subject on wait (subject) where state = 'open' and subject is not null;
CREATE TABLE work (id text primary key, kind text not null, at integer, inbox integer not null) strict, without rowid;
CREATE INDEX work_due on work (at) where at is not null;
