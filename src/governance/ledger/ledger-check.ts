import { FactotumError } from '../../lib/errors.ts'
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { eventLeaf, type LeafEvent, privateHash, SALT_BYTES } from '../../lib/event-leaf.ts'
import { ERASED_KIND, erasedIn, type Erasure } from './erased.ts'
import { Frontier, type OnNode } from './frontier.ts'
import { equalBytes, HASH_BYTES } from './merkle.ts'
import type { Verifier } from './note-key.ts'
import type { Problem, ProblemCode, Report } from './problem.ts'

/** An event as it is kept: with its leaf hash (32 bytes) and, while it has one, its private text and salt. */
export type LedgerRow = LeafEvent & Readonly<{ leaf: Uint8Array; private: string | null; salt: Uint8Array | null }>

export type LedgerCheckOptions = Readonly<{
  /** The keys that the person trusts: one, or several where the key was changed over time. */
  verifiers: readonly Verifier[]
  /** Whether private parts were left out on purpose. */
  redacted?: boolean
  /** Called with each kept subtree hash as it comes out of the leaves, to compare with a store's. */
  onNode?: OnNode
}>

/** A ledger that is wrong throughout must not fill the memory with findings. */
const MAX_PROBLEMS = 1_000

/**
 * Verifies a ledger from its first event, one row at a time in constant memory, whether the rows come from a file or a
 * database. Feed every row in order; call `checkpointAt` for each checkpoint right after the events that it covers.
 * Every call answers the problems that it found, at once; `result` answers all of them, and private parts that are missing
 * although no erasure after them names them: of all that is kept here, only their numbers grow. Nothing here throws for
 * what is wrong with a ledger.
 */
export class LedgerCheck {
  readonly #options: LedgerCheckOptions
  readonly #frontier: Frontier
  #expected = 0
  /** Lines since the last row that could not be read at all: each may have been one more event. */
  #unread = 0
  #checkpoint: Checkpoint | null = null
  #problems: Problem[] = []
  #unlisted = 0
  /** Events whose private part is gone, until an erasure names them. */
  readonly #missing = new Set<number>()
  /** The stream of the erasure that was read last: its parts are recorded together. */
  #erasure: string | null = null
  readonly #erasures: Erasure[] = []

  constructor(options: LedgerCheckOptions) {
    this.#options = options
    this.#frontier = new Frontier(options.onNode)
  }

  /** Events in the tree so far: those in front of the first one that is missing or unreadable. */
  get size(): number {
    return this.#frontier.size
  }

  /** The 32-byte root over those events. */
  root(): Buffer {
    return this.#frontier.root()
  }

  feed(row: LedgerRow): readonly Problem[] {
    const fits = equalBytes(eventLeaf(row), row.leaf)
    const { seq, found } = this.#place(row, fits)
    if (!fits && found.length === 0) {
      const message = `Event ${seq} is not what was recorded: it does not give the leaf hash beside it. Compare it with a backup.`
      found.push(problem(seq, 'ledger.leaf_mismatch', message))
    }
    found.push(...this.#checkPrivate(row, seq))
    if (fits && row.kind === ERASED_KIND) this.#explain(row, seq)
    // The recorded leaf goes in, so that one changed event does not also look like a changed tree.
    if (this.#frontier.size === seq) this.#frontier.append(row.leaf.length === HASH_BYTES ? row.leaf : eventLeaf(row))
    return this.#list(found)
  }

  /** Reports that where a row was expected there is something that is not one; `what` completes "the line is …". */
  unreadable(what: string): readonly Problem[] {
    const seq = this.#expected + this.#unread++
    return this.#list([
      problem(
        seq,
        'ledger.bad_line',
        `Where event ${seq} belongs, the line is ${what}. Get an unchanged copy of the file.`,
      ),
    ])
  }

  /** Reports what a caller found in its own format or store. */
  report(found: Problem): readonly Problem[] {
    return this.#list([found])
  }

  /** Checks the signed checkpoint recorded for the first `size` events. */
  checkpointAt(size: number, note: string): readonly Problem[] {
    let checkpoint: Checkpoint
    try {
      checkpoint = openCheckpoint(note, this.#options.verifiers)
    } catch (error) {
      if (!(error instanceof FactotumError)) throw error
      return this.#list([
        problem(null, 'ledger.bad_signature', `The checkpoint for ${size} events does not verify. ${error.message}`),
      ])
    }
    return this.#list(this.#checkCheckpoint(size, checkpoint))
  }

  result(): Report {
    const missing = [...this.#missing]
    this.#missing.clear()
    this.#list(
      missing.map((seq) =>
        problem(
          seq,
          'ledger.private_missing',
          `The private part of event ${seq} is missing, and no recorded erasure names it. Restore it from a backup, and find out who took it out.`,
        ),
      ),
    )
    if (this.#problems.length === 0) {
      const root = this.#frontier.root().toString('base64')
      return { ok: true, size: this.#frontier.size, root, checkpoint: this.#checkpoint, erasures: this.#erasures }
    }
    const more = `${this.#unlisted} more problems were found and are not listed. Restore the ledger from a backup.`
    const problems = this.#unlisted > 0 ? [...this.#problems, problem(null, 'ledger.more', more)] : this.#problems
    return { ok: false, problems }
  }

  /** Which event the row is, and what is wrong with its place: a changed number, or missing, repeated, moved events. */
  #place(row: LedgerRow, fits: boolean): { seq: number; found: Problem[] } {
    const expected = this.#expected
    const here = expected + this.#unread
    const inPlace = row.seq >= expected && row.seq <= here
    if (!inPlace && !fits) {
      this.#expected = here + 1
      this.#unread = 0
      const message = `Where event ${here} belongs there is one numbered ${row.seq} that does not give the leaf hash beside it. Compare it with a backup.`
      return { seq: here, found: [problem(here, 'ledger.leaf_mismatch', message)] }
    }
    if (row.seq < expected) {
      const message = `Event ${row.seq} is repeated or out of its order. Get an unchanged copy of the ledger.`
      return { seq: row.seq, found: [problem(row.seq, 'ledger.sequence_gap', message)] }
    }
    this.#expected = row.seq + 1
    this.#unread = 0
    if (inPlace) return { seq: row.seq, found: [] }
    const missing = row.seq === here + 1 ? `Event ${here} is` : `Events ${here} to ${row.seq - 1} are`
    const message = `${missing} missing: the next is ${row.seq}. Restore from a backup.`
    return { seq: row.seq, found: [problem(here, 'ledger.sequence_gap', message)] }
  }

  #checkPrivate(row: LedgerRow, seq: number): Problem[] {
    const changed = (what: string): Problem[] => [
      problem(seq, 'ledger.private_mismatch', `The private part of event ${seq} ${what}. Compare it with a backup.`),
    ]
    const { salt } = row
    if (row.privateHash === null) {
      return row.private === null && salt === null ? [] : changed('was added later: nothing was recorded')
    }
    if (this.#options.redacted) return []
    if (row.private === null) {
      if (salt !== null) return changed('is gone but its salt is not; they are only ever erased together')
      this.#missing.add(seq)
      return []
    }
    const isWhole = salt?.length === SALT_BYTES && row.private.isWellFormed()
    if (isWhole && privateHash(salt, row.private) === row.privateHash) return []
    return changed('is not what was recorded: it or its salt does not give the recorded hash')
  }

  /** An erasure explains what is missing before it, and nothing else. */
  #explain({ body, stream, at: when }: LedgerRow, at: number): void {
    const { ranges: named, more } = erasedIn(body)
    // A part without its erasure is in no list that the operator is shown.
    if (more && stream !== this.#erasure) return
    const ranges = named.map(([from, to]) => [from, Math.min(to, at - 1)] as const).filter(([a, b]) => a <= b)
    const events = ranges.reduce((n, [from, to]) => n + to - from + 1, 0)
    const before = stream === this.#erasure ? this.#erasures.at(-1) : undefined
    if (before && more)
      this.#erasures.splice(-1, 1, { ...before, ranges: [...before.ranges, ...ranges], events: before.events + events })
    else this.#erasures.push({ seq: at, at: when, ranges, events })
    this.#erasure = stream
    for (const [from, last] of ranges) {
      if (last - from < this.#missing.size) for (let seq = from; seq <= last; seq++) this.#missing.delete(seq)
      else for (const seq of this.#missing) if (seq >= from && seq <= last) this.#missing.delete(seq)
    }
  }

  #checkCheckpoint(size: number, checkpoint: Checkpoint): Problem[] {
    if (checkpoint.size !== size) {
      return [
        problem(
          null,
          'ledger.size_mismatch',
          `The checkpoint for ${size} events is signed for ${checkpoint.size}. Get an unchanged copy of the ledger.`,
        ),
      ]
    }
    if (this.#frontier.size === size) {
      if (equalBytes(this.#frontier.root(), checkpoint.root)) {
        this.#checkpoint = checkpoint
        return []
      }
      return [
        problem(
          null,
          'ledger.root_mismatch',
          `The first ${size} events do not give the root signed for them: one was replaced together with its leaf hash. Compare with a backup and with the checkpoints kept outside.`,
        ),
      ]
    }
    // After a gap no later root can be computed; the gap is reported, and saying it again for each checkpoint helps nobody.
    if (this.#problems.length > 0) return []
    const message =
      this.#frontier.size < size
        ? `The ledger ends after ${this.#frontier.size} of the ${size} events that were signed. Restore the rest from a backup.`
        : `A checkpoint for ${size} events follows event ${this.#frontier.size - 1}. It must come right after the events that it covers.`
    return [problem(null, this.#frontier.size < size ? 'ledger.truncated' : 'ledger.size_mismatch', message)]
  }

  #list(found: readonly Problem[]): readonly Problem[] {
    for (const one of found) {
      if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(one)
      else this.#unlisted++
    }
    return found
  }
}

function problem(seq: number | null, code: ProblemCode, message: string): Problem {
  return { seq, code, message }
}
