-- Devices that are told what waits. An endpoint is where a browser's push service takes messages: it is in no event, no
-- answer, no error and no snapshot. A restored copy has another key, and none of these.

create table push_device (
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
create unique index push_device_endpoint on push_device (endpoint_key);
create index push_device_session on push_device (session);
