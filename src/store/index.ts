/** The store: one write path, the ledger's rows, projections. The only folder that knows SQL engines. */
export { type CommitResult } from './commit.ts'
export { type Fence, type Guard, type Scratch, type Snapshot } from './engine.ts'
export { ConflictError, StoreError } from './errors.ts'
export { erasePrivate, nothingSince } from './erase.ts'
export { eventKind, type AnyEventKind, type Cause, type EventInput, type EventRow } from './events.ts'
export { PastEngine } from './past.ts'
export { memoryCopy } from './sqlite.ts'
export { fillStore, readMeta } from './fill.ts'
export { bringUpToDate, rebuild } from './rebuild.ts'
export { newestSeq, seqAt } from './as-of.ts'
export { replayer } from './replay.ts'
export { sql, type Bound, type Value } from './sql.ts'
export { openStore, ownerOf, type Store, type StoreOptions } from './store.ts'
export * as work from './work.ts'
export {
  answerWait,
  stillOpen,
  waitClosed,
  waitOpened,
  waitResolved,
  WAIT_EVENTS,
  type WaitKind,
  type WaitRow,
} from './waits.ts'
