import { randomFillSync } from 'node:crypto'
import { eventLeaf, privateHash } from '../lib/event-leaf.ts'
import { MAX_JSON_BYTES } from '../lib/json.ts'
import type { Built, Fence, Guard, Member } from './engine.ts'
import { StoreError } from './errors.ts'
import type { EventInput, EventRow, ProjectedEvent } from './events.ts'
import type { Bound, Value } from './sql.ts'

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

/** Room for a value of the largest size, escaped, and its envelope. */
const MAX_EVENT_BYTES = 4 * MAX_JSON_BYTES
/** What a row weighs besides its texts, roughly. */
const ROW_BYTES = 200
const NONE: readonly never[] = []

interface EventTexts {
  readonly kind: string
  readonly body: string
  readonly secret: string | null
}

/**
 * A commit on its way: its texts are made here, once, so that what is compared, hashed and stored is the same bytes. One
 * object a commit, for a busy process makes tens of thousands a second. Throws what can never be stored.
 */
export class PreparedCommit implements Member {
  readonly key: string
  readonly content: readonly EventTexts[]
  readonly fence: Fence | null
  readonly guards: readonly Guard[]
  readonly also: readonly Bound[]
  readonly size: number
  /** The time that its group is given. */
  at = 0
  readonly #events: readonly EventInput[]

  constructor(input: CommitInput) {
    const { key, events } = input
    if (events.length === 0) throw new StoreError('store.empty_commit', `The commit "${key}" has no events.`)
    assertHashable(key, 'key')
    this.key = key
    this.content = events.map(textsOf)
    this.fence = input.fence ?? null
    this.guards = input.guards ?? NONE
    this.also = input.also ?? NONE
    let size = 0
    for (const { body, secret } of this.content) size += body.length + (secret?.length ?? 0) + ROW_BYTES
    for (const { values } of this.also) for (const value of values) size += weigh(value)
    this.size = size
    this.#events = events
  }

  build(firstSeq: number): Built {
    const rows: EventRow[] = []
    const writes: Bound[] = []
    const { at } = this
    for (let i = 0; i < this.#events.length; i++) {
      const { kind, stream, actor, cause: by, body, private: secret, project } = this.#events[i]!
      const texts = this.content[i]!
      const seq = firstSeq + i
      const cause = typeof by === 'object' && by !== null ? firstSeq + by.index : by
      rows.push(rowOf(texts, { seq, key: i === 0 ? this.key : null, stream, actor, cause, at }))
      const event: ProjectedEvent = { seq, kind, stream, actor, cause, at, body, private: secret }
      for (const write of project(event as never)) writes.push(write)
    }
    return { rows, writes }
  }
}

function weigh(value: Value): number {
  if (value instanceof Uint8Array) return value.byteLength
  return typeof value === 'string' ? value.length : 0
}

function textsOf(event: EventInput): EventTexts {
  assertHashable(event.stream, 'stream')
  assertHashable(event.actor, 'actor')
  const body = JSON.stringify(event.body)
  const secret = event.private === null ? null : JSON.stringify(event.private)
  const chars = body.length + (secret?.length ?? 0)
  if (chars <= MAX_EVENT_BYTES) return { kind: event.kind, body, secret }
  throw new StoreError(
    'store.too_large',
    `An event of kind ${event.kind} is ${chars} characters; the limit is ${MAX_EVENT_BYTES}. Put large content in a blob.`,
  )
}

type Envelope = Pick<EventRow, 'seq' | 'key' | 'stream' | 'actor' | 'cause' | 'at'>

function rowOf({ kind, body, secret }: EventTexts, { seq, key, stream, actor, cause, at }: Envelope): EventRow {
  const salt = secret === null ? null : newSalt()
  const hash = salt === null || secret === null ? null : privateHash(salt, secret)
  const leaf = eventLeaf({ seq, key, kind, stream, actor, cause, at, body, privateHash: hash })
  return { seq, key, kind, stream, actor, cause, at, body, private: secret, salt, private_hash: hash, leaf }
}

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
