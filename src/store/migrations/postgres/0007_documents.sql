-- Documents in versions, and the index by which messages and documents are recalled.
--
-- A `document` has one row for each `document_version`; its text is read from there, whatever quotes it. The index is
-- a cache: `passage` is a piece of one message or of one version of a document, `posting` says which words (a 53-bit
-- hash each) stand in which passages, newest first, `passage_scope` whom a passage is about, `vector` what a passage
-- means to a model. `recall_index` says how far the ledger is indexed: dropping all five loses nothing but time.

-- projections: context -------------------------------------------------------------------------------------------
create table document (
  id text collate "C" primary key,
  lookup text collate "C" not null,            -- HMAC of the name it was given: the same name is the same document
  version bigint not null,        -- the newest
  created_at bigint not null,
  created_seq bigint not null,
  updated_at bigint not null
);
create unique index document_lookup on document (lookup);
create table document_version (
  document text collate "C" not null,
  version bigint not null,
  media_type text collate "C" not null,        -- text/plain, text/markdown, text/html, application/pdf
  digest text collate "C" not null,            -- HMAC of text, title and whom it is about: the same again adds nothing
  size bigint not null,           -- bytes of what was read
  characters bigint not null,     -- UTF-16 units of the text that was found in it
  trust text collate "C" not null,
  actor text collate "C" not null,
  source text collate "C",                     -- the signal, effect or run that it came from
  original text collate "C",                   -- JSON: where the same text was recalled from; it is no second source
  at bigint not null,             -- from when it holds
  until bigint,                   -- to when: the next version's time; null for the newest
  recorded_seq bigint not null,
  title text collate "C",
  name text collate "C",                       -- the file's name, as it was given
  raw text collate "C",                        -- hash of the blob it was read from
  text text collate "C",
  primary key (document, version)
);
create table document_about (entity text collate "C" not null, document text collate "C" not null, version bigint not null, primary key (entity, document, version));
create index document_about_document on document_about (document, version);

-- not rebuilt ----------------------------------------------------------------------------------------------------
create table recall_index (
  id bigint primary key,          -- 1
  version text collate "C" not null,           -- how passages and words were made: another way indexes anew
  seq bigint not null,            -- events before it are indexed
  part bigint not null,           -- and so many passages of the one at it
  next bigint not null,           -- the id of the next passage
  passages bigint not null,
  words bigint not null
);
create table passage (
  id bigint primary key,
  source text collate "C" not null,            -- a message or a document
  version bigint not null,        -- of the document; 0 for a message
  begins bigint not null,         -- UTF-16 offsets in the text of the source
  ends bigint not null,
  doc text collate "C" not null,               -- the conversation or document that it is read in
  n bigint not null,              -- its place there
  role text collate "C" not null,              -- them, us, operator, document
  trust text collate "C" not null,
  at bigint not null,
  until bigint,                   -- when another version took its place
  general bigint not null,        -- 1: about nobody in particular
  hash text collate "C" not null,              -- HMAC of the text: the same words twice are one answer, and one vector
  words bigint not null,
  speaker text collate "C",
  heading text collate "C" not null,
  text text collate "C" not null,
  terms text collate "C" not null              -- of the heading, a line break, of the text
);
create unique index passage_source on passage (source, version, begins);
create index passage_doc on passage (doc, n);
create index passage_hash on passage (hash);
create table passage_scope (scope text collate "C" not null, passage bigint not null, primary key (scope, passage));
create index passage_scope_passage on passage_scope (passage);
create table posting (
  term bigint not null,
  general bigint not null,
  passage bigint not null,
  weight bigint not null,         -- thousandths: how much the word says about the passage
  primary key (term, general, passage)
);
create table vector (
  hash text collate "C" not null,              -- of the passage's text
  model text collate "C" not null,
  numbers bytea not null,           -- float32, little endian, of unit length
  ahead bigint not null,          -- 1: made before anybody asked
  uses bigint not null,
  made_at bigint not null,
  primary key (hash, model)
);
create table encoding (
  model text collate "C" primary key,
  vectors bigint not null,        -- made since ever, of which `ahead` before anybody asked
  ahead bigint not null,
  queries bigint not null,
  tokens bigint not null,
  took_ms bigint not null,
  micros bigint not null,         -- millionths of the currency's unit
  currency text collate "C" not null,
  recalls bigint not null,        -- that vectors took part in
  changed bigint not null         -- of which answered otherwise than words alone
);
