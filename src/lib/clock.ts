/** Time as the company sees it: integer milliseconds since the Unix epoch. Injected everywhere, so that tests own it. */
export interface Clock {
  now(): number
  /** Calls `ring` once at or after `at` (epoch ms). The returned function cancels it. Never keeps the process alive. */
  alarm(at: number, ring: () => void, kind?: AlarmKind): () => void
}

/** `upkeep` comes round whatever happens, and nothing is due at it: a fake clock rings it where it stops, not on the way. */
export type AlarmKind = 'due' | 'upkeep'

/** Node's timers overflow above this and would fire at once. */
const MAX_DELAY_MS = 2_147_483_647

export const systemClock: Clock = {
  now: () => Date.now(),
  alarm(at, ring) {
    const delay = Math.min(Math.max(0, at - Date.now()), MAX_DELAY_MS)
    const timer = setTimeout(ring, delay)
    timer.unref()
    return () => clearTimeout(timer)
  },
}

interface Alarm {
  readonly at: number
  readonly ring: () => void
  readonly kind: AlarmKind
}

/** A clock that stands still until it is told to move. `advance` rings every alarm on the way, in order, upkeep last. */
export class FakeClock implements Clock {
  #now: number
  #alarms: Alarm[] = []

  constructor(start = Date.UTC(2026, 10, 2, 9, 0, 0)) {
    this.#now = start
  }

  now(): number {
    return this.#now
  }

  alarm(at: number, ring: () => void, kind: AlarmKind = 'due'): () => void {
    const alarm = { at, ring, kind }
    this.#alarms.push(alarm)
    return () => {
      this.#alarms = this.#alarms.filter((a) => a !== alarm)
    }
  }

  /** When the next alarm is due, or `undefined` when none is set. Upkeep is never due. */
  next(): number | undefined {
    return this.#first('due')?.at
  }

  #first(kind: AlarmKind): Alarm | undefined {
    return this.#alarms.filter((a) => a.kind === kind).toSorted((a, b) => a.at - b.at)[0]
  }

  /** Time passes as while a lid is closed: nothing rings before the next `advance`. */
  jump(ms: number): void {
    this.#now += ms
  }

  advance(ms: number): void {
    const until = this.#now + ms
    this.#ring('due', until)
    this.#now = until
    this.#ring('upkeep', until)
  }

  #ring(kind: AlarmKind, until: number): void {
    for (;;) {
      const alarm = this.#first(kind)
      if (!alarm || alarm.at > until) return
      this.#alarms = this.#alarms.filter((a) => a !== alarm)
      this.#now = Math.max(this.#now, alarm.at)
      alarm.ring()
    }
  }
}
