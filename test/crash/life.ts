import type { Clock } from '../../src/lib/clock.ts'
import type { Engine } from '../../src/store/engine.ts'

/** Time that stands still until it jumps, as for a machine that slept: every alarm that is due then rings once. */
export class JumpClock implements Clock {
  #now: number
  #alarms: { readonly at: number; readonly ring: () => void }[] = []

  constructor(start = Date.UTC(2026, 10, 2, 9, 0, 0)) {
    this.#now = start
  }

  now(): number {
    return this.#now
  }

  alarm(at: number, ring: () => void): () => void {
    const alarm = { at, ring }
    this.#alarms.push(alarm)
    return () => void (this.#alarms = this.#alarms.filter((a) => a !== alarm))
  }

  jump(to: number): void {
    this.#now = Math.max(this.#now, to)
    const due = this.#alarms.filter((a) => a.at <= this.#now).toSorted((a, b) => a.at - b.at)
    this.#alarms = this.#alarms.filter((a) => a.at > this.#now)
    for (const alarm of due) alarm.ring()
  }
}

/** When a process dies: at the `at`-th point that it passes (from 1), or never. */
export interface Fate {
  readonly at: number
  /** Every commit is a transaction of its own, so that the process can die between any two. */
  readonly single: boolean
}

/**
 * One process that can be killed. It passes a point before and after each transaction and each call outside; from the
 * one at which it dies on, nothing that it asked for is answered and nothing that it does is heard of.
 */
export class Life {
  readonly clock: Clock
  /** Resolves when it dies. */
  readonly died: Promise<void>
  readonly #fate: Fate
  readonly #cancel = new Set<() => void>()
  readonly #points: string[] = []
  #engine: Engine | null = null
  #dead = false
  #die!: () => void

  constructor(clock: Clock, fate: Fate) {
    this.#fate = fate
    this.died = new Promise((resolve) => (this.#die = resolve))
    this.clock = {
      now: () => clock.now(),
      alarm: (at, ring) => {
        if (this.#dead) return () => {}
        const cancel = clock.alarm(at, () => {
          this.#cancel.delete(cancel)
          ring()
        })
        this.#cancel.add(cancel)
        return cancel
      },
    }
  }

  get dead(): boolean {
    return this.#dead
  }

  /** The points that it passed. */
  get points(): readonly string[] {
    return this.#points
  }

  /** A call outside: `happen` is what it does there, in the moment between the two points. */
  async outside<T>(name: string, happen: () => T): Promise<T> {
    if (this.#passes(`before ${name}`)) return never()
    // The world is asynchronous: other work goes on while a call is under way.
    await new Promise((resolve) => setImmediate(resolve))
    if (this.#dead) return never()
    const answer = happen()
    return this.#passes(`after ${name}`) ? never() : answer
  }

  wrap(engine: Engine): Engine {
    this.#engine = engine
    const alive = <T>(call: () => Promise<T>): Promise<T> => {
      if (this.#dead) return never()
      return call().then(
        (value) => (this.#dead ? never() : value),
        (error: unknown) => {
          if (this.#dead) return never()
          throw error
        },
      )
    }
    return {
      dialect: engine.dialect,
      query: (statement, values) => alive(() => engine.query(statement, values)),
      queryText: (text, values) => alive(() => engine.queryText(text, values)),
      head: () => alive(() => engine.head()),
      durability: () => alive(() => engine.durability()),
      scratch: (inMemory) => alive(() => engine.scratch(inMemory)),
      rewrite: (tables) =>
        alive(async () => {
          if (this.#passes('before rewrite')) return never()
          await engine.rewrite(tables)
          return this.#passes('after rewrite') ? never() : undefined
        }),
      scrub: (tables) => alive(() => engine.scrub(tables)),
      snapshot: () => alive(() => engine.snapshot()),
      rebuild: (plan) => alive(() => engine.rebuild(plan)),
      events: (from, to) => engine.events(from, to),
      onBell: (ring) => engine.onBell(() => void (this.#dead || ring())),
      write: (writes) =>
        alive(async () => {
          const name = `write ${writes[0]?.statement.text.slice(0, 24) ?? ''}`
          if (this.#passes(`before ${name}`)) return never()
          const rows = await engine.write(writes)
          return this.#passes(`after ${name}`) ? never() : rows
        }),
      commitGroup: (members) => {
        const groups = this.#fate.single ? members.map((m) => [m]) : [members]
        const outcomes: Awaited<ReturnType<Engine['commitGroup']>> = []
        const from = (at: number): ReturnType<Engine['commitGroup']> => {
          for (let i = at; i < groups.length; i++) {
            const name = groups[i]!.map((m) => m.content[0]!.kind).join('+')
            if (this.#passes(`before ${name}`)) return never()
            const result = engine.commitGroup(groups[i]!)
            const after = (list: typeof outcomes) => {
              outcomes.push(...list)
              return this.#passes(`after ${name}`)
            }
            if (!Array.isArray(result)) return result.then((list) => (after(list) ? never() : from(i + 1)))
            if (after(result)) return never()
          }
          return outcomes
        }
        return from(0)
      },
      close: async () => {
        this.#engine = null
        await engine.close()
      },
    }
  }

  /** Takes the handles from the dead, as the kernel does; the lock of a SQLite file is one. */
  async bury(): Promise<void> {
    this.#dead = true
    for (const cancel of this.#cancel) cancel()
    await this.#engine?.close()
  }

  #passes(name: string): boolean {
    if (this.#dead) return true
    this.#points.push(name)
    if (this.#points.length !== this.#fate.at) return false
    this.#dead = true
    this.#die()
    return true
  }
}

/** What the dead answer. A new one each time: one that is shared would keep everybody who ever asked. */
function never(): Promise<never> {
  return new Promise(() => {})
}
