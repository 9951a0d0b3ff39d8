import { eventKind, sql, type Store } from '../store/index.ts'
import type { Connector } from './action.ts'

/** After so many failures in a row that are the service's, nothing is sent there for a while. */
export const BREAKS_AFTER = 5
export const FIRST_PAUSE_MS = 30_000
export const MAX_PAUSE_MS = 15 * 60_000
const MINUTE_MS = 60_000
const FIRST_GUESS_MS = 100

const putState = sql(
  `insert into service (connector, state, code, until, contract, changed_at) values (?, ?, ?, ?, null, ?)
   on conflict (connector) do update set state = excluded.state, code = excluded.code, until = excluded.until, changed_at = excluded.changed_at`,
)

/** A service stopped answering, or answers again: told to the operator, and kept for whoever starts next. */
const serviceState = eventKind<{
  readonly connector: string
  readonly state: 'working' | 'broken'
  readonly code: string | null
  readonly until: number | null
}>('service.state@1', (e) => [putState(e.body.connector, e.body.state, e.body.code, e.body.until, e.at)])

const broken = sql(`select connector, code, until, changed_at from service where state = 'broken' order by connector`)

export interface BrokenService {
  readonly connector: string
  /** Of the failure that came last. */
  readonly code: string | null
  /** Nothing is sent there before. */
  readonly until: number | null
  readonly changed_at: number
}

export function brokenServices(store: Store): Promise<BrokenService[]> {
  return store.read<BrokenService>(broken())
}

interface Calls {
  /** When the calls of the last minute were begun. */
  begun: number[]
  underWay: number
  failures: number
  /** How long the last pause was. */
  paused: number
  until: number
  broken: boolean
  /** How long a call takes, about. */
  ms: number
  /** Who waits, first come first, and until when. */
  readonly waiting: Map<string, number>
}

/**
 * Keeps to what a service takes: so many calls a minute, so many at once, and none for a while after it failed again
 * and again. What this process counted is lost with it; that a service is broken is on the record.
 */
export class Throttle {
  readonly #store: Store
  readonly #calls = new Map<string, Calls>()

  constructor(store: Store) {
    this.#store = store
  }

  async load(): Promise<void> {
    for (const { connector, until } of await brokenServices(this.#store)) {
      const calls = this.#of(connector)
      calls.broken = true
      calls.failures = BREAKS_AFTER
      calls.until = until ?? 0
    }
  }

  /** Takes a turn for an effect, or says when to ask again (epoch ms). Whoever takes one gives it back, or has `done`. */
  take(connector: Connector, effect: string): number | null {
    const now = this.#store.clock.now()
    const calls = this.#of(connector.name)
    const { perMinute = Infinity, concurrent = Infinity } = connector.limits ?? {}
    if (calls.until > now) return calls.until
    // After a pause one call finds out whether the service is back.
    const atOnce = calls.broken ? 1 : concurrent
    if (calls.underWay >= atOnce)
      return place(calls, effect, now, (n) => now + Math.min(Math.ceil((calls.ms * (n + 1)) / atOnce), MINUTE_MS))
    calls.begun = calls.begun.filter((at) => at > now - MINUTE_MS)
    if (calls.begun.length >= perMinute)
      return place(calls, effect, now, (n) => calls.begun[n % perMinute]! + MINUTE_MS * (1 + Math.floor(n / perMinute)))
    if (perMinute < Infinity) calls.begun.push(now)
    calls.underWay++
    calls.waiting.delete(effect)
    return null
  }

  /**
   * `failure`: its code, where the service did not do what it is there for; null where it answered, be it with a
   * refusal; undefined where that was not waited for.
   */
  async done(connector: Connector, failure: string | null | undefined, ms: number): Promise<void> {
    const calls = this.#of(connector.name)
    calls.underWay--
    if (failure === undefined) return
    calls.ms = Math.max(1, calls.ms + (ms - calls.ms) / 8)
    if (failure === null) {
      calls.failures = 0
      if (calls.broken) await this.#set(connector.name, calls, false, null)
      return
    }
    calls.failures++
    // Calls that were under way together fail together: that is one failure of the service.
    if (calls.failures >= BREAKS_AFTER && calls.until <= this.#store.clock.now())
      await this.#set(connector.name, calls, true, failure)
  }

  /** A turn that was taken and not used. */
  giveBack(connector: Connector): void {
    const calls = this.#of(connector.name)
    calls.underWay--
    calls.begun.pop()
  }

  async #set(name: string, calls: Calls, broken: boolean, code: string | null): Promise<void> {
    calls.broken = broken
    calls.paused = broken ? Math.min(Math.max(FIRST_PAUSE_MS, calls.paused * 2), MAX_PAUSE_MS) : 0
    calls.until = broken ? this.#store.clock.now() + calls.paused : 0
    const body = {
      connector: name,
      state: broken ? 'broken' : 'working',
      code,
      until: broken ? calls.until : null,
    } as const
    await this.#store.commit({ key: this.#store.newId('svc'), events: [serviceState(`service:${name}`, body)] })
  }

  #of(name: string): Calls {
    let calls = this.#calls.get(name)
    if (!calls)
      this.#calls.set(
        name,
        (calls = {
          begun: [],
          underWay: 0,
          failures: 0,
          paused: 0,
          until: 0,
          broken: false,
          ms: FIRST_GUESS_MS,
          waiting: new Map(),
        }),
      )
    return calls
  }
}

/** Whoever has to wait keeps the place in which he came, however often he asks; who no longer asks loses it. */
function place(calls: Calls, effect: string, now: number, timeOf: (n: number) => number): number {
  let n = 0
  for (const [id, until] of calls.waiting) {
    if (id === effect) break
    if (until < now - MINUTE_MS) calls.waiting.delete(id)
    else n++
  }
  const at = Math.max(now + 1, timeOf(n))
  calls.waiting.set(effect, at)
  return at
}

export const THROTTLE_EVENTS = [serviceState]
