-- Factotum on PostgreSQL: requests with an idempotency key, so that one asked again is answered and not done again.
--
-- A row is taken before anything is done, and told the answer after. It is deleted a day later. What it holds may be
-- personal: it is in no event, no snapshot, and an erasure empties every answer. What was deleted stays in pages that nobody
-- reads until the table is rewritten: Factotum does that itself, so no other vacuum runs.

create table request (
  id text collate "C" primary key, -- HMAC of who asks and the key
  asked text collate "C" not null, -- HMAC of the operation and its arguments
  holder text collate "C" not null, -- the process that does it
  lease_until bigint not null, -- renewed while it is being done
  expires_at bigint not null,
  keep bigint not null, -- 0: its answer is not to be kept
  status bigint, -- HTTP; null: there is no answer yet
  answer text collate "C" -- JSON; null: none yet, not to be kept, or erased
) with (autovacuum_enabled = false);
create index request_expiry on request (expires_at);
