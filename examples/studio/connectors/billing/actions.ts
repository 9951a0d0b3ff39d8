import { action, ActionError, type ActionContext, type Reconciled } from 'factotum/connector'
import { z } from 'factotum'
import { call } from './client.ts'
import { priceOf } from './prices.ts'

/** Amounts are integers in the smallest unit of their currency: 1900 of EUR is 19.00 EUR. */
const Amount = z.int().positive()
const Currency = z.string().regex(/^[A-Z]{3}$/)

/** As people write it: `19.00 EUR`. */
export function moneyText({ amount, currency }: { readonly amount: number; readonly currency: string }): string {
  return `${(amount / 100).toFixed(2)} ${currency}`
}

const Charge = z.object({
  id: z.string(),
  reference: z.string(),
  customer: z.string(),
  amount: Amount,
  currency: Currency,
  at: z.iso.datetime(),
  what: z.string(),
  /** What is left of it to be refunded. */
  refundable: z.int().nonnegative(),
})

const Charges = z.object({
  customer: z.object({ email: z.string(), name: z.string() }).nullable(),
  charges: z.array(Charge),
})

/** What a customer was charged, oldest first; `customer` is null where the service knows nobody of that address. */
export const charges = action('billing.charges', {
  risk: 'read',
  input: z.object({ customer: z.string() }),
  output: Charges,
  title: ({ customer }) => `Look up what ${customer} was charged`,
  cost: () => priceOf('GET /charges'),
  run: ({ customer }, ctx) => call(ctx, `/charges?customer=${encodeURIComponent(customer)}`, Charges),
})

const Made = z.object({
  id: z.string(),
  key: z.string(),
  charge: z.string(),
  amount: Amount,
  currency: Currency,
  reversedAt: z.string().nullable(),
})
const OneCharge = z.object({ charge: Charge })
const OneRefund = z.object({ refund: Made })
const PerhapsRefund = z.object({ refund: Made.nullable() })

const Refunded = z.object({ refund: z.string(), charge: z.string(), amount: Amount, currency: Currency })
type Refunded = z.infer<typeof Refunded>

const refunded = ({ id, charge, amount, currency }: z.infer<typeof Made>): Refunded => ({
  refund: id,
  charge,
  amount,
  currency,
})

async function findRefund(ctx: ActionContext): Promise<Refunded | null> {
  const { refund } = await call(ctx, `/refunds?key=${encodeURIComponent(ctx.key)}`, PerhapsRefund)
  return refund && refunded(refund)
}

/** Gives a customer their money back, all of a charge or some of it. */
export const refund = action('billing.refund', {
  risk: 'compensable',
  input: z.object({
    charge: z.string(),
    amount: Amount,
    currency: Currency,
    /** The address of whom the charge was made to: the service refuses another's. */
    customer: z.string(),
    reason: z.string().min(1).max(500),
  }),
  output: Refunded,
  // The service honours its key for 24 hours only: a later try looks first (see `once`).
  idempotent: true,
  idempotentFor: 'ever',
  title: (r) => `Refund ${moneyText(r)} of charge ${r.charge} to ${r.customer}`,
  preview: ({ charge, customer, reason, ...money }) => ({ charge, refund: moneyText(money), to: customer, reason }),
  lane: ({ charge }) => `charge ${charge}`,
  cost: () => priceOf('POST /refunds'),
  observe: async ({ charge }, ctx) => {
    const { charge: now } = await call(ctx, `/charges/${encodeURIComponent(charge)}`, OneCharge)
    return { charged: moneyText(now), left: moneyText({ ...now, amount: now.refundable }), for: now.what }
  },
  run: (input, ctx) =>
    once(ctx, findRefund, async () => {
      const made = await call(ctx, '/refunds', OneRefund, { method: 'POST', body: input, keyed: true })
      return refunded(made.refund)
    }),
  reconcile: (_input, ctx) => reconciled(findRefund(ctx)),
  undo: async (_input, output, ctx) => {
    const { refund: id } = known(output)
    await call(ctx, `/refunds/${encodeURIComponent(id)}/reversal`, OneRefund, { method: 'POST', keyed: true })
  },
  reconcileUndo: async (_input, output, ctx) => {
    const now = await call(ctx, `/refunds/${encodeURIComponent(known(output).refund)}`, OneRefund)
    return now.refund.reversedAt === null ? { found: 'no' } : { found: 'yes', output: null }
  },
})

export const Overdue = z.object({
  id: z.string(),
  customer: z.string(),
  name: z.string(),
  amount: Amount,
  currency: Currency,
  due: z.string(),
  daysOverdue: z.int(),
})

const Invoices = z.object({ invoices: z.array(Overdue) })

/** Which of our invoices are unpaid more than `days` days after they were due, on the day `asOf`. */
export const overdue = action('billing.overdue', {
  risk: 'read',
  input: z.object({ days: z.int().nonnegative(), asOf: z.iso.date() }),
  output: Invoices,
  title: ({ days, asOf }) => `Look up what is overdue by more than ${days} days on ${asOf}`,
  cost: () => priceOf('GET /invoices'),
  run: ({ days, asOf }, ctx) => call(ctx, `/invoices?overdue_days=${days}&as_of=${asOf}`, Invoices),
})

const FiledNow = z.object({ id: z.string(), withdrawnAt: z.string().nullable() })
const OneFiled = z.object({ filed: FiledNow })
const PerhapsFiled = z.object({ filed: FiledNow.nullable() })

async function findFiled(ctx: ActionContext): Promise<{ filed: string } | null> {
  const { filed } = await call(ctx, `/filed?key=${encodeURIComponent(ctx.key)}`, PerhapsFiled)
  return filed && { filed: filed.id }
}

/** Enters a supplier's invoice in the books. */
export const file = action('billing.file', {
  risk: 'reversible',
  input: z.object({
    supplier: z.string().min(1),
    number: z.string().min(1),
    amount: Amount,
    currency: Currency,
    /** SHA-256 of the document, hex. */
    document: z.string().nullable(),
  }),
  output: z.object({ filed: z.string() }),
  idempotent: true,
  idempotentFor: 'ever',
  title: (i) => `File invoice ${i.number} of ${i.supplier} over ${moneyText(i)}`,
  lane: ({ supplier }) => `supplier ${supplier}`,
  cost: () => priceOf('POST /filed'),
  run: (input, ctx) =>
    once(ctx, findFiled, async () => {
      const made = await call(ctx, '/filed', OneFiled, { method: 'POST', body: input, keyed: true })
      return { filed: made.filed.id }
    }),
  reconcile: (_input, ctx) => reconciled(findFiled(ctx)),
  undo: async (_input, output, ctx) => {
    const { filed: id } = known(output)
    await call(ctx, `/filed/${encodeURIComponent(id)}/withdrawal`, OneFiled, { method: 'POST', keyed: true })
  },
  reconcileUndo: async (_input, output, ctx) => {
    const now = await call(ctx, `/filed/${encodeURIComponent(known(output).filed)}`, OneFiled)
    return now.filed.withdrawnAt === null ? { found: 'no' } : { found: 'yes', output: null }
  },
})

/** A second try first looks what the one before did: the key may be older than the service honours it. */
async function once<O>(
  ctx: ActionContext,
  find: (ctx: ActionContext) => Promise<O | null>,
  make: () => Promise<O>,
): Promise<O> {
  return (ctx.token > 1 ? await find(ctx) : null) ?? make()
}

/** The service keeps every key: what it does not find did not happen. */
async function reconciled<O>(looked: Promise<O | null>): Promise<Reconciled<O>> {
  const output = await looked
  return output === null ? { found: 'no' } : { found: 'yes', output }
}

function known<O>(output: O | null): O {
  if (output !== null) return output
  throw new ActionError(
    'domain',
    'billing.unknown_id',
    'Only the operator said that this happened, and nobody knows under which id. Take it back at the billing service.',
  )
}
