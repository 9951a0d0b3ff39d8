-- Factotum on PostgreSQL: conversations with whose turn it is, tasks, what decisions rest on, and complaints.
--
-- A `conversation` is a thread with one party: `turn` is ours or theirs since `turn_since`. A `task` is something to be done
-- by a time. A `premise` is one thing that a decision rests on, so that what rests on a fact is found from the fact. A
-- `complaint` has a row for each thing that it is about: what was complained of, and the decisions behind it.

alter table conversation add column turn_since bigint not null default 0;
alter table conversation add column party_key text collate "C";    -- HMAC of whom it is with
alter table conversation add column subject_key text collate "C";  -- HMAC of its subject, without Re: and the like
alter table conversation add column closed_at bigint;
alter table conversation add column closed_by text collate "C";
alter table conversation add column reason text collate "C";       -- why it was closed, or whose turn it was made
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
  id text collate "C" primary key,
  state text collate "C" not null,             -- open, done, dropped
  assignee text collate "C" not null,          -- operator, agent:NAME, workflow:NAME, run:ID
  due_at bigint not null,
  text text collate "C",
  why text collate "C",
  note text collate "C",                       -- what was said when it was moved or ended
  trust text collate "C" not null,             -- of what led to it: operator, verified, outsider
  run text collate "C",                        -- the run that added it
  source text collate "C",                     -- the signal that it came from
  added_by text collate "C" not null,
  added_at bigint not null,
  added_seq bigint not null,
  ended_by text collate "C",
  ended_at bigint,
  moved_seq bigint not null       -- its newest event
);
create index task_due on task (due_at) where state = 'open';
create index task_added on task (added_seq);

alter table decision add column question text collate "C";         -- what the agent was asked to do
alter table decision add column options text collate "C";          -- JSON: what else could have been chosen, and why it was not
create index decision_decided on decision (decided_seq);
create table premise (
  decision text collate "C" not null,
  kind text collate "C" not null,              -- fact, message, signal, decision, span
  id text collate "C" not null,
  primary key (decision, kind, id)
);
create index premise_id on premise (id);
insert into premise select distinct d.id, 'fact', f.value from decision d, json_array_elements_text(d.evidence::json -> 'facts') f;
insert into premise select distinct d.id, 'message', f.value from decision d, json_array_elements_text(d.evidence::json -> 'messages') f;
insert into premise select distinct d.id, 'signal', f.value from decision d, json_array_elements_text(d.evidence::json -> 'signals') f;
insert into premise select distinct d.id, 'decision', f.value from decision d, json_array_elements_text(d.evidence::json -> 'decisions') f;

create table complaint (
  id text collate "C" not null,
  subject text collate "C" not null,           -- a decision or an effect
  signal text collate "C",                     -- the message that complained
  reason text collate "C",
  actor text collate "C" not null,
  at bigint not null,
  seq bigint not null,
  primary key (id, subject)
);
create index complaint_subject on complaint (subject);
