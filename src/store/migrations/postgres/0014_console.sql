-- The operator's console: the queue in pages, how long each decision took, what was done last, what followed from an event.
alter table gate add column looked_ms bigint;       -- how long the operator looked at it before deciding
create index gate_queue on gate (kind, risk, opened_seq, snoozed_until, expires_at) where state = 'open';
create index gate_expires on gate (expires_at) where state = 'open' and expires_at is not null;
create index gate_snoozed on gate (snoozed_until) where state = 'open' and snoozed_until is not null;
create index gate_decided on gate (decided_at) where state = 'decided';
create index effect_settled on effect (settled_at) where state = 'succeeded';
create index event_cause on event (cause) where cause is not null;
create index run_signal on run (signal) where signal is not null;
