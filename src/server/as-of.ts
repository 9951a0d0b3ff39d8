import { parseUntil } from '../governance/attention/away.ts'
import { ERASED_KIND } from '../governance/ledger/index.ts'
import { milliseconds, type Duration } from '../lib/durations.ts'
import { FactotumError } from '../lib/errors.ts'
import type { Clock } from '../lib/clock.ts'
import { PastEngine, sql, type AnyEventKind, type Store } from '../store/index.ts'
import { ALL_EVENTS } from './events.ts'
import type { OpenCompany } from './open.ts'

/**
 * A moment: the number of an event; `2026-03-01` (when that day begins) or `2026-03-01T10:00`, as clocks in the company's
 * zone show it, or with a zone of its own (`2026-03-01T10:00Z`); or how long ago, as `7d` or `3 days ago`.
 */
export type When = number | string

/** Where the company stands: how many events had happened, and the time, in epoch ms. */
export interface Moment {
  readonly head: number
  readonly at: number
}

/** The company as it was. Everything that reads works on `company`; what would write is refused. Dispose of it. */
export interface PastCompany extends Moment, AsyncDisposable {
  readonly company: OpenCompany
}

/** What erases: a copy made before it still holds what is gone. */
const ERASES: ReadonlySet<string> = new Set([ERASED_KIND])

const MAX_COPIES = 3
/** A person who looks around asks again within it. */
const IDLE_MS = 120_000

interface Copy {
  head: number
  readonly engine: Promise<PastEngine>
  ready: Promise<PastEngine>
  users: number
  /** The ledger was looked through for erasures up to here. */
  looked: number
  /** It is dropped when its last user is done. */
  stale: boolean
  idle: NodeJS.Timeout | null
}

const eventAt = sql('select at from event where seq = ?')
const nextCommit = sql('select seq from event where seq > ? and key is not null order by seq limit 1')
const kindsFrom = sql('select distinct kind from event where seq >= ?')

/**
 * Copies of the company as it was: its projections replayed up to a moment, in memory (SQLite) or in temporary tables
 * (PostgreSQL). A few are kept for a while, and one that nobody reads is taken forward to a later moment.
 */
export class Past {
  readonly #store: Store
  readonly #zone: string
  readonly #open: (store: Store) => OpenCompany
  readonly #kinds: readonly AnyEventKind[]
  #copies: Copy[] = []
  #waiting: (() => void)[] = []

  constructor(store: Store, zone: string, open: (store: Store) => OpenCompany, kinds = ALL_EVENTS) {
    this.#store = store
    this.#zone = zone
    this.#open = open
    this.#kinds = kinds
    store.onCommit((rows) => {
      if (rows.some((row) => ERASES.has(row.kind))) this.forget()
    })
  }

  /**
   * The company as of a moment; a commit that the moment falls into counts whole. Costs time for each event before it
   * (see docs/context.md), less where a copy is kept. Throws `asof.invalid`, `asof.future`, `asof.no_event`.
   */
  async at(when: When): Promise<PastCompany> {
    const { head, at } = await this.moment(when)
    const looked = await this.#dropErased()
    const copy = await this.#take(head, looked)
    const clock: Clock = { now: () => at, alarm: () => () => {} }
    try {
      const engine = await copy.ready
      // A connection that was lost while it was kept is told here, and the next who asks gets a new one.
      await engine.queryText('select 1', [])
      const company = this.#open(this.#store.through(engine, clock))
      return { company, head, at, [Symbol.asyncDispose]: () => this.#release(copy) }
    } catch (error) {
      copy.stale = true
      await this.#release(copy)
      throw error
    }
  }

  /** Which moment is meant, without going there. */
  async moment(when: When): Promise<Moment> {
    const head = await this.#store.engine.head()
    const text = String(when).trim()
    if (/^\d+$/.test(text)) {
      const seq = Number(text)
      if (seq >= head)
        throw new FactotumError(
          'asof.no_event',
          head === 0 ? 'Nothing has happened yet.' : `There is no event ${text}. The newest is ${head - 1}.`,
        )
      return { head: await this.#commitEnd(seq, head), at: await this.#atOf(seq) }
    }
    const now = this.#store.clock.now()
    const at = momentOf(text, now, this.#zone)
    if (at > now) throw new FactotumError('asof.future', `"${text}" has not come yet.`)
    return { head: await this.#headAt(at, head), at }
  }

  /** Lets go of every copy: of those in use, when they are done. */
  forget(): void {
    for (const copy of this.#copies) {
      copy.stale = true
      if (copy.users === 0) void this.#drop(copy)
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#copies.map((copy) => this.#drop(copy)))
  }

  async #commitEnd(seq: number, head: number): Promise<number> {
    return (await this.#store.first<{ seq: number }>(nextCommit(seq)))?.seq ?? head
  }

  async #atOf(seq: number): Promise<number> {
    return (await this.#store.first<{ at: number }>(eventAt(seq)))!.at
  }

  /** How many events had happened by then: their times only grow, and a commit has one time. */
  async #headAt(at: number, head: number): Promise<number> {
    let [from, to] = [0, head]
    while (from < to) {
      const middle = Math.floor((from + to) / 2)
      if ((await this.#atOf(middle)) <= at) from = middle + 1
      else to = middle
    }
    return from
  }

  /** An erasure by another process is seen here before its copy is used again. Answers how far was looked. */
  async #dropErased(): Promise<number> {
    const head = await this.#store.engine.head()
    for (const copy of this.#copies.filter((c) => !c.stale && c.looked < head)) {
      const kinds = await this.#store.read<{ kind: string }>(kindsFrom(copy.looked))
      copy.looked = Math.max(copy.looked, head)
      if (!kinds.some(({ kind }) => ERASES.has(kind))) continue
      copy.stale = true
      if (copy.users === 0) await this.#drop(copy)
    }
    return head
  }

  /** A copy that stands at this head, or will once it is ready; with the caller as its user. */
  async #take(head: number, looked: number): Promise<Copy> {
    for (;;) {
      const copy = this.#standing(head) ?? this.#forward(head) ?? this.#begin(head, looked)
      if (copy) {
        copy.users++
        if (copy.idle) clearTimeout(copy.idle)
        return copy
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  #standing(head: number): Copy | undefined {
    return this.#copies.find((c) => !c.stale && c.head === head)
  }

  /** The nearest one before it that nobody reads goes on from where it is. */
  #forward(head: number): Copy | undefined {
    const [copy] = this.#copies
      .filter((c) => !c.stale && c.users === 0 && c.head < head)
      .toSorted((a, b) => b.head - a.head)
    if (copy) this.#move(copy, head)
    return copy
  }

  #begin(head: number, looked: number): Copy | undefined {
    if (this.#copies.length >= MAX_COPIES) {
      // The first in the list is the one that was used longest ago.
      const free = this.#copies.find((c) => c.users === 0)
      if (!free) return undefined
      void this.#drop(free)
    }
    const engine = PastEngine.open(this.#store.engine)
    const copy: Copy = { head, engine, ready: engine, users: 0, looked, stale: false, idle: null }
    this.#copies.push(copy)
    this.#move(copy, head)
    return copy
  }

  #move(copy: Copy, head: number): void {
    copy.head = head
    copy.ready = copy.ready.then(async (engine) => {
      await engine.forward(head, this.#kinds)
      return engine
    })
    // Who asked for it hears of a failure; whoever joins hears the same.
    copy.ready.catch(() => (copy.stale = true))
  }

  async #release(copy: Copy): Promise<void> {
    copy.users--
    if (copy.users === 0) {
      if (copy.stale) await this.#drop(copy)
      else {
        this.#copies = [...this.#copies.filter((c) => c !== copy), copy]
        copy.idle = setTimeout(() => void this.#drop(copy), IDLE_MS).unref()
      }
    }
    for (const retry of this.#waiting.splice(0)) retry()
  }

  async #drop(copy: Copy): Promise<void> {
    this.#copies = this.#copies.filter((c) => c !== copy)
    if (copy.idle) clearTimeout(copy.idle)
    await copy.ready.catch(() => {})
    await copy.engine.then(
      (engine) => engine.drop(),
      () => {},
    )
  }
}

const AGO = /^(?:(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)|(\d+)\s*(second|minute|hour|day|week)s?)(?: ago)?$/

/** Throws `asof.invalid`. */
function momentOf(text: string, now: number, zone: string): number {
  const ago = AGO.exec(text)
  if (ago) return now - milliseconds(`${ago[1] ?? ago[3]}${ago[2] ?? ago[4]![0]}` as Duration)
  const absolute = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text)
    ? Date.parse(text)
    : Number.NaN
  if (!Number.isNaN(absolute)) return absolute
  try {
    return parseUntil(text, zone)
  } catch (cause) {
    throw new FactotumError(
      'asof.invalid',
      `"${text}" is not a moment. Write the number of an event, a time such as 2026-03-01 or 2026-03-01T10:00, or how long ago, such as 7d.`,
      { cause },
    )
  }
}
