import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeClock } from '../../lib/clock.ts'
import { openStore, sql, work, type Store } from '../../store/index.ts'
import { diagnose } from '../doctor.ts'
import type { Budget } from './budgets.ts'
import { monthOf } from '../../lib/calendar.ts'
import { SPEND_EVENTS, type UseRow } from './events.ts'
import { Spend, type Use } from './spend.ts'

const allUses = sql('select * from use order by id')
const allMeters = sql('select * from meter where micros <> 0 or tokens <> 0 or uses <> 0')
const secret = new Uint8Array(32)

/** A store and what meters on it, on a clock that stands still. `url` is undefined for SQLite. */
export class World implements AsyncDisposable {
  readonly clock = new FakeClock()
  readonly budgets: readonly Budget[]
  readonly #url: string
  readonly #folder: string
  readonly #zone: string
  store!: Store
  spend!: Spend

  private constructor(folder: string, url: string, budgets: readonly Budget[], zone: string) {
    this.#folder = folder
    this.#url = url
    this.budgets = budgets
    this.#zone = zone
  }

  static async open(url: string | undefined, budgets: readonly Budget[] = [], zone = 'UTC'): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), 'factotum-spend-'))
    const world = new World(folder, url ?? join(folder, 'company.db'), budgets, zone)
    await world.#open()
    return world
  }

  async #open(): Promise<void> {
    this.store = await openStore({ url: this.#url, secret, clock: this.clock })
    this.spend = new Spend(this.store, this.budgets, this.#zone)
  }

  /** As another process has it; on PostgreSQL through connections of its own. */
  async second(): Promise<{ readonly spend: Spend; close(): Promise<void> }> {
    if (this.store.engine.dialect === 'sqlite')
      return { spend: new Spend(this.store, this.budgets, this.#zone), close: async () => {} }
    const store = await openStore({ url: this.#url, secret, clock: this.clock })
    return { spend: new Spend(store, this.budgets, this.#zone), close: () => store.close() }
  }

  /** What was held in memory is gone. */
  async crash(): Promise<void> {
    await this.store.close()
    await this.#open()
  }

  /** Settles what is due, as the coordinator does. */
  async driveDue(): Promise<void> {
    const now = this.clock.now()
    const [claimed = []] = await this.store.write([work.claim('test', now, now + 1, 1_000)])
    for (const { id, epoch } of claimed) await this.spend.drive({ id: String(id), epoch: Number(epoch) })
  }

  uses(): Promise<UseRow[]> {
    return this.store.read<UseRow>(allUses())
  }

  /** `scope period kind currency` of each meter to its micros, tokens and uses. */
  async meters(): Promise<Map<string, string>> {
    const rows = await this.store.read<Record<string, string | number>>(allMeters())
    return new Map(
      rows.map((r) => [`${r.scope} ${r.period} ${r.kind} ${r.currency}`, `${r.micros} ${r.tokens} ${r.uses}`]),
    )
  }

  /** What the meters must say, added up from the uses one by one. */
  async added(): Promise<Map<string, string>> {
    const sums = new Map<string, [number, number, number]>()
    for (const use of await this.uses()) {
      const of = (['agent', 'workflow', 'action', 'connector'] as const).flatMap((k) =>
        use[k] === null ? [] : [`${k}:${use[k]}`],
      )
      for (const scope of ['company', ...of])
        for (const period of [use.day, monthOf(use.day)]) {
          const key = `${scope} ${period} ${use.meter} ${use.currency}`
          const [micros, tokens, uses] = sums.get(key) ?? [0, 0, 0]
          sums.set(key, [micros + use.micros, tokens + use.tokens, uses + use.uses])
        }
    }
    const some = [...sums].filter(([, sum]) => sum.some((n) => n !== 0))
    return new Map(some.map(([key, sum]) => [key, sum.join(' ')]))
  }

  diagnose() {
    return diagnose(this.store, SPEND_EVENTS)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

export const EUR = 1_000_000

/** A call of a model by `agent`, for at most so many euros. */
export function useOf(id: string, eur: number, of: Partial<Use> = {}): Use {
  return {
    id: `use_${id}`,
    agent: null,
    tier: null,
    model: null,
    workflow: null,
    run: null,
    action: null,
    connector: null,
    subject: null,
    meter: 'billed',
    micros: Math.round(eur * EUR),
    currency: 'EUR',
    tokens: 0,
    ...of,
  }
}
