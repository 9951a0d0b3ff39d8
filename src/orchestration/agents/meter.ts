import type { Cost, CostMeter, Tier } from '../../context/decisions.ts'
import { moneyText, NO_CURRENCY } from '../../governance/spend/budgets.ts'
import type { Spend } from '../../governance/spend/spend.ts'

/** What tokens cost. */
export interface Price {
  /** In the currency's unit (not in millionths) for a million tokens. */
  readonly inputPerMillion: number
  readonly outputPerMillion: number
  /** Of input that the provider had in its cache. Default: as other input. */
  readonly cachedInputPerMillion?: number
  /** ISO 4217. */
  readonly currency: string
}

/** Tokens of one or several calls. `cachedIn` of them are part of `tokensIn`. */
export interface Usage {
  readonly tokensIn: number
  readonly cachedIn: number
  readonly tokensOut: number
}

export const NO_USAGE: Usage = { tokensIn: 0, cachedIn: 0, tokensOut: 0 }

/** What a use of a model cost. A price per million in units is a price per token in millionths of the unit. */
export function costOf(price: Price | null, meter: CostMeter, usage: Usage): Cost {
  const { tokensIn, cachedIn, tokensOut } = usage
  if (!price) return { micros: 0, currency: NO_CURRENCY, meter, tokensIn, tokensOut }
  const micros =
    (tokensIn - cachedIn) * price.inputPerMillion +
    cachedIn * (price.cachedInputPerMillion ?? price.inputPerMillion) +
    tokensOut * price.outputPerMillion
  return { micros: Math.ceil(micros), currency: price.currency, meter, tokensIn, tokensOut }
}

const METERS: readonly CostMeter[] = ['imputed', 'quota', 'billed']

/** What several uses cost together; null where none did, or they were paid in several currencies. */
export function total(costs: readonly (Cost | null)[]): Cost | null {
  const paid = costs.filter((c) => c !== null)
  const currencies = new Set(paid.filter((c) => c.micros > 0 || c.currency !== NO_CURRENCY).map((c) => c.currency))
  if (paid.length === 0 || currencies.size > 1) return null
  const sum = (of: (c: Cost) => number) => paid.reduce((all, c) => all + of(c), 0)
  return {
    micros: sum((c) => c.micros),
    currency: [...currencies][0] ?? NO_CURRENCY,
    // What was billed is never called anything milder.
    meter: METERS[Math.max(...paid.map((c) => METERS.indexOf(c.meter)))]!,
    tokensIn: sum((c) => c.tokensIn),
    tokensOut: sum((c) => c.tokensOut),
  }
}

/** One use of something that costs, before it is made. */
export interface Use {
  readonly id: string
  readonly agent: string
  readonly workflow: string
  readonly run: string
  readonly tier: Tier
  readonly model: string
  readonly decision: string
  readonly timeoutMs: number
  /** The most that it can cost. */
  readonly cost: Cost
}

/**
 * Who watches over money. `reserve` resolves when the maximum is durably set aside, or says which budget it would break;
 * `settle` puts what it really cost in its place. A reservation that is never settled (the process died) counts in full.
 */
export interface Meter {
  reserve(use: Use): Promise<{ readonly ok: true } | { readonly ok: false; readonly budget: string }>
  settle(id: string, actual: Cost): Promise<void>
}

/** How long past its time-out a call may stay away before its reservation counts in full. */
const GRACE_MS = 60_000

/** The company's own: every use is in its costs, and under every budget that it falls under. */
export function agentMeter(spend: Spend): Meter {
  return {
    async reserve({ id, agent, workflow, run, tier, model, decision, timeoutMs, cost }) {
      const { meter, micros, currency, tokensIn, tokensOut } = cost
      const { over } = await spend.reserveNow({
        id,
        agent,
        workflow,
        run,
        tier,
        model,
        meter,
        micros,
        currency,
        action: null,
        connector: null,
        subject: decision,
        tokens: tokensIn + tokensOut,
        timeoutMs: timeoutMs + GRACE_MS,
      })
      return over === null ? { ok: true } : { ok: false, budget: over }
    },
    async settle(id, { micros, tokensIn, tokensOut }) {
      const tokens = tokensIn + tokensOut
      await spend.settleNow(id, { micros, tokens, tokensIn, tokensOut })
    },
  }
}

/** What it cost, for people. */
export function costText({ micros, currency, tokensIn, tokensOut }: Omit<Cost, 'meter'>): string {
  const tokens = tokensIn + tokensOut > 0 ? `${tokensIn + tokensOut} tokens` : ''
  const money = currency === NO_CURRENCY ? '' : moneyText(micros, currency)
  return [money, tokens].filter(Boolean).join(', ') || 'nothing'
}
