import type { CostMeter } from '../../context/decisions.ts'
import { FactotumError } from '../../lib/errors.ts'

/**
 * What a use is counted on: `billed` is money that somebody will ask for; `imputed` is what it would have cost (a local
 * model); `quota` is a part of what a subscription allows.
 */
export type Meter = CostMeter

/** An amount as people write it: `{ amount: '20', currency: 'EUR' }`. At most six decimals; ISO 4217. */
export interface Amount {
  readonly amount: string
  readonly currency: string
}

/** One of them; none is the whole company. */
export interface BudgetOf {
  readonly agent?: string
  readonly workflow?: string
  readonly action?: string
  readonly connector?: string
}

export interface BudgetOptions {
  readonly name: string
  /** What it is for. Default: the whole company. */
  readonly of?: BudgetOf
  /** Days and months are those of the company's zone. */
  readonly per: 'day' | 'month'
  readonly money?: Amount
  /** What one unit of another currency counts in this one's: `{ USD: '0.92' }`. Without a rate, a use asks. */
  readonly rates?: Readonly<Record<string, string>>
  readonly tokens?: number
  readonly count?: number
  /** The meter that it limits. Default: money that is billed; tokens and count of all three. */
  readonly meter?: Meter
}

/** A limit that asks the operator when a use would exceed it. */
export interface Budget {
  readonly name: string
  readonly of: BudgetOf
  /** As meters are kept under: `company`, `agent:triage`. */
  readonly scope: string
  readonly per: 'day' | 'month'
  readonly money: { readonly micros: number; readonly currency: string } | null
  /** Millionths that a unit of a currency counts; of its own, one. */
  readonly rates: ReadonlyMap<string, number>
  readonly tokens: number | null
  readonly count: number | null
  readonly meter: Meter | null
}

export const MICROS = 1_000_000
const KINDS: readonly string[] = ['agent', 'workflow', 'action', 'connector'] satisfies (keyof BudgetOf)[]

function invalid(name: string, what: string): never {
  throw new FactotumError('budget.invalid', `The budget "${name}" ${what}`)
}

/** Declares a budget of `company({ budgets: […] })`. Throws `budget.invalid`. */
export function budget(options: BudgetOptions): Budget {
  const { name, per, money, tokens, count, meter } = options
  if (typeof name !== 'string' || name.trim() === '') invalid(String(name), 'has no name: budget({ name: "…" }).')
  if (per !== 'day' && per !== 'month') invalid(name, 'is per "day" or per "month".')
  if (meter !== undefined && !['billed', 'imputed', 'quota'].includes(meter))
    invalid(name, 'has a meter that is none: use "billed", "imputed" or "quota".')
  const of = Object.entries(options.of ?? {}).filter(([, value]) => value !== undefined) as [string, string][]
  for (const [kind, value] of of)
    if (!KINDS.includes(kind) || typeof value !== 'string')
      invalid(name, `is of what there is not: "${kind}". Give it the name of an agent, workflow, action or connector.`)
  if (of.length > 1) invalid(name, 'is of more than one thing. Write a budget for each.')
  if (money === undefined && tokens === undefined && count === undefined)
    invalid(name, 'limits nothing. Give it money, tokens or a count.')
  if (options.rates && !money) invalid(name, 'has rates and no money. Give it money, or leave the rates out.')
  for (const n of [tokens, count])
    if (n !== undefined && !(Number.isSafeInteger(n) && n >= 0))
      invalid(name, 'takes whole numbers of tokens and uses.')
  return {
    name,
    of: options.of ?? {},
    scope: of.length === 0 ? 'company' : of[0]!.join(':'),
    per,
    money: money ? { micros: parseMicros(name, money.amount), currency: currencyOf(name, money.currency) } : null,
    rates: money ? ratesOf(name, money.currency, options.rates ?? {}) : new Map(),
    tokens: tokens ?? null,
    count: count ?? null,
    meter: meter ?? null,
  }
}

function ratesOf(name: string, own: string, rates: Readonly<Record<string, string>>): ReadonlyMap<string, number> {
  const others = Object.entries(rates).map(([code, rate]) => [currencyOf(name, code), parseMicros(name, rate)] as const)
  return new Map([[own, MICROS], ...others.filter(([code]) => code !== own)])
}

function currencyOf(name: string, code: string): string {
  return CURRENCY.test(code) ? code : invalid(name, `has a currency that is none: "${code}". Write it as "EUR".`)
}

export const CURRENCY = /^[A-Z]{3}$/
/** ISO 4217 for what has no price. */
export const NO_CURRENCY = 'XXX'

function parseMicros(name: string, amount: string): number {
  const match = /^(\d{1,9})(?:\.(\d{1,6}))?$/.exec(amount)
  if (!match) return invalid(name, `has an amount that is none: "${amount}". Write it as "20" or "19.90".`)
  return Number(match[1]) * MICROS + Number((match[2] ?? '').padEnd(6, '0'))
}

/** Throws `budget.invalid` where two have the same name. */
export function checkBudgets(budgets: readonly Budget[]): readonly Budget[] {
  const names = budgets.map((b) => b.name)
  const twice = names.find((name, i) => names.indexOf(name) < i)
  if (twice !== undefined) invalid(twice, 'is there twice. Its name is how you are told of it: rename one.')
  return budgets
}

/** `19.90 EUR`; more decimals where the amount is smaller than a hundredth shows. */
export function moneyText(micros: number, currency: string): string {
  const sign = micros < 0 ? '-' : ''
  const abs = Math.abs(micros)
  const decimals = String(abs % MICROS)
    .padStart(6, '0')
    .replace(/0{1,4}$/, '')
  return `${sign}${Math.floor(abs / MICROS)}.${decimals}${currency === NO_CURRENCY ? '' : ` ${currency}`}`
}
