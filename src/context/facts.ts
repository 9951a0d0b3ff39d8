/** Entities and what is believed of them, over two times: when it held, and when it was recorded. */
export { instant, momentOf, type AsOf, type Instant } from './facts/as-of.ts'
export { Change, type Came, type Dispute, type Voice } from './facts/change.ts'
export {
  attribute,
  checkValue,
  DECLARED,
  declaredAttribute,
  entity,
  entityView,
  type Attribute,
  type Attributes,
  type Entity,
  type EntityKind,
  type Statements,
} from './facts/declare.ts'
export { conflictsAbout, getConflict, isAgainst, type ConflictRow } from './facts/disputes.ts'
export {
  addKey,
  entityCreated,
  entityIsNew,
  family,
  findFamily,
  getEntity,
  keysOfFamily,
  lookupKey,
} from './facts/entities.ts'
export { type QuoteSpan } from './facts/events.ts'
export { Facts, givenSpan } from './facts/facts.ts'
export { findQuote, quotedWords, searchQuote } from './facts/quotes.ts'
export {
  factAt,
  factsAt,
  factsNow,
  factsOf,
  factVersions,
  originOf,
  saidSeq,
  versionsOf,
  type FactRow,
} from './facts/rows.ts'
export { settle, type Outcome } from './facts/settle.ts'

import type { AnyEventKind } from '../store/index.ts'
import { DISPUTE_EVENTS } from './facts/disputes.ts'
import { ENTITY_EVENTS } from './facts/entities.ts'
import { STATEMENT_EVENTS } from './facts/events.ts'

export const FACT_EVENTS: readonly AnyEventKind[] = [...ENTITY_EVENTS, ...STATEMENT_EVENTS, ...DISPUTE_EVENTS]
