-- What is looked up by something other than what it was found by so far: the gates of an effect, and the newest entities.
create index gate_subject on gate (subject);
create index entity_created on entity (created_seq);
