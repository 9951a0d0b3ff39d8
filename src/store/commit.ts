import { randomFillSync } from 'node:crypto'
import type { Clock } from '../lib/clock.ts'
import { MAX_JSON_BYTES } from '../lib/json.ts'
import { fenced, StoreError } from './errors.ts'
import type { Engine, Fence, Guard, Member, Outcome } from './engine.ts'
import { eventLeaf, privateHash } from '../lib/event-leaf.ts'
import type { EventInput, EventRow, ProjectedEvent } from './events.ts'
import type { Bound } from './sql.ts'

/**
 * One change of canonical state: events that are committed together, with everything that must hold for them.
 *
 * - `key`: the same key answers what was recorded; the same key with other content is `store.key_reused`.
 * - `guards`: SQL that must match a row, else the guard's own typed conflict.
 * - `fence`: the lease the caller drives under, else `store.fenced`.
 * - `also`: writes to tables that are not projections (blobs, leases, scratch), in the same transaction.
 */
export interface CommitInput {
  readonly key: string
  readonly events: readonly EventInput[]
  readonly guards?: readonly Guard[]
  readonly fence?: Fence
  readonly also?: readonly Bound[]
}

export interface CommitResult {
  /** `seq` of the first event. */
  readonly seq: number
  readonly at: number
  /** The key was there already, with the same content: nothing was written. */
  readonly duplicate: boolean
  /** How many things had arrived for the fenced work when this committed; -1 without a fence. */
  readonly inbox: number
}

/** A group is bounded so that the event loop stays responsive: about 20 ms of work at the slowest measured rate. */
const MAX_GROUP_EVENTS = 1_000
const MAX_GROUP_BYTES = 8 * 1024 * 1024
/** Room for a value of the largest size, escaped, and its envelope. */
const MAX_EVENT_BYTES = 4 * MAX_JSON_BYTES
const NO_GUARDS: readonly never[] = []

interface Waiting {
  readonly member: Member
  readonly events: number
  at: number
  resolve(result: CommitResult): void
  reject(error: Error): void
}

export type CommitListener = (events: readonly EventRow[]) => void

/**
 * Gathers the commits that wait at the same moment into groups that share a transaction and an fsync. Each caller
 * resolves only when its events are durable.
 */
export class Committer {
  readonly #engine: Engine
  readonly #clock: Clock
  readonly #listeners = new Set<CommitListener>()
  #queue: Waiting[] = []
  #scheduled = false
  #flushing: Promise<void> | null = null
  #lastAt = 0
  #broken: Error | null = null
  /** Called once, when nobody knows any more what is on disk. */
  onBroken: (error: Error) => void = () => {}

  constructor(engine: Engine, clock: Clock, lastAt: number) {
    this.#engine = engine
    this.#clock = clock
    this.#lastAt = lastAt
  }

  onCommit(listener: CommitListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  commit(input: CommitInput): Promise<CommitResult> {
    return new Promise((resolve, reject) => {
      if (this.#broken) return reject(this.#broken)
      let waiting: Waiting
      try {
        waiting = this.#prepare(input, resolve, reject)
      } catch (error) {
        return reject(error as Error)
      }
      this.#queue.push(waiting)
      this.#schedule()
    })
  }

  /** Resolves when everything committed so far is durable or refused. */
  async drain(): Promise<void> {
    while (this.#queue.length > 0 || this.#flushing) {
      if (this.#flushing) await this.#flushing
      else this.#flush()
    }
  }

  /** Refuses everything from now on: after a failed COMMIT nobody knows what is on disk. */
  break(error: Error): void {
    if (this.#broken) return
    this.#broken = error
    this.onBroken(error)
    for (const waiting of this.#queue.splice(0)) waiting.reject(error)
  }

  #prepare(input: CommitInput, resolve: Waiting['resolve'], reject: Waiting['reject']): Waiting {
    const { events } = input
    if (events.length === 0) throw new StoreError('store.empty_commit', `The commit "${input.key}" has no events.`)
    // Texts are made here, once: what is compared, hashed and stored is the same bytes.
    const bodies: string[] = []
    const privates: (string | null)[] = []
    const content: [string, string][] = []
    let size = 0
    assertHashable(input.key, 'key')
    for (const event of events) {
      assertHashable(event.stream, 'stream')
      assertHashable(event.actor, 'actor')
      const body = JSON.stringify(event.body)
      const secret = event.private === null ? null : JSON.stringify(event.private)
      const bytes = body.length + (secret?.length ?? 0)
      if (bytes > MAX_EVENT_BYTES) {
        throw new StoreError(
          'store.too_large',
          `An event of kind ${event.kind} is ${bytes} characters; the limit is ${MAX_EVENT_BYTES}. Put large content in a blob.`,
        )
      }
      size += bytes + 200
      bodies.push(body)
      privates.push(secret)
      content.push([event.kind, body])
    }
    const waiting: Waiting = {
      events: events.length,
      at: 0,
      resolve,
      reject,
      member: {
        key: input.key,
        content,
        fence: input.fence ?? null,
        guards: input.guards ?? NO_GUARDS,
        also: input.also ?? NO_GUARDS,
        size,
        build: (firstSeq) => build(input, bodies, privates, firstSeq, waiting.at),
      },
    }
    return waiting
  }

  #schedule(): void {
    if (this.#scheduled || this.#flushing) return
    this.#scheduled = true
    // After the poll phase, so that every commit this turn of the loop leads to shares the flush.
    setImmediate(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  #take(): Waiting[] {
    let events = 0
    let bytes = 0
    let n = 0
    while (n < this.#queue.length && (n === 0 || (events < MAX_GROUP_EVENTS && bytes < MAX_GROUP_BYTES))) {
      events += this.#queue[n]!.events
      bytes += this.#queue[n]!.member.size
      n++
    }
    return n === this.#queue.length ? this.#queue.splice(0) : this.#queue.splice(0, n)
  }

  #flush(): void {
    if (this.#flushing || this.#queue.length === 0 || this.#broken) return
    const group = this.#take()
    const at = (this.#lastAt = Math.max(this.#lastAt, this.#clock.now()))
    for (const waiting of group) waiting.at = at
    let outcomes: Outcome[] | Promise<Outcome[]>
    try {
      outcomes = this.#engine.commitGroup(group.map((w) => w.member))
    } catch (error) {
      return this.#fail(group, error as Error)
    }
    if (Array.isArray(outcomes)) return this.#settle(group, outcomes)
    this.#flushing = outcomes
      .then(
        (list) => this.#settle(group, list),
        (error: Error) => this.#fail(group, error),
      )
      .finally(() => {
        this.#flushing = null
        if (this.#queue.length > 0) this.#schedule()
      })
  }

  #fail(group: readonly Waiting[], error: Error): void {
    if (error instanceof StoreError && error.code === 'store.broken') this.break(error)
    for (const waiting of group) waiting.reject(error)
    if (this.#queue.length > 0) this.#schedule()
  }

  #settle(group: readonly Waiting[], outcomes: readonly Outcome[]): void {
    const rows: EventRow[] = []
    for (let i = 0; i < group.length; i++) {
      const waiting = group[i]!
      const outcome = outcomes[i]!
      if (!outcome.ok) {
        waiting.reject(outcome.error)
        continue
      }
      if (outcome.built) for (const row of outcome.built.rows) rows.push(row)
      waiting.resolve({ seq: outcome.seq, at: waiting.at, duplicate: outcome.duplicate, inbox: outcome.inbox })
    }
    if (rows.length > 0) for (const listener of this.#listeners) listener(rows)
    if (this.#queue.length > 0) this.#schedule()
  }
}

function build(
  input: CommitInput,
  bodies: readonly string[],
  privates: readonly (string | null)[],
  firstSeq: number,
  at: number,
) {
  const rows: EventRow[] = []
  const writes: Bound[] = []
  for (let i = 0; i < input.events.length; i++) {
    const event = input.events[i]!
    const seq = firstSeq + i
    const cause = typeof event.cause === 'object' && event.cause !== null ? firstSeq + event.cause.index : event.cause
    const secret = privates[i]!
    const salt = secret === null ? null : newSalt()
    const secretHash = secret === null ? null : privateHash(salt!, secret)
    const row = {
      seq,
      key: i === 0 ? input.key : null,
      kind: event.kind,
      stream: event.stream,
      actor: event.actor,
      cause,
      at,
      body: bodies[i]!,
      private: secret,
      salt,
      private_hash: secretHash,
      leaf: EMPTY,
    }
    const { kind, stream, actor } = event
    row.leaf = eventLeaf({ seq, key: row.key, kind, stream, actor, cause, at, body: row.body, privateHash: secretHash })
    rows.push(row)
    const projected: ProjectedEvent = {
      seq,
      kind: event.kind,
      stream: event.stream,
      actor: event.actor,
      cause,
      at,
      body: event.body,
      private: event.private,
    }
    for (const write of event.project(projected as never)) writes.push(write)
  }
  return { rows, writes }
}

const EMPTY: Uint8Array = new Uint8Array(0)
const SALT_BYTES = 16
const pool = new Uint8Array(SALT_BYTES * 512)
let poolAt = pool.length

/** 16 random bytes; drawn 512 at a time because a call to the generator costs as much as a hash. */
function newSalt(): Uint8Array {
  if (poolAt === pool.length) {
    randomFillSync(pool)
    poolAt = 0
  }
  return pool.slice(poolAt, (poolAt += SALT_BYTES))
}

/** These are hashed as they are and stored as columns, so they must come back from both stores exactly. */
function assertHashable(text: string, what: string): void {
  if (text.isWellFormed() && !text.includes('\0')) return
  throw new StoreError(
    'store.not_storable',
    `The ${what} ${JSON.stringify(text)} holds NUL or half a surrogate pair. Make keys and ids from plain text or hashes.`,
  )
}

/** What both engines answer for a key that was there already. `rows`: the recorded events from its first on. */
export function duplicateOutcome(
  member: Member,
  rows: readonly { seq: number; key: string | null; kind: string; body: string }[],
): Outcome {
  const n = member.content.length
  const same =
    rows.length >= n &&
    member.content.every(
      ([kind, body], i) => rows[i]!.kind === kind && rows[i]!.body === body && (i === 0 || rows[i]!.key === null),
    ) &&
    (rows[n] === undefined || rows[n].key !== null)
  if (same) return { ok: true, seq: rows[0]!.seq, duplicate: true, inbox: -1, built: null }
  return {
    ok: false,
    error: new StoreError(
      'store.key_reused',
      `The key "${member.key}" was committed before with other content. A key stands for one change; use a new key for a new change.`,
      { metadata: { key: member.key, seq: rows[0]?.seq ?? null } },
    ),
  }
}

export function conflict(
  member: Member,
  failed: 'fence' | Guard,
  make: (code: string, message: string) => Error,
): Outcome {
  if (failed === 'fence') return { ok: false, error: fenced(member.fence!.id) }
  return { ok: false, error: make(failed.code, failed.message) }
}
