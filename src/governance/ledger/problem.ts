import type { Checkpoint } from './checkpoint.ts'
import type { Erasure } from './erased.ts'

/** What can be wrong with a ledger. The codes are stable. */
export type ProblemCode =
  /** An event does not give the leaf recorded beside it: the event or the leaf was changed. */
  | 'ledger.leaf_mismatch'
  /** A line of an export is not one that Factotum writes. */
  | 'ledger.bad_line'
  /** Events are missing, repeated or out of order. */
  | 'ledger.sequence_gap'
  /** The private part or its salt was changed. */
  | 'ledger.private_mismatch'
  /** The private part is gone and nothing says that it was erased. */
  | 'ledger.private_missing'
  /** All leaves fit their events, but not the signed root: an event was replaced together with its leaf. */
  | 'ledger.root_mismatch'
  /** A checkpoint is not signed by the trusted key, or does not read as one. */
  | 'ledger.bad_signature'
  /** A checkpoint is not of the size that it is recorded for, or does not cover the last events of an export. */
  | 'ledger.size_mismatch'
  /** The ledger ends before what was signed. */
  | 'ledger.truncated'
  /** The first line of an export is not a header, or not of the ledger that was asked for. */
  | 'ledger.header'
  /** A kept subtree hash is not the one that the leaves give. For verifiers of a store. */
  | 'ledger.node_mismatch'
  /** There were more problems than a report lists. */
  | 'ledger.more'

export type Problem = Readonly<{
  /** The event that it is about, or null when it is about the whole. */
  seq: number | null
  code: ProblemCode
  /** What is wrong and what to do. Never personal data. */
  message: string
}>

export type Report =
  | Readonly<{
      ok: true
      /** Events verified, and the base64 root over all of them. */
      size: number
      root: string
      /** The newest verified checkpoint; null when none was shown. Events from its size on are hashed but not signed. */
      checkpoint: Checkpoint | null
      /** In order. Each explains why private parts before it are missing. */
      erasures: readonly Erasure[]
    }>
  | Readonly<{ ok: false; problems: readonly Problem[] }>
