-- Access: who may ask this company, and what. Of every secret only a hash is kept.

-- projections: governance
create table access_token (
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
create unique index access_token_hash on access_token (hash);

-- not rebuilt: how the operator signs in, and who is signed in here. A restored copy has none of it.
create table access_credential (
  id text primary key,              -- `password`, or the id that an authenticator gave its passkey
  kind text not null,               -- password, passkey
  secret text not null,             -- a password's hash with its parameters, a passkey's public key (JSON)
  uses integer not null,            -- an authenticator's counter
  name text not null,
  created_at integer not null,
  used_at integer
) strict, without rowid;

create table access_session (
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
create unique index access_session_hash on access_session (hash);

create table access_link (
  hash text primary key,
  expires_at integer not null
) strict, without rowid;
