import { eventKind, sql, work, type Bound } from '../../store/index.ts'
import type { Meter } from './budgets.ts'
import { monthOf } from '../../lib/calendar.ts'

/** `imputed`: nobody knows what became of the call (the process died), so that it counts in full. */
type UseState = 'reserved' | 'settled' | 'imputed'

/** What a use is counted under, besides the whole company. */
interface Counted {
  readonly agent: string | null
  readonly workflow: string | null
  readonly action: string | null
  readonly connector: string | null
  readonly meter: Meter
  readonly currency: string
  readonly day: string
}

interface Quantity {
  readonly micros: number
  readonly tokens: number
  readonly uses: number
}

interface Reserved extends Counted, Omit<Quantity, 'uses'> {
  readonly tier: string | null
  readonly model: string | null
  readonly run: string | null
  readonly subject: string | null
  readonly overBudget: string | null
  readonly dueAt: number
}

interface Settled extends Counted, Quantity {
  readonly state: Exclude<UseState, 'reserved'>
  readonly tokensIn: number | null
  readonly tokensOut: number | null
  readonly outcome: string
  /** What it counted as until now. */
  readonly before: Quantity
}

const insertUse = sql(
  `insert into use (id, state, meter, currency, micros, tokens, uses, agent, tier, model, workflow, run, action, connector, subject, over_budget, day, reserved_at)
   values (?, 'reserved', ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
)
const settleUse = sql(
  `update use set state = ?, micros = ?, tokens = ?, uses = ?, tokens_in = ?, tokens_out = ?, outcome = ?, settled_at = ?
   where id = ?`,
)
const addToMeter = sql(
  `insert into meter (scope, period, kind, currency, micros, tokens, uses) values (?, ?, ?, ?, ?, ?, ?)
   on conflict (scope, period, kind, currency) do update set
     micros = meter.micros + excluded.micros, tokens = meter.tokens + excluded.tokens, uses = meter.uses + excluded.uses`,
)

/**
 * Every use counts under everything that it is of, whether or not there is a budget for it: one that is written, renamed
 * or changed in the middle of a month knows what has been spent.
 */
function count(of: Counted, { micros, tokens, uses }: Quantity): Bound[] {
  if (micros === 0 && tokens === 0 && uses === 0) return []
  const scopes = ['company']
  for (const kind of ['agent', 'workflow', 'action', 'connector'] as const)
    if (of[kind] !== null) scopes.push(`${kind}:${of[kind]}`)
  return scopes.flatMap((scope) =>
    [of.day, monthOf(of.day)].map((period) => addToMeter(scope, period, of.meter, of.currency, micros, tokens, uses)),
  )
}

/** Before the call is made. Whoever finds it long after, with nobody to say what became of the call, settles it. */
export const useReserved = eventKind<Reserved>('use.reserved@1', (e) => {
  const u = e.body
  const { meter, currency, micros, tokens, agent, tier, model, workflow, run, action, connector, subject } = u
  const columns = [meter, currency, micros, tokens, agent, tier, model, workflow, run, action, connector, subject]
  return [
    insertUse(e.stream, ...columns, u.overBudget, u.day, e.at),
    work.addWork(e.stream, 'use', u.dueAt),
    ...count(u, { micros, tokens, uses: 1 }),
  ]
})

export const useSettled = eventKind<Settled>('use.settled@1', (e) => {
  const { state, micros, tokens, uses, tokensIn, tokensOut, outcome, before } = e.body
  return [
    settleUse(state, micros, tokens, uses, tokensIn, tokensOut, outcome, e.at, e.stream),
    work.endWork(e.stream),
    ...count(e.body, {
      micros: micros - before.micros,
      tokens: tokens - before.tokens,
      uses: uses - before.uses,
    }),
  ]
})

/** Amounts in millionths of the currency's unit; `day` in the company's zone; times in epoch ms. */
export interface UseRow {
  readonly id: string
  readonly state: UseState
  readonly meter: Meter
  readonly currency: string
  readonly micros: number
  readonly tokens: number
  readonly tokens_in: number | null
  readonly tokens_out: number | null
  readonly uses: number
  readonly agent: string | null
  readonly tier: string | null
  readonly model: string | null
  readonly workflow: string | null
  readonly run: string | null
  readonly action: string | null
  readonly connector: string | null
  readonly subject: string | null
  readonly over_budget: string | null
  readonly outcome: string | null
  readonly day: string
  readonly reserved_at: number
  readonly settled_at: number | null
}

export const SPEND_EVENTS = [useReserved, useSettled]
