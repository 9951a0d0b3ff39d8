import { randomUUID } from 'node:crypto'
import { restOf, type Books, type Charge, type Filed, type Note, type Refund } from './books.ts'
import { PRICES } from './prices.ts'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: unknown
  /** The Idempotency-Key. */
  readonly key: string | null
}

interface At {
  /** Epoch ms. */
  readonly now: number
  /** Whether a repeated key is noticed. */
  readonly duplicates: 'on' | 'off'
}

interface Answered {
  readonly body: unknown
  /** The books are another now, and have to be written. */
  readonly changed?: boolean
}

/** What the service does not do, with the status it says so with. */
export class Refusal extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

const KEY_HONOURED_MS = 24 * 60 * 60 * 1_000
const DAY_MS = 24 * 60 * 60 * 1_000

type Route = (books: Books, asked: Asked, id: string, at: At) => Answered

const ROUTES: Readonly<Record<string, Route>> = {
  'GET /': () => ({ body: { service: 'billing', version: 1, offers: Object.keys(ROUTES), prices: PRICES } }),
  'GET /charges': (books, { query }) => {
    const email = query.get('customer')?.toLowerCase()
    const customer = books.customers.find((c) => c.email === email) ?? null
    const charges = books.charges.filter((c) => c.customer === email).map((c) => withRest(books, c))
    return { body: { customer, charges } }
  },
  'GET /charges/:id': (books, _asked, id) => ({ body: { charge: withRest(books, found(books.charges, id)) } }),
  'POST /refunds': refund,
  'GET /refunds': (books, { query }) => ({ body: { refund: withKey(books.refunds, query.get('key')) } }),
  'GET /refunds/:id': (books, _asked, id) => ({ body: { refund: found(books.refunds, id) } }),
  'POST /refunds/:id/reversal': (books, _asked, id, { now }) => {
    const reversed = found(books.refunds, id)
    const changed = reversed.reversedAt === null
    reversed.reversedAt ??= iso(now)
    return { body: { refund: reversed }, changed }
  },
  'GET /invoices': overdue,
  'POST /filed': file,
  'GET /filed': (books, { query }) => ({ body: { filed: withKey(books.filed, query.get('key')) } }),
  'GET /filed/:id': (books, _asked, id) => ({ body: { filed: found(books.filed, id) } }),
  'POST /filed/:id/withdrawal': (books, _asked, id, { now }) => {
    const withdrawn = found(books.filed, id)
    const changed = withdrawn.withdrawnAt === null
    withdrawn.withdrawnAt ??= iso(now)
    return { body: { filed: withdrawn }, changed }
  },
  'POST /customers/:id/notes': note,
  'GET /notes/:id': (books, _asked, id) => ({ body: { note: found(books.notes, id) } }),
  'POST /notes/:id/removal': (books, _asked, id, { now }) => {
    const removed = found(books.notes, id)
    const changed = removed.removedAt === null
    removed.removedAt ??= iso(now)
    return { body: { note: removed }, changed }
  },
}

/** Answers one request, changing the books where it asks for that. Throws a Refusal. */
export function answer(books: Books, asked: Asked, at: At): Answered {
  const [, collection = '', id = '', verb] = asked.path.split('/').map(decodeURIComponent)
  const place = verb === undefined ? (id === '' ? '' : '/:id') : `/:id/${verb}`
  const route = ROUTES[`${asked.method} /${collection}${place}`]
  if (!route) throw new Refusal(404, 'not_found', `There is no ${asked.method} ${asked.path}.`)
  return route(books, asked, id, at)
}

function refund(books: Books, asked: Asked, _id: string, { now, duplicates }: At): Answered {
  const wanted = fields(asked.body, ['charge', 'customer', 'currency', 'reason'])
  const earlier = repeated(books.refunds, asked, { now, duplicates })
  if (earlier) {
    same(earlier, wanted, ['charge', 'amount', 'currency', 'reason'])
    return { body: { refund: earlier } }
  }
  const charge = found(books.charges, wanted.charge)
  if (charge.customer !== wanted.customer.toLowerCase())
    throw new Refusal(422, 'other_customer', `Charge ${charge.id} is not one of ${wanted.customer}.`)
  if (charge.currency !== wanted.currency)
    throw new Refusal(422, 'currency', `Charge ${charge.id} was in ${charge.currency}.`)
  const rest = restOf(books, charge)
  if (wanted.amount > rest)
    throw new Refusal(422, 'too_much', `Only ${rest} of charge ${charge.id} is left to be refunded.`)
  const made: Refund = {
    id: `re_${randomUUID()}`,
    key: keyOf(asked),
    charge: charge.id,
    amount: wanted.amount,
    currency: charge.currency,
    reason: wanted.reason,
    at: iso(now),
    reversedAt: null,
  }
  books.refunds.push(made)
  return { body: { refund: made }, changed: true }
}

function file(books: Books, asked: Asked, _id: string, { now, duplicates }: At): Answered {
  const wanted = fields(asked.body, ['supplier', 'number', 'currency'])
  const { document = null } = asked.body as { document?: string | null }
  const earlier = repeated(books.filed, asked, { now, duplicates })
  if (earlier) {
    same(earlier, wanted, ['supplier', 'number', 'amount', 'currency'])
    return { body: { filed: earlier } }
  }
  const { supplier, number, currency, amount } = wanted
  const known = books.filed.find((f) => f.supplier === supplier && f.number === number && f.withdrawnAt === null)
  if (known) throw new Refusal(409, 'filed', `Invoice ${number} of ${supplier} is filed already.`)
  const filed: Filed = {
    id: `in_${randomUUID()}`,
    key: keyOf(asked),
    supplier,
    number,
    amount,
    currency,
    document,
    at: iso(now),
    withdrawnAt: null,
  }
  books.filed.push(filed)
  return { body: { filed }, changed: true }
}

/** A note is written as often as it is asked for: no key tells two of them apart. */
function note(books: Books, asked: Asked, id: string, { now }: At): Answered {
  const { text } = texts(asked.body, ['text'])
  const account = books.customers.find((c) => c.email === id.toLowerCase())
  if (!account) throw new Refusal(404, 'no_account', `${id} has no account.`)
  const made: Note = { id: `no_${randomUUID()}`, customer: account.email, text, at: iso(now), removedAt: null }
  books.notes.push(made)
  return { body: { note: made }, changed: true }
}

/** What is unpaid more than `overdue_days` after its date, on the day `as_of`. */
function overdue(books: Books, { query }: Asked, _id: string, { now }: At): Answered {
  const asOf = Date.parse(query.get('as_of') ?? iso(now))
  const days = Number(query.get('overdue_days') ?? 0)
  if (!Number.isFinite(asOf) || !Number.isFinite(days)) throw new Refusal(400, 'bad_request', 'Not a date, or number.')
  const invoices = books.invoices
    .filter((i) => !i.paid)
    .map((i) => ({
      ...i,
      name: books.customers.find((c) => c.email === i.customer)?.name ?? i.customer,
      daysOverdue: Math.floor((asOf - Date.parse(i.due)) / DAY_MS),
    }))
    .filter((i) => i.daysOverdue > days)
  return { body: { invoices } }
}

function withRest(books: Books, charge: Charge): Charge & { readonly refundable: number } {
  return { ...charge, refundable: restOf(books, charge) }
}

function found<T extends { readonly id: string }>(list: readonly T[], id: string): T {
  const item = list.find((i) => i.id === id)
  if (!item) throw new Refusal(404, 'not_found', `There is no ${id}.`)
  return item
}

function withKey<T extends { readonly key: string }>(list: readonly T[], key: string | null): T | null {
  if (key === null) throw new Refusal(400, 'bad_request', 'Give ?key=.')
  return list.find((i) => i.key === key) ?? null
}

function keyOf({ key }: Asked): string {
  if (!key) throw new Refusal(400, 'key_needed', 'Give an Idempotency-Key.')
  return key
}

/** What this key did before, as long as it is honoured. */
function repeated<T extends { readonly key: string; readonly at: string }>(
  list: readonly T[],
  asked: Asked,
  { now, duplicates }: At,
): T | undefined {
  const key = keyOf(asked)
  if (duplicates === 'off') return undefined
  return list.findLast((i) => i.key === key && now - Date.parse(i.at) < KEY_HONOURED_MS)
}

/** A key stands for one request: with another content it is refused. */
function same<T extends object>(earlier: T, wanted: object, names: readonly (keyof T & string)[]): void {
  const differs = names.some((name) => earlier[name] !== (wanted as T)[name])
  if (differs) throw new Refusal(422, 'key_reused', 'This Idempotency-Key was used for another request.')
}

function fields<K extends string>(body: unknown, names: readonly K[]): Record<K, string> & { readonly amount: number } {
  const given = texts(body, names) as Record<K, string> & { readonly amount: unknown }
  if (!Number.isSafeInteger(given.amount) || Number(given.amount) <= 0)
    throw new Refusal(400, 'bad_request', '"amount" is a positive integer in the smallest unit of its currency.')
  return given as Record<K, string> & { readonly amount: number }
}

function texts<K extends string>(body: unknown, names: readonly K[]): Record<K, string> {
  const given = (body ?? {}) as Record<string, unknown>
  const missing = names.find((name) => typeof given[name] !== 'string' || given[name] === '')
  if (missing) throw new Refusal(400, 'bad_request', `"${missing}" is a text.`)
  return given as Record<K, string>
}

function iso(at: number): string {
  return new Date(at).toISOString()
}
