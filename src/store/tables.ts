/**
 * Every table of the company, in one place: the projections with the order that compares them, and what is neither
 * ledger nor projection with the reason why. A test holds this list against the schema.
 */
export const PROJECTIONS: Readonly<Record<string, string>> = {
  work: 'id',
  entity: 'id',
  entity_key: 'kind, lookup',
  fact: 'id',
  conflict: 'id',
  entity_merge: 'entity, merged_seq',
  decision: 'id',
  opinion: 'decision, n',
  premise: 'decision, kind, id',
  complaint: 'id, subject',
  task: 'id',
  conversation: 'id',
  conversation_key: 'key',
  message: 'id',
  document: 'id',
  document_version: 'document, version',
  document_about: 'entity, document, version',
  gate: 'id',
  pause: 'scope',
  use: 'id',
  meter: 'scope, period, kind, currency',
  digest: 'id',
  absence: 'id',
  effect: 'id',
  audit: 'effect',
  lane: 'id',
  service: 'connector',
  run: 'id',
  wait: 'id',
  schedule: 'id',
  signal: 'id',
  erasure: 'id',
  access_token: 'id',
}

/**
 * What is not rebuilt and yet is there in the company as of an earlier head: read from the company itself, with the
 * condition that says how much of it. What is not named here (leases, ephemeral context) has no past, and is empty there.
 */
export const SHOWN_AS_OF: Readonly<Record<string, (head: number) => string>> = {
  event: (head) => `seq < ${head}`,
  checkpoint: (head) => `size <= ${head}`,
  tree_node: (head) => `(idx + 1) * power(2, level) <= ${head}`,
  meta: () => 'true',
  blob: () => 'true',
}

export const NOT_REBUILT: Readonly<Record<string, string>> = {
  event: 'the ledger itself',
  ledger_head: 'where the ledger ends (PostgreSQL): the row that commits take turns on',
  meta: 'identity of the company and of this database',
  migration: 'which schema this is',
  lease: 'who drives what right now',
  blob: 'large content, named by its hash in events',
  checkpoint: 'signatures over the ledger: an event for each would never end',
  tree_node: 'cache of the Merkle tree',
  ephemeral: 'ephemeral context: has a time to live and no history',
  request: 'answers to requests with a key: kept for a day, so that one asked again is not done again',
  recall_index: 'how far the index of passages has read the ledger',
  passage: 'index of messages and documents, made from them after they are committed',
  passage_scope: 'index of messages and documents',
  posting: 'index of messages and documents',
  vector: 'cache of what passages mean to a model',
  access_credential: 'how the operator signs in: a restored copy asks anew',
  access_session: 'who is signed in right now',
  access_link: 'keys that sign in once',
  push_device: 'browsers that are told what waits: whoever knows an endpoint reaches them, so no event has it',
  encoding: 'what vectors cost and what they changed',
}
