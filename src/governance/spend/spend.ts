import { FactotumError } from '../../lib/errors.ts'
import { ConflictError, sql, type EventInput, type Fence, type Guard, type Store } from '../../store/index.ts'
import { CURRENCY, MICROS, moneyText, NO_CURRENCY, type Budget, type BudgetOf, type Meter } from './budgets.ts'
import { dayOf } from '../../lib/calendar.ts'
import { useReserved, useSettled, type UseRow } from './events.ts'
import { limitsOf, quantityText, spentOf, type Limit } from './limits.ts'

/** One call of a model, or one use of a paid action, with the most that it can take. */
export interface Use {
  /** `use_…`: one id, one call. */
  readonly id: string
  readonly agent: string | null
  readonly tier: string | null
  readonly model: string | null
  readonly workflow: string | null
  readonly run: string | null
  readonly action: string | null
  readonly connector: string | null
  /** The decision or effect that it is for. */
  readonly subject: string | null
  readonly meter: Meter
  /** Millionths of a unit of the currency. */
  readonly micros: number
  /** ISO 4217; null (or XXX) where it has no price. */
  readonly currency: string | null
  readonly tokens: number
  /** How long its outcome may stay away before it counts in full. Default 15 minutes. */
  readonly timeoutMs?: number
}

/** What it took in the end. `count: 0`: nothing happened, nothing is spent. */
export interface Actual {
  readonly micros: number
  readonly tokens: number
  readonly tokensIn?: number
  readonly tokensOut?: number
  readonly count?: 0 | 1
}

/** Events and guards to be committed with what they are for. */
interface Change {
  readonly events: EventInput[]
  readonly guards: Guard[]
}

export interface Reservation extends Change {
  /** The budget that this would exceed, and by how much, in words. There are no events then, unless it was approved. */
  readonly over: string | null
}

const TIMEOUT_MS = 15 * 60_000
const useById = sql('select * from use where id = ?')
const usesOfRun = sql('select * from use where run = ? order by reserved_at, id')
const useIs = sql('select 1 as ok from use where id = ? and state = ?')
const useIsNew = sql('select 1 as ok where not exists (select 1 from use where id = ?)')

/**
 * Meters what is used before it is used. A reservation takes the most that a call can cost out of every budget that it
 * falls under, and is refused where that is more than is left; settling puts back what was not needed. Safe among any
 * number of processes: what is left is checked in the commit that takes it.
 */
export class Spend {
  readonly budgets: readonly Budget[]
  readonly zone: string
  readonly #store: Store

  constructor(store: Store, budgets: readonly Budget[], zone: string) {
    this.#store = store
    this.budgets = budgets
    this.zone = zone
  }

  /**
   * The events and guards that reserve. None where it is reserved already. A commit that the guards refuse throws
   * `spend.moved`: ask again. Throws `spend.bad_use`, and `spend.settled` for the id of a use that is over.
   */
  async reserve(use: Use, options: { readonly overBudget?: boolean } = {}): Promise<Reservation> {
    checkUse(use)
    const known = await this.find(use.id)
    if (known?.state === 'reserved') return { events: [], guards: [], over: null }
    if (known)
      throw new FactotumError(
        'spend.settled',
        `The use ${use.id} is ${known.state}: a new call is a new use, with an id of its own.`,
      )
    const now = this.#store.clock.now()
    const day = dayOf(now, this.zone)
    const { over, budget, guards } = await this.#within(use, day)
    if (over !== null && options.overBudget !== true) return { events: [], guards: [], over }
    const { id, timeoutMs, currency, ...rest } = use
    const event = useReserved(id, {
      ...rest,
      currency: currency ?? NO_CURRENCY,
      day,
      overBudget: budget,
      dueAt: now + (timeoutMs ?? TIMEOUT_MS),
    })
    const isNew = { check: useIsNew(id), code: 'spend.moved', message: `The use ${id} is reserved already.` }
    return { events: [event], guards: [isNew, ...(over === null ? guards : [])], over }
  }

  /** Reserves durably now. `over` where it did not. */
  async reserveNow(
    use: Use,
    options: { readonly overBudget?: boolean } = {},
  ): Promise<{ readonly over: string | null }> {
    for (;;) {
      const { events, guards, over } = await this.reserve(use, options)
      if (events.length === 0) return { over }
      try {
        await this.#store.commit({ key: `use:${use.id}:reserve`, events, guards })
        return { over: null }
      } catch (error) {
        if (!moved(error)) throw error
      }
    }
  }

  /**
   * The events and guards that settle, the truth also where it is more than was reserved; none where it is settled
   * already. What was imputed meanwhile is corrected. Throws `spend.not_found`.
   */
  async settle(id: string, actual: Actual, outcome: string): Promise<Change> {
    checkAmounts(id, actual)
    const use = await this.find(id)
    if (!use) throw new FactotumError('spend.not_found', `There is no use ${id}. Reserve before the call is made.`)
    if (use.state === 'settled') return { events: [], guards: [] }
    if (actual.micros > 0 && use.currency === NO_CURRENCY)
      throw new FactotumError(
        'spend.bad_use',
        `The use ${id} was reserved without a currency: give one to what has a price.`,
      )
    const event = settled(use, 'settled', { ...actual, outcome })
    const guard = {
      check: useIs(id, use.state),
      code: 'spend.moved',
      message: `The use ${id} is no longer ${use.state}. Settle it again.`,
    }
    return { events: [event], guards: [guard] }
  }

  async settleNow(id: string, actual: Actual, outcome = 'done'): Promise<void> {
    for (;;) {
      const { events, guards } = await this.settle(id, actual, outcome)
      if (events.length === 0) return
      try {
        await this.#store.commit({ key: `use:${id}:settle`, events, guards })
        return
      } catch (error) {
        if (!moved(error)) throw error
      }
    }
  }

  /**
   * The events that settle what had a fixed price: as it was reserved, or as nothing. None where there is nothing open.
   * Without a guard, for whoever has one of their own: what was imputed meanwhile is what was reserved.
   */
  async close(id: string, spent: boolean, outcome: string): Promise<EventInput[]> {
    const use = await this.find(id)
    if (!use || use.state === 'settled') return []
    return [settled(use, 'settled', spent ? { ...amounts(use), outcome } : { micros: 0, tokens: 0, count: 0, outcome })]
  }

  /** Whether a budget counts uses of this, so that each is metered, also where it has no price. */
  counts(of: Pick<Use, 'workflow' | 'action' | 'connector'>): boolean {
    return this.budgets.some((b) => b.count !== null && covers(b, { agent: null, meter: 'billed', ...of }))
  }

  /** Its time is over, and nobody said what became of the call: it counts in full. */
  async drive(fence: Fence): Promise<void> {
    const use = await this.find(fence.id)
    if (use?.state !== 'reserved') return
    const event = settled(use, 'imputed', { ...amounts(use), outcome: 'unknown' })
    await this.#store.commit({ key: `use:${use.id}:impute`, events: [event], fence })
  }

  /** Everything that a run used, oldest first. */
  ofRun(run: string): Promise<UseRow[]> {
    return this.#store.read<UseRow>(usesOfRun(run))
  }

  /** What the budgets limit today, with what is spent or reserved of each. */
  async limits(): Promise<(Limit & { readonly used: number })[]> {
    const day = dayOf(this.#store.clock.now(), this.zone)
    const limits = this.budgets.flatMap((b) => limitsOf(b, day))
    return Promise.all(limits.map(async (limit) => ({ ...limit, used: await spentOf(this.#store, limit) })))
  }

  find(id: string): Promise<UseRow | undefined> {
    return this.#store.first<UseRow>(useById(id))
  }

  async #within(use: Use, day: string): Promise<{ over: string | null; budget: string | null; guards: Guard[] }> {
    const guards: Guard[] = []
    let first: { over: string; budget: string } | null = null
    for (const budget of this.budgets) {
      if (!covers(budget, use)) continue
      for (const limit of limitsOf(budget, day)) {
        const want = wanted(limit, use)
        if (want === 0) continue
        const over = want === null ? noRate(budget, use) : await this.#over(limit, want)
        if (want !== null) guards.push(limit.guard(want))
        if (over !== null) first ??= { over, budget: budget.name }
      }
    }
    return { over: first?.over ?? null, budget: first?.budget ?? null, guards }
  }

  async #over(limit: Limit, want: number): Promise<string | null> {
    const spent = await spentOf(this.#store, limit)
    if (spent + want <= limit.most) return null
    const text = (n: number) => quantityText(limit, n)
    return `${nameOf(limit.budget)}: ${text(spent)} of ${text(limit.most)} are spent or reserved, and this takes up to ${text(want)} more`
  }
}

function amounts({ micros, tokens }: UseRow): Pick<Actual, 'micros' | 'tokens'> {
  return { micros, tokens }
}

function covers({ of, meter }: Budget, use: Pick<Use, 'meter' | keyof BudgetOf>): boolean {
  if (meter !== null && use.meter !== meter) return false
  return (Object.keys(of) as (keyof BudgetOf)[]).every((kind) => of[kind] === undefined || use[kind] === of[kind])
}

/** How much of a limit a use takes at most; null where there is no rate for its currency. */
function wanted({ budget, unit }: Limit, use: Use): number | null {
  if (unit === 'tokens') return use.tokens
  if (unit === 'count') return 1
  if (use.micros === 0 || (budget.meter === null && use.meter !== 'billed')) return 0
  const rate = budget.rates.get(use.currency ?? NO_CURRENCY)
  return rate === undefined ? null : Math.ceil((use.micros * rate) / MICROS)
}

function nameOf(budget: Budget): string {
  return `budget "${budget.name}" (${budget.scope.replace(':', ' ')}, a ${budget.per})`
}

function noRate(budget: Budget, use: Use): string {
  const currency = use.currency ?? NO_CURRENCY
  return `${nameOf(budget)}: it has no rate for ${currency}, and this takes up to ${moneyText(use.micros, currency)}`
}

function settled(use: UseRow, state: 'settled' | 'imputed', actual: Actual & { readonly outcome: string }): EventInput {
  const { agent, workflow, action, connector, meter, currency, day } = use
  return useSettled(use.id, {
    agent,
    workflow,
    action,
    connector,
    meter,
    currency,
    day,
    state,
    micros: actual.micros,
    tokens: actual.tokens,
    uses: actual.count ?? 1,
    tokensIn: actual.tokensIn ?? null,
    tokensOut: actual.tokensOut ?? null,
    outcome: actual.outcome,
    before: { micros: use.micros, tokens: use.tokens, uses: use.uses },
  })
}

/** Somebody else was first: what they did is there to be read. */
function moved(error: unknown): boolean {
  if (error instanceof ConflictError) return error.code === 'spend.moved'
  return error instanceof FactotumError && error.code === 'store.key_reused'
}

function checkUse(use: Use): void {
  if (!/^use_[\w:.-]+$/.test(use.id))
    throw new FactotumError('spend.bad_use', `"${use.id}" is not the id of a use: it begins with "use_".`)
  checkAmounts(use.id, use)
  if (use.currency !== null && !CURRENCY.test(use.currency))
    throw new FactotumError('spend.bad_use', `"${use.currency}" is not a currency. Write it as "EUR".`)
  if (use.micros > 0 && (use.currency ?? NO_CURRENCY) === NO_CURRENCY)
    throw new FactotumError('spend.bad_use', `The use ${use.id} has a price without a currency. Say which.`)
}

function checkAmounts(id: string, { micros, tokens }: { readonly micros: number; readonly tokens: number }): void {
  if ([micros, tokens].every((n) => Number.isSafeInteger(n) && n >= 0)) return
  throw new FactotumError('spend.bad_use', `The use ${id} takes whole numbers of micros and tokens, from 0.`)
}
