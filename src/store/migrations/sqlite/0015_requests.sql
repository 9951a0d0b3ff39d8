-- Factotum on SQLite: requests with an idempotency key, so that one asked again is answered and not done again.
--
-- A row is taken before anything is done, and told the answer after. It is deleted a day later. What it holds may be
-- personal: it is in no event, no snapshot, and an erasure empties every answer.

create table request (
  id text primary key,              -- HMAC of who asks and the key
  asked text not null,              -- HMAC of the operation and its arguments
  holder text not null,             -- the process that does it
  lease_until integer not null,     -- renewed while it is being done
  expires_at integer not null,
  keep integer not null,            -- 0: its answer is not to be kept
  status integer,                   -- HTTP; null: there is no answer yet
  answer text                       -- JSON; null: none yet, not to be kept, or erased
) strict, without rowid;
create index request_expiry on request (expires_at);
