-- Factotum on SQLite: conversations with whose turn it is, tasks, what decisions rest on, and complaints.
--
-- A `conversation` is a thread with one party: `turn` is ours or theirs since `turn_since`. A `task` is something to be done
-- by a time. A `premise` is one thing that a decision rests on, so that what rests on a fact is found from the fact. A
-- `complaint` has a row for each thing that it is about: what was complained of, and the decisions behind it.

alter table conversation add column turn_since integer not null default 0;
alter table conversation add column party_key text;    -- HMAC of whom it is with
alter table conversation add column subject_key text;  -- HMAC of its subject, without Re: and the like
alter table conversation add column closed_at integer;
alter table conversation add column closed_by text;
alter table conversation add column reason text;       -- why it was closed, or whose turn it was made
update conversation set
  party_key = (select m.party_key from message m where m.conversation = conversation.id order by m.at, m.id limit 1),
  turn_since = coalesce((select min(m.at) from message m where m.conversation = conversation.id
    and m.direction = case conversation.turn when 'ours' then 'in' else 'out' end
    and m.at >= coalesce((select max(o.at) from message o where o.conversation = conversation.id
      and o.direction = case conversation.turn when 'ours' then 'out' else 'in' end), 0)), updated_at);
create index conversation_party on conversation (party_key, subject_key, updated_at) where state = 'open';
create index conversation_turn on conversation (turn, turn_since) where state = 'open';
create index conversation_updated on conversation (updated_at);

create table task (
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
create index task_due on task (due_at) where state = 'open';
create index task_added on task (added_seq);

alter table decision add column question text;         -- what the agent was asked to do
alter table decision add column options text;          -- JSON: what else could have been chosen, and why it was not
create index decision_decided on decision (decided_seq);
create table premise (
  decision text not null,
  kind text not null,              -- fact, message, signal, decision, span
  id text not null,
  primary key (decision, kind, id)
) strict, without rowid;
create index premise_id on premise (id);
insert into premise select distinct d.id, 'fact', f.value from decision d, json_each(d.evidence, '$.facts') f;
insert into premise select distinct d.id, 'message', f.value from decision d, json_each(d.evidence, '$.messages') f;
insert into premise select distinct d.id, 'signal', f.value from decision d, json_each(d.evidence, '$.signals') f;
insert into premise select distinct d.id, 'decision', f.value from decision d, json_each(d.evidence, '$.decisions') f;

create table complaint (
  id text not null,
  subject text not null,           -- a decision or an effect
  signal text,                     -- the message that complained
  reason text,
  actor text not null,
  at integer not null,
  seq integer not null,
  primary key (id, subject)
) strict, without rowid;
create index complaint_subject on complaint (subject);
