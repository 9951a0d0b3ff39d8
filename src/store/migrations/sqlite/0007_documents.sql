-- Documents in versions, and the index by which messages and documents are recalled.
--
-- A `document` has one row for each `document_version`; its text is read from there, whatever quotes it. The index is
-- a cache: `passage` is a piece of one message or of one version of a document, `posting` says which words (a 53-bit
-- hash each) stand in which passages, newest first, `passage_scope` whom a passage is about, `vector` what a passage
-- means to a model. `recall_index` says how far the ledger is indexed: dropping all five loses nothing but time.

-- projections: context -------------------------------------------------------------------------------------------
create table document (
  id text primary key,
  lookup text not null,            -- HMAC of the name it was given: the same name is the same document
  version integer not null,        -- the newest
  created_at integer not null,
  created_seq integer not null,
  updated_at integer not null
) strict, without rowid;
create unique index document_lookup on document (lookup);
create table document_version (
  document text not null,
  version integer not null,
  media_type text not null,        -- text/plain, text/markdown, text/html, application/pdf
  digest text not null,            -- HMAC of text, title and whom it is about: the same again adds nothing
  size integer not null,           -- bytes of what was read
  characters integer not null,     -- UTF-16 units of the text that was found in it
  trust text not null,
  actor text not null,
  source text,                     -- the signal, effect or run that it came from
  original text,                   -- JSON: where the same text was recalled from; it is no second source
  at integer not null,             -- from when it holds
  until integer,                   -- to when: the next version's time; null for the newest
  recorded_seq integer not null,
  title text,
  name text,                       -- the file's name, as it was given
  raw text,                        -- hash of the blob it was read from
  text text,
  primary key (document, version)
) strict, without rowid;
create table document_about (entity text not null, document text not null, version integer not null, primary key (entity, document, version)) strict, without rowid;
create index document_about_document on document_about (document, version);

-- not rebuilt ----------------------------------------------------------------------------------------------------
create table recall_index (
  id integer primary key,          -- 1
  version text not null,           -- how passages and words were made: another way indexes anew
  seq integer not null,            -- events before it are indexed
  part integer not null,           -- and so many passages of the one at it
  next integer not null,           -- the id of the next passage
  passages integer not null,
  words integer not null
) strict;
create table passage (
  id integer primary key,
  source text not null,            -- a message or a document
  version integer not null,        -- of the document; 0 for a message
  begins integer not null,         -- UTF-16 offsets in the text of the source
  ends integer not null,
  doc text not null,               -- the conversation or document that it is read in
  n integer not null,              -- its place there
  role text not null,              -- them, us, operator, document
  trust text not null,
  at integer not null,
  until integer,                   -- when another version took its place
  general integer not null,        -- 1: about nobody in particular
  hash text not null,              -- HMAC of the text: the same words twice are one answer, and one vector
  words integer not null,
  speaker text,
  heading text not null,
  text text not null,
  terms text not null              -- of the heading, a line break, of the text
) strict;
create unique index passage_source on passage (source, version, begins);
create index passage_doc on passage (doc, n);
create index passage_hash on passage (hash);
create table passage_scope (scope text not null, passage integer not null, primary key (scope, passage)) strict, without rowid;
create index passage_scope_passage on passage_scope (passage);
create table posting (
  term integer not null,
  general integer not null,
  passage integer not null,
  weight integer not null,         -- thousandths: how much the word says about the passage
  primary key (term, general, passage)
) strict, without rowid;
create table vector (
  hash text not null,              -- of the passage's text
  model text not null,
  numbers blob not null,           -- float32, little endian, of unit length
  ahead integer not null,          -- 1: made before anybody asked
  uses integer not null,
  made_at integer not null,
  primary key (hash, model)
) strict, without rowid;
create table encoding (
  model text primary key,
  vectors integer not null,        -- made since ever, of which `ahead` before anybody asked
  ahead integer not null,
  queries integer not null,
  tokens integer not null,
  took_ms integer not null,
  micros integer not null,         -- millionths of the currency's unit
  currency text not null,
  recalls integer not null,        -- that vectors took part in
  changed integer not null         -- of which answered otherwise than words alone
) strict, without rowid;
