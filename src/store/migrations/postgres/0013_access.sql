-- Access: who may ask this company, and what. Of every secret only a hash is kept.

-- projections: governance
create table access_token (
  id text collate "C" primary key,
  guest integer not null,           -- 1: the link of a person who only looks; 0: a program's
  scope text collate "C" not null,
  hash text collate "C" not null,               -- SHA-256 of 256 random bits
  name text collate "C",
  made_by text collate "C" not null,
  made_at bigint not null,
  expires_at bigint,
  revoked_at bigint,
  revoked_by text collate "C"
);
create unique index access_token_hash on access_token (hash);

-- not rebuilt: how the operator signs in, and who is signed in here. A restored copy has none of it.
create table access_credential (
  id text collate "C" primary key,              -- `password`, or the id that an authenticator gave its passkey
  kind text collate "C" not null,               -- password, passkey
  secret text collate "C" not null,             -- a password's hash with its parameters, a passkey's public key (JSON)
  uses bigint not null,            -- an authenticator's counter
  name text collate "C" not null,
  created_at bigint not null,
  used_at bigint
);

create table access_session (
  id text collate "C" primary key,
  hash text collate "C" not null,
  token text collate "C",                       -- the guest's; null: the operator
  method text collate "C" not null,             -- link, password, passkey, guest
  address text collate "C" not null,
  agent text collate "C" not null,
  created_at bigint not null,
  seen_at bigint not null,
  expires_at bigint not null
);
create unique index access_session_hash on access_session (hash);

create table access_link (
  hash text collate "C" primary key,
  expires_at bigint not null
);
