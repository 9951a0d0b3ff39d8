import { agent, z, type Rule } from 'factotum'
import { billing } from '../connectors/billing/index.ts'
import type { Desk } from './desk.ts'

const Charge = z.object({
  id: z.string(),
  reference: z.string(),
  amount: z.int(),
  currency: z.string(),
  at: z.string(),
  what: z.string(),
  refundable: z.int(),
})
const Request = z.object({ subject: z.string(), text: z.string(), charges: z.array(Charge).min(1) })
type Request = z.infer<typeof Request>

/** Whatever a mail says, and whoever reads it: only charges of its sender, and no more than what is left of one. */
const Answer = ({ charges }: Request) =>
  z.object({
    charge: z.enum(['none', ...charges.map((c) => c.id)]),
    amount: z
      .int()
      .min(0)
      .max(Math.max(...charges.map((c) => c.refundable))),
    reason: z.string().min(1).max(500),
  })
type Answer = z.infer<ReturnType<typeof Answer>>

const TWICE = /twice|double|two payments|doppelt|zweimal|deux fois|en double/i
const SOME = /\b(part|half|pro rata|too much|difference|teil|hälfte|zu viel|differenz|moitié|en trop|différence)/i
const MINUTES = 60_000

/** Sure where there is nothing to choose: the second of two equal charges, or the only one that there is. */
const byCharges: Rule<Request, Answer> = ({ subject, text, charges }) => {
  const says = `${subject}\n${text}`
  const newest = charges.at(-1)!
  const before = charges.at(-2)
  const same =
    before?.amount === newest.amount &&
    before.currency === newest.currency &&
    Date.parse(newest.at) - Date.parse(before.at) < 60 * MINUTES
  if (same && TWICE.test(says))
    return answer(
      newest,
      `charged twice: ${before.reference} and ${newest.reference}`,
      'the same amount within an hour',
    )
  if (charges.length === 1 && !SOME.test(says))
    return answer(newest, `asked for by mail: ${subject}`.slice(0, 500), 'it is their only charge')
  return null
}

function answer({ id, refundable }: Request['charges'][number], reason: string, because: string) {
  return { value: { charge: id, amount: refundable, reason }, confidence: 0.9, because }
}

export const refundAmount = agent('refund-amount', {
  instructions: 'Which of these charges should be refunded, and how much of it? "none" and 0 where it is none of them.',
  title: ({ subject, charges }) => `Which of ${charges.length} charges is refunded, and how much of it? ${subject}`,
  input: Request,
  output: Answer,
  tiers: [byCharges, 'light', 'operator'],
})

/** Finds the charge, refunds it, remembers that. */
export const refundDesk: Desk = {
  async before(ctx, { message, customer, at }) {
    const found = await ctx.act(billing.charges, { customer: message.from }, at)
    const charges = found.output?.charges.filter((c) => c.refundable > 0)
    if (!charges) return { what: 'not refunded', reason: 'the charges could not be looked up' }
    if (charges.length === 0) return { what: 'no charge found' }

    const { subject, text } = message
    const wanted = await ctx.decide(refundAmount, { subject, text, charges }, at)
    const { reason } = wanted.value
    const charge = charges.find((c) => c.id === wanted.value.charge)
    const amount = Math.min(wanted.value.amount, charge?.refundable ?? 0)
    if (!charge || amount === 0) return { what: 'not refunded', reason }

    const { id, currency, reference } = charge
    const refund = await ctx.act(
      billing.refund,
      { charge: id, amount, currency, customer: message.from, reason },
      { hold: '3s', ...at },
    )
    if (refund.state !== 'succeeded') return { what: 'not refunded', reason: refund.reason ?? refund.state }
    // What the operator made of it at the gate.
    const money = billing.moneyText(refund.input)
    await ctx.facts.assert(customer, { lastRefund: `${money} of ${reference}` }, { because: refund, ...at })
    return { what: 'refunded', money, reference }
  },
}
