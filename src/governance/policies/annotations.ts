import type { Outcome, Period } from './model.ts'

/** One part of a cap: so many times, or so much money, per period. */
export interface Limit {
  readonly per: Period
  readonly count: number | null
  readonly micros: number | null
  readonly currency: string | null
}

export interface Annotated {
  readonly id: string
  readonly outcome: Outcome
  readonly reason: string | null
  readonly expires: string | null
  readonly cap: string | null
  readonly limits: readonly Limit[]
}

export interface Mistake {
  /** The annotation that is wrong; null where one is missing. */
  readonly name: string | null
  readonly message: string
}

const MAX_ID = 100
const MAX_REASON = 300
const KNOWN = ['id', 'outcome', 'reason', 'expires', 'cap']

/** What a policy's annotations say. Unknown ones are mistakes: a misspelt `@expires` would never expire. */
export function readAnnotations(
  effect: 'permit' | 'forbid',
  given: Readonly<Record<string, string>>,
): { readonly annotated: Annotated; readonly mistakes: readonly Mistake[] } {
  const mistakes: Mistake[] = []
  const wrong = (name: string | null, message: string) => void mistakes.push({ name, message })
  for (const name of Object.keys(given))
    if (!KNOWN.includes(name)) wrong(name, `@${name} is not known. There is @${KNOWN.join(', @')}.`)
  const { id, outcome, reason, expires, cap } = given as Readonly<Record<string, string | undefined>>
  if (id === undefined) wrong(null, 'The policy has no name. Begin it with @id("a-name").')
  else if (!/^[a-z0-9][a-z0-9._-]*$/.test(id) || id.length > MAX_ID)
    wrong('id', `"${id}" cannot be a name: use small letters, digits, ".", "_" and "-", at most ${MAX_ID}.`)
  const allowed = effect === 'permit' ? ['run'] : ['ask', 'refuse']
  if (outcome !== undefined && !allowed.includes(outcome))
    wrong('outcome', `A ${effect} can say @outcome("${allowed.join('") or @outcome("')}"), not "${outcome}".`)
  if (reason !== undefined && (reason.trim() === '' || reason.length > MAX_REASON))
    wrong('reason', `A reason has 1 to ${MAX_REASON} characters.`)
  if (expires !== undefined && !isDate(expires))
    wrong('expires', `"${expires}" is not a date. Write its last day as @expires("2026-12-31").`)
  const limits = cap === undefined ? [] : readCap(cap)
  if (limits === null)
    wrong(
      'cap',
      `"${cap}" is not a cap. Write "10 per day", "200 EUR per month", or both with a comma, in one currency.`,
    )
  if (cap !== undefined && effect === 'forbid')
    wrong('cap', 'Only a permit can have a cap: a forbid has nothing to use up.')
  return {
    annotated: {
      id: id ?? '',
      outcome: effect === 'permit' ? 'run' : outcome === 'ask' ? 'ask' : 'refuse',
      reason: reason ?? null,
      expires: expires ?? null,
      cap: cap ?? null,
      limits: limits ?? [],
    },
    mistakes,
  }
}

function isDate(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && new Date(`${text}T00:00:00Z`).toJSON()?.slice(0, 10) === text
}

/** `10 per day, 200 EUR per month`. Null where it is not written so, or in two currencies, or twice the same. */
function readCap(cap: string): readonly Limit[] | null {
  const limits = cap.split(',').map(readLimit)
  if (limits.includes(null)) return null
  const read = limits as readonly Limit[]
  const kinds = new Set(read.map((l) => `${l.currency === null} ${l.per}`))
  const currencies = new Set(read.flatMap((l) => l.currency ?? []))
  return kinds.size === read.length && currencies.size <= 1 ? read : null
}

function readLimit(text: string): Limit | null {
  const match = /^\s*(\d{1,9})(?:\.(\d{1,6}))?(?: ([A-Z]{3}))? per (day|month)\s*$/.exec(text)
  if (!match) return null
  const [, whole, fraction, currency, per] = match
  if (currency === undefined)
    return fraction === undefined ? { per: per as Period, count: Number(whole), micros: null, currency: null } : null
  const micros = Number(whole) * 1_000_000 + Number((fraction ?? '').padEnd(6, '0'))
  return { per: per as Period, count: null, micros, currency }
}
