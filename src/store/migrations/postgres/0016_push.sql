-- Devices that are told what waits. An endpoint is where a browser's push service takes messages: it is in no event, no
-- answer, no error and no snapshot. A restored copy has another key, and none of these.

create table push_device (
  id text collate "C" primary key,
  endpoint_key text collate "C" not null,         -- HMAC of the endpoint: one browser is one device
  endpoint text collate "C" not null,
  p256dh text collate "C" not null,               -- the browser's public key, base64url
  auth text collate "C" not null,                 -- the secret between the browser and this company, base64url
  session text collate "C" not null,              -- who signed in there; where that one ended by itself, it is told no words
  origin text collate "C" not null,               -- where the console was open
  name text collate "C" not null,
  says text collate "C" not null,                 -- title: what it is about; count: only that something waits
  since bigint not null,
  told_seq bigint not null,             -- what was opened before is told, or was there already
  told_at bigint not null,              -- what came back or became urgent before is told
  sent_at bigint,                       -- the last message that the push service took
  tries bigint not null,                -- how often in a row it took none
  not_before bigint not null,           -- no message before
  held_until bigint not null,           -- somebody sends to it right now
  error text collate "C",                         -- what went wrong the last time, without the endpoint
  error_at bigint
);
create unique index push_device_endpoint on push_device (endpoint_key);
create index push_device_session on push_device (session);
