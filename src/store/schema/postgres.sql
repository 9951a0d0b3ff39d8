-- Factotum on PostgreSQL, after all migrations. Written by scripts/schema-dump.ts: do not edit.

create table absence (
  id text collate "C" not null,
  since bigint not null,
  until bigint not null,
  reason text collate "C",
  ended_at bigint,
  PRIMARY KEY (id)
);
CREATE INDEX absence_open ON public.absence USING btree (until) WHERE (ended_at IS NULL);

create table access_credential (
  id text collate "C" not null,
  kind text collate "C" not null,
  secret text collate "C" not null,
  uses bigint not null,
  name text collate "C" not null,
  created_at bigint not null,
  used_at bigint,
  PRIMARY KEY (id)
);

create table access_link (
  hash text collate "C" not null,
  expires_at bigint not null,
  PRIMARY KEY (hash)
);

create table access_session (
  id text collate "C" not null,
  hash text collate "C" not null,
  token text collate "C",
  method text collate "C" not null,
  address text collate "C" not null,
  agent text collate "C" not null,
  created_at bigint not null,
  seen_at bigint not null,
  expires_at bigint not null,
  PRIMARY KEY (id)
);
CREATE UNIQUE INDEX access_session_hash ON public.access_session USING btree (hash);

create table access_token (
  id text collate "C" not null,
  guest integer not null,
  scope text collate "C" not null,
  hash text collate "C" not null,
  name text collate "C",
  made_by text collate "C" not null,
  made_at bigint not null,
  expires_at bigint,
  revoked_at bigint,
  revoked_by text collate "C",
  PRIMARY KEY (id)
);
CREATE UNIQUE INDEX access_token_hash ON public.access_token USING btree (hash);

create table audit (
  effect text collate "C" not null,
  verdict text collate "C" not null,
  actor text collate "C" not null,
  at bigint not null,
  seq bigint not null,
  PRIMARY KEY (effect)
);
CREATE INDEX audit_at ON public.audit USING btree (at);

create table blob (
  hash text collate "C" not null,
  size bigint not null,
  bytes bytea not null,
  PRIMARY KEY (hash)
);

create table checkpoint (
  size bigint not null,
  note text collate "C" not null,
  frontier bytea not null,
  at bigint not null,
  PRIMARY KEY (size)
);

create table complaint (
  id text collate "C" not null,
  subject text collate "C" not null,
  signal text collate "C",
  reason text collate "C",
  actor text collate "C" not null,
  at bigint not null,
  seq bigint not null,
  PRIMARY KEY (id, subject)
);
CREATE INDEX complaint_subject ON public.complaint USING btree (subject);

create table conflict (
  id text collate "C" not null,
  entity text collate "C" not null,
  attribute text collate "C" not null,
  slot text collate "C" not null,
  says text collate "C" not null,
  state text collate "C" not null,
  against text collate "C" not null,
  rival text collate "C",
  value text collate "C",
  reason text collate "C",
  valid_from bigint not null,
  valid_to bigint,
  trust text collate "C" not null,
  actor text collate "C" not null,
  maker text collate "C" not null,
  source text collate "C",
  span text collate "C",
  digest text collate "C" not null,
  gate text collate "C",
  opened_at bigint not null,
  opened_seq bigint not null,
  outcome text collate "C",
  settled_by text collate "C",
  settled_seq bigint,
  PRIMARY KEY (id)
);
CREATE INDEX conflict_entity ON public.conflict USING btree (entity, opened_seq);
CREATE UNIQUE INDEX conflict_open ON public.conflict USING btree (entity, digest) WHERE (state = 'open'::text);

create table conversation (
  id text collate "C" not null,
  state text collate "C" not null,
  turn text collate "C" not null,
  subject text collate "C",
  opened_at bigint not null,
  updated_at bigint not null,
  turn_since bigint not null default 0,
  party_key text collate "C",
  subject_key text collate "C",
  closed_at bigint,
  closed_by text collate "C",
  reason text collate "C",
  PRIMARY KEY (id)
);
CREATE INDEX conversation_party ON public.conversation USING btree (party_key, subject_key, updated_at) WHERE (state = 'open'::text);
CREATE INDEX conversation_turn ON public.conversation USING btree (turn, turn_since) WHERE (state = 'open'::text);
CREATE INDEX conversation_updated ON public.conversation USING btree (updated_at);

create table conversation_key (
  key text collate "C" not null,
  conversation text collate "C" not null,
  PRIMARY KEY (key)
);

create table decision (
  id text collate "C" not null,
  run text collate "C" not null,
  op text collate "C" not null,
  agent text collate "C" not null,
  tier text collate "C" not null,
  value text collate "C",
  confidence double precision,
  rationale text collate "C",
  evidence text collate "C" not null,
  decided_at bigint not null,
  decided_seq bigint not null,
  retracted_seq bigint,
  signal text collate "C",
  input text collate "C",
  model text collate "C",
  cost_micros bigint,
  cost_currency text collate "C",
  cost_meter text collate "C",
  tokens_in bigint,
  tokens_out bigint,
  judged_by text collate "C",
  agreed bigint,
  corrected text collate "C",
  judged_seq bigint,
  question text collate "C",
  options text collate "C",
  PRIMARY KEY (id)
);
CREATE INDEX decision_agent ON public.decision USING btree (agent, decided_seq);
CREATE INDEX decision_decided ON public.decision USING btree (decided_seq);
CREATE INDEX decision_judged ON public.decision USING btree (agent, judged_seq) WHERE (judged_seq IS NOT NULL);
CREATE INDEX decision_retracted ON public.decision USING btree (agent, retracted_seq) WHERE (retracted_seq IS NOT NULL);
CREATE INDEX decision_run ON public.decision USING btree (run);

create table digest (
  id text collate "C" not null,
  at text collate "C" not null,
  zone text collate "C" not null,
  next_at bigint not null,
  sent_at bigint,
  told_seq bigint not null,
  PRIMARY KEY (id)
);

create table document (
  id text collate "C" not null,
  lookup text collate "C" not null,
  version bigint not null,
  created_at bigint not null,
  created_seq bigint not null,
  updated_at bigint not null,
  PRIMARY KEY (id)
);
CREATE UNIQUE INDEX document_lookup ON public.document USING btree (lookup);

create table document_about (
  entity text collate "C" not null,
  document text collate "C" not null,
  version bigint not null,
  PRIMARY KEY (entity, document, version)
);
CREATE INDEX document_about_document ON public.document_about USING btree (document, version);

create table document_version (
  document text collate "C" not null,
  version bigint not null,
  media_type text collate "C" not null,
  digest text collate "C" not null,
  size bigint not null,
  characters bigint not null,
  trust text collate "C" not null,
  actor text collate "C" not null,
  source text collate "C",
  original text collate "C",
  at bigint not null,
  until bigint,
  recorded_seq bigint not null,
  title text collate "C",
  name text collate "C",
  raw text collate "C",
  text text collate "C",
  PRIMARY KEY (document, version)
);

create table effect (
  id text collate "C" not null,
  run text collate "C" not null,
  op text collate "C" not null,
  wait text collate "C",
  undoes text collate "C",
  action text collate "C" not null,
  action_version bigint not null,
  risk text collate "C" not null,
  state text collate "C" not null,
  key text collate "C" not null,
  token bigint not null,
  binding text collate "C" not null,
  input text collate "C",
  output text collate "C",
  error_code text collate "C",
  error text collate "C",
  hold_ms bigint not null,
  due_at bigint,
  settled_at bigint,
  proposed_at bigint not null,
  proposed_seq bigint not null,
  workflow text collate "C",
  target text collate "C",
  observed text collate "C",
  trust text collate "C",
  policies text collate "C",
  approved_by text collate "C",
  expires_at bigint,
  follows text collate "C",
  lane text collate "C",
  cost text collate "C",
  PRIMARY KEY (id)
);
CREATE INDEX effect_follows ON public.effect USING btree (follows) WHERE ((follows IS NOT NULL) AND (settled_at IS NULL));
CREATE INDEX effect_lane ON public.effect USING btree (lane, proposed_seq) WHERE ((lane IS NOT NULL) AND (settled_at IS NULL));
CREATE INDEX effect_policies ON public.effect USING btree (proposed_at) WHERE (policies IS NOT NULL);
CREATE INDEX effect_proposed ON public.effect USING btree (proposed_seq);
CREATE INDEX effect_run ON public.effect USING btree (run);
CREATE INDEX effect_settled ON public.effect USING btree (settled_at) WHERE (state = 'succeeded'::text);
CREATE INDEX effect_state ON public.effect USING btree (state, proposed_at);
CREATE INDEX effect_undoes ON public.effect USING btree (undoes) WHERE (undoes IS NOT NULL);

create table encoding (
  model text collate "C" not null,
  vectors bigint not null,
  ahead bigint not null,
  queries bigint not null,
  tokens bigint not null,
  took_ms bigint not null,
  micros bigint not null,
  currency text collate "C" not null,
  recalls bigint not null,
  changed bigint not null,
  PRIMARY KEY (model)
);

create table entity (
  id text collate "C" not null,
  kind text collate "C" not null,
  created_seq bigint not null,
  PRIMARY KEY (id)
);
CREATE INDEX entity_created ON public.entity USING btree (created_seq);

create table entity_key (
  kind text collate "C" not null,
  lookup text collate "C" not null,
  entity text collate "C" not null,
  label text collate "C",
  PRIMARY KEY (kind, lookup)
);
CREATE INDEX entity_key_entity ON public.entity_key USING btree (entity);
CREATE INDEX entity_key_lookup ON public.entity_key USING btree (lookup);

create table entity_merge (
  entity text collate "C" not null,
  merged_seq bigint not null,
  into_entity text collate "C" not null,
  split_seq bigint,
  reason text collate "C",
  PRIMARY KEY (entity, merged_seq)
);
CREATE INDEX entity_merge_into ON public.entity_merge USING btree (into_entity);
CREATE UNIQUE INDEX entity_merge_now ON public.entity_merge USING btree (entity) WHERE (split_seq IS NULL);

create table ephemeral (
  owner text collate "C" not null,
  slot text collate "C" not null,
  name text collate "C" not null,
  label text collate "C",
  value text collate "C" not null,
  trust text collate "C" not null,
  recalled bigint not null,
  expires_at bigint,
  origin text collate "C",
  parties text collate "C" not null default '[]'::text,
  PRIMARY KEY (owner, slot)
) with (autovacuum_enabled=false);
CREATE INDEX ephemeral_expiry ON public.ephemeral USING btree (expires_at) WHERE (expires_at IS NOT NULL);
CREATE INDEX ephemeral_origin ON public.ephemeral USING btree (origin) WHERE (origin IS NOT NULL);

create table erasure (
  id text collate "C" not null,
  state text collate "C" not null,
  actor text collate "C" not null,
  events bigint not null,
  report text collate "C" not null,
  erased_at bigint not null,
  erased_seq bigint not null,
  done_at bigint,
  PRIMARY KEY (id)
);

create table event (
  seq bigint not null,
  key text collate "C",
  kind text collate "C" not null,
  stream text collate "C" not null,
  actor text collate "C" not null,
  cause bigint,
  at bigint not null,
  body text collate "C" not null,
  private text collate "C",
  salt bytea,
  private_hash text collate "C",
  leaf bytea not null,
  PRIMARY KEY (seq)
);
CREATE INDEX event_cause ON public.event USING btree (cause) WHERE (cause IS NOT NULL);
CREATE UNIQUE INDEX event_key ON public.event USING btree (key) WHERE (key IS NOT NULL);
CREATE INDEX event_stream ON public.event USING btree (stream, seq);

create table fact (
  id text collate "C" not null,
  entity text collate "C" not null,
  attribute text collate "C" not null,
  value text collate "C",
  valid_from bigint not null,
  valid_to bigint,
  recorded_seq bigint not null,
  ended_seq bigint,
  trust text collate "C" not null,
  actor text collate "C" not null,
  source text collate "C",
  retracted_seq bigint,
  slot text collate "C" not null default ''::text,
  origin text collate "C",
  said_seq bigint,
  said_at bigint,
  maker text collate "C",
  span text collate "C",
  reason text collate "C",
  corrected_by text collate "C",
  PRIMARY KEY (id)
);
CREATE INDEX fact_actor ON public.fact USING btree (actor, recorded_seq);
CREATE INDEX fact_entity ON public.fact USING btree (entity, attribute, recorded_seq);
CREATE INDEX fact_now ON public.fact USING btree (entity, COALESCE(valid_to, '9007199254740991'::bigint)) WHERE (ended_seq IS NULL);
CREATE INDEX fact_origin ON public.fact USING btree (origin);
CREATE INDEX fact_said ON public.fact USING btree (attribute, said_at) WHERE ((ended_seq IS NULL) AND (valid_to IS NULL));
CREATE INDEX fact_source ON public.fact USING btree (source) WHERE (source IS NOT NULL);
CREATE UNIQUE INDEX fact_until ON public.fact USING btree (entity, attribute, slot, COALESCE(valid_to, '9007199254740991'::bigint)) WHERE (ended_seq IS NULL);

create table gate (
  id text collate "C" not null,
  kind text collate "C" not null,
  state text collate "C" not null,
  subject text collate "C" not null,
  run text collate "C",
  title text collate "C",
  proposal text collate "C",
  template text collate "C" not null,
  evidence text collate "C" not null,
  binding text collate "C",
  risk text collate "C",
  reason text collate "C" not null,
  opened_at bigint not null,
  opened_seq bigint not null,
  outcome text collate "C",
  decided_at bigint,
  decided_by text collate "C",
  expires_at bigint,
  snoozed_until bigint,
  shape text collate "C",
  context text collate "C",
  looked_ms bigint,
  PRIMARY KEY (id)
);
CREATE INDEX gate_decided ON public.gate USING btree (decided_at) WHERE (state = 'decided'::text);
CREATE INDEX gate_expires ON public.gate USING btree (expires_at) WHERE ((state = 'open'::text) AND (expires_at IS NOT NULL));
CREATE INDEX gate_open ON public.gate USING btree (opened_at) WHERE (state = 'open'::text);
CREATE INDEX gate_opened ON public.gate USING btree (opened_seq);
CREATE INDEX gate_queue ON public.gate USING btree (kind, risk, opened_seq, snoozed_until, expires_at) WHERE (state = 'open'::text);
CREATE INDEX gate_run ON public.gate USING btree (run);
CREATE INDEX gate_shape ON public.gate USING btree (shape, opened_seq) WHERE (shape IS NOT NULL);
CREATE INDEX gate_snoozed ON public.gate USING btree (snoozed_until) WHERE ((state = 'open'::text) AND (snoozed_until IS NOT NULL));
CREATE INDEX gate_subject ON public.gate USING btree (subject);

create table lane (
  id text collate "C" not null,
  token bigint not null,
  PRIMARY KEY (id)
);

create table lease (
  id text collate "C" not null,
  holder text collate "C" not null,
  epoch bigint not null,
  until bigint not null,
  PRIMARY KEY (id)
);
CREATE INDEX lease_held ON public.lease USING btree (holder) WHERE (until > 0);

create table ledger_head (
  id bigint not null,
  next bigint not null,
  PRIMARY KEY (id),
  CHECK ((id = 1))
) with (fillfactor=10);

create table message (
  id text collate "C" not null,
  conversation text collate "C" not null,
  direction text collate "C" not null,
  at bigint not null,
  party text collate "C",
  party_key text collate "C",
  subject text collate "C",
  text text collate "C",
  PRIMARY KEY (id)
);
CREATE INDEX message_conversation ON public.message USING btree (conversation, at);
CREATE INDEX message_party ON public.message USING btree (party_key, at);

create table meta (
  name text collate "C" not null,
  value text collate "C" not null,
  PRIMARY KEY (name)
);

create table meter (
  scope text collate "C" not null,
  period text collate "C" not null,
  kind text collate "C" not null,
  currency text collate "C" not null,
  micros bigint not null,
  tokens bigint not null,
  uses bigint not null,
  PRIMARY KEY (scope, period, kind, currency)
);

create table migration (
  version integer not null,
  name text not null,
  checksum text not null,
  PRIMARY KEY (version)
);

create table opinion (
  decision text collate "C" not null,
  n bigint not null,
  agent text collate "C" not null,
  tier text collate "C" not null,
  source text collate "C" not null,
  outcome text collate "C" not null,
  confidence double precision,
  calibrated double precision,
  value text collate "C",
  because text collate "C",
  reads text collate "C" not null,
  cost_micros bigint,
  cost_currency text collate "C",
  cost_meter text collate "C",
  tokens_in bigint,
  tokens_out bigint,
  same bigint,
  agreed bigint,
  judged_seq bigint,
  at bigint not null,
  seq bigint not null,
  PRIMARY KEY (decision, n)
);
CREATE INDEX opinion_agent ON public.opinion USING btree (agent, at);
CREATE INDEX opinion_judged ON public.opinion USING btree (agent, tier, source, judged_seq) WHERE (judged_seq IS NOT NULL);

create table passage (
  id bigint not null,
  source text collate "C" not null,
  version bigint not null,
  begins bigint not null,
  ends bigint not null,
  doc text collate "C" not null,
  n bigint not null,
  role text collate "C" not null,
  trust text collate "C" not null,
  at bigint not null,
  until bigint,
  general bigint not null,
  hash text collate "C" not null,
  words bigint not null,
  speaker text collate "C",
  heading text collate "C" not null,
  text text collate "C" not null,
  terms text collate "C" not null,
  PRIMARY KEY (id)
);
CREATE INDEX passage_doc ON public.passage USING btree (doc, n);
CREATE INDEX passage_hash ON public.passage USING btree (hash);
CREATE UNIQUE INDEX passage_source ON public.passage USING btree (source, version, begins);

create table passage_scope (
  scope text collate "C" not null,
  passage bigint not null,
  PRIMARY KEY (scope, passage)
);
CREATE INDEX passage_scope_passage ON public.passage_scope USING btree (passage);

create table pause (
  scope text collate "C" not null,
  reason text collate "C",
  actor text collate "C" not null,
  since bigint not null,
  PRIMARY KEY (scope)
);

create table posting (
  term bigint not null,
  general bigint not null,
  passage bigint not null,
  weight bigint not null,
  PRIMARY KEY (term, general, passage)
);

create table premise (
  decision text collate "C" not null,
  kind text collate "C" not null,
  id text collate "C" not null,
  PRIMARY KEY (decision, kind, id)
);
CREATE INDEX premise_id ON public.premise USING btree (id);

create table push_device (
  id text collate "C" not null,
  endpoint_key text collate "C" not null,
  endpoint text collate "C" not null,
  p256dh text collate "C" not null,
  auth text collate "C" not null,
  session text collate "C" not null,
  origin text collate "C" not null,
  name text collate "C" not null,
  says text collate "C" not null,
  since bigint not null,
  told_seq bigint not null,
  told_at bigint not null,
  sent_at bigint,
  tries bigint not null,
  not_before bigint not null,
  held_until bigint not null,
  error text collate "C",
  error_at bigint,
  PRIMARY KEY (id)
);
CREATE UNIQUE INDEX push_device_endpoint ON public.push_device USING btree (endpoint_key);
CREATE INDEX push_device_session ON public.push_device USING btree (session);

create table recall_index (
  id bigint not null,
  version text collate "C" not null,
  seq bigint not null,
  part bigint not null,
  next bigint not null,
  passages bigint not null,
  words bigint not null,
  PRIMARY KEY (id)
);

create table request (
  id text collate "C" not null,
  asked text collate "C" not null,
  holder text collate "C" not null,
  lease_until bigint not null,
  expires_at bigint not null,
  keep bigint not null,
  status bigint,
  answer text collate "C",
  PRIMARY KEY (id)
) with (autovacuum_enabled=false);
CREATE INDEX request_expiry ON public.request USING btree (expires_at);

create table run (
  id text collate "C" not null,
  workflow text collate "C" not null,
  version bigint not null,
  state text collate "C" not null,
  generation bigint not null,
  lane text collate "C",
  signal text collate "C",
  trust text collate "C" not null,
  parent text collate "C",
  parent_wait text collate "C",
  input text collate "C",
  result text collate "C",
  error_code text collate "C",
  error text collate "C",
  started_at bigint not null,
  started_seq bigint not null,
  ended_at bigint,
  PRIMARY KEY (id)
);
CREATE INDEX run_lane ON public.run USING btree (lane, started_seq) WHERE ((lane IS NOT NULL) AND (ended_at IS NULL));
CREATE INDEX run_open ON public.run USING btree (workflow, state, started_seq) WHERE (ended_at IS NULL);
CREATE INDEX run_parent ON public.run USING btree (parent) WHERE (parent IS NOT NULL);
CREATE INDEX run_signal ON public.run USING btree (signal) WHERE (signal IS NOT NULL);
CREATE INDEX run_started ON public.run USING btree (started_seq);
CREATE INDEX run_state ON public.run USING btree (state, started_seq);

create table schedule (
  id text collate "C" not null,
  workflow text collate "C" not null,
  cron text collate "C" not null,
  zone text collate "C" not null,
  catch_up text collate "C" not null,
  next_at bigint,
  fired bigint not null,
  PRIMARY KEY (id)
);

create table service (
  connector text collate "C" not null,
  state text collate "C" not null,
  code text collate "C",
  until bigint,
  contract text collate "C",
  changed_at bigint not null,
  PRIMARY KEY (connector)
);

create table signal (
  id text collate "C" not null,
  kind text collate "C" not null,
  source text collate "C" not null,
  state text collate "C" not null,
  trust text collate "C" not null,
  match text collate "C",
  payload text collate "C",
  raw text collate "C",
  reason text collate "C",
  received_at bigint not null,
  received_seq bigint not null,
  PRIMARY KEY (id)
);
CREATE INDEX signal_kept ON public.signal USING btree (kind, match) WHERE (state = 'kept'::text);
CREATE INDEX signal_received ON public.signal USING btree (received_seq);
CREATE INDEX signal_state ON public.signal USING btree (state, received_seq);

create table task (
  id text collate "C" not null,
  state text collate "C" not null,
  assignee text collate "C" not null,
  due_at bigint not null,
  text text collate "C",
  why text collate "C",
  note text collate "C",
  trust text collate "C" not null,
  run text collate "C",
  source text collate "C",
  added_by text collate "C" not null,
  added_at bigint not null,
  added_seq bigint not null,
  ended_by text collate "C",
  ended_at bigint,
  moved_seq bigint not null,
  PRIMARY KEY (id)
);
CREATE INDEX task_added ON public.task USING btree (added_seq);
CREATE INDEX task_due ON public.task USING btree (due_at) WHERE (state = 'open'::text);

create table tree_node (
  level bigint not null,
  idx bigint not null,
  hash bytea not null,
  PRIMARY KEY (level, idx)
);

create table use (
  id text collate "C" not null,
  state text collate "C" not null,
  meter text collate "C" not null,
  currency text collate "C" not null,
  micros bigint not null,
  tokens bigint not null,
  tokens_in bigint,
  tokens_out bigint,
  uses bigint not null,
  agent text collate "C",
  tier text collate "C",
  model text collate "C",
  workflow text collate "C",
  run text collate "C",
  action text collate "C",
  connector text collate "C",
  subject text collate "C",
  over_budget text collate "C",
  outcome text collate "C",
  day text collate "C" not null,
  reserved_at bigint not null,
  settled_at bigint,
  PRIMARY KEY (id)
);
CREATE INDEX use_day ON public.use USING btree (day);
CREATE INDEX use_open ON public.use USING btree (reserved_at) WHERE (state = 'reserved'::text);
CREATE INDEX use_run ON public.use USING btree (run) WHERE (run IS NOT NULL);

create table vector (
  hash text collate "C" not null,
  model text collate "C" not null,
  numbers bytea not null,
  ahead bigint not null,
  uses bigint not null,
  made_at bigint not null,
  PRIMARY KEY (hash, model)
);

create table wait (
  id text collate "C" not null,
  run text collate "C" not null,
  op text collate "C" not null,
  kind text collate "C" not null,
  subject text collate "C",
  state text collate "C" not null,
  winner text collate "C",
  deadline bigint,
  opened_seq bigint not null,
  PRIMARY KEY (id)
);
CREATE INDEX wait_run ON public.wait USING btree (run) WHERE (state = 'open'::text);
CREATE INDEX wait_subject ON public.wait USING btree (subject) WHERE ((state = 'open'::text) AND (subject IS NOT NULL));

create table work (
  id text collate "C" not null,
  kind text collate "C" not null,
  at bigint,
  inbox bigint not null,
  PRIMARY KEY (id)
);
CREATE INDEX work_due ON public.work USING btree (at) WHERE (at IS NOT NULL);
