/** Time as the company sees it: integer milliseconds since the Unix epoch. Injected everywhere, so that tests own it. */
export interface Clock {
  now(): number
  /** Calls `ring` once at or after `at` (epoch ms). The returned function cancels it. Never keeps the process alive. */
  alarm(at: number, ring: () => void): () => void
}

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

/** A clock that stands still until it is told to move. `advance` rings every alarm on the way, in order. */
export class FakeClock implements Clock {
  #now: number
  #alarms: { at: number; ring: () => void }[] = []

  constructor(start = Date.UTC(2026, 10, 2, 9, 0, 0)) {
    this.#now = start
  }

  now(): number {
    return this.#now
  }

  alarm(at: number, ring: () => void): () => void {
    const alarm = { at, ring }
    this.#alarms.push(alarm)
    return () => {
      this.#alarms = this.#alarms.filter((a) => a !== alarm)
    }
  }

  /** When the next alarm is due, or `undefined` when none is set. */
  next(): number | undefined {
    return this.#alarms.reduce<number | undefined>(
      (min, a) => (min === undefined || a.at < min ? a.at : min),
      undefined,
    )
  }

  /** Time passes as while a lid is closed: nothing rings before the next `advance`. */
  jump(ms: number): void {
    this.#now += ms
  }

  advance(ms: number): void {
    const until = this.#now + ms
    for (;;) {
      const due = this.#alarms.filter((a) => a.at <= until).sort((a, b) => a.at - b.at)[0]
      if (!due) break
      this.#alarms = this.#alarms.filter((a) => a !== due)
      this.#now = Math.max(this.#now, due.at)
      due.ring()
    }
    this.#now = until
  }
}
