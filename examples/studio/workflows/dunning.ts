import { workflow, z } from 'factotum'
import { mail } from 'factotum/mail'
import { billing } from '../connectors/billing/index.ts'
import { Customer, Due } from '../facts.ts'
import { letter } from '../letters.ts'

const OVERDUE_DAYS = 14
const WEEK_MS = 7 * 24 * 60 * 60 * 1_000

/** One overdue invoice: a polite reminder, a week later a firm one, and then the operator says how to go on. */
export const remind = workflow('remind', { input: billing.Overdue }, async (ctx, invoice) => {
  const due = await ctx.facts.about(Due, invoice.id)
  if (due.verdict !== undefined) return due.verdict
  if (due.lastTried !== undefined && ctx.now() - due.lastTried < WEEK_MS) return 'tried lately'
  if (due.reminders >= 2) {
    const verdict = await ctx.ask({
      title: `${invoice.id} over ${billing.moneyText(invoice)} is ${invoice.daysOverdue} days overdue, after ${due.reminders} reminders`,
      about: invoice,
      options: ['remind again', 'I see to it', 'write it off'],
      answer: z.string(),
      timeout: '7d',
    })
    if (verdict === null) return 'nobody decided'
    if (verdict !== 'remind again') {
      await ctx.facts.assert(due, { verdict })
      return verdict
    }
  }
  const { language } = await ctx.facts.about(Customer, invoice.customer)
  const { subject, body } = letter(invoice, language, due.reminders > 0)
  const sent = await ctx.act(mail.send, { to: invoice.customer, subject, body }, { hold: '1m' })
  const reminders = due.reminders + (sent.state === 'succeeded' ? 1 : 0)
  await ctx.facts.assert(due, { reminders, lastTried: ctx.now() }, { because: sent })
  return sent.state
})

/** One run after the other: an invoice is not reminded of twice, however long a letter waits for approval. */
export default workflow(
  'dunning',
  { schedule: { cron: '0 9 * * 1-5', zone: 'Europe/Berlin' }, lane: () => 'dunning' },
  async (ctx) => {
    const asOf = new Date(ctx.now()).toISOString().slice(0, 10)
    const found = await ctx.act(billing.overdue, { days: OVERDUE_DAYS, asOf })
    const invoices = found.output?.invoices ?? []
    const ended = await Promise.allSettled(invoices.map((invoice) => ctx.child(remind, invoice, { key: invoice.id })))
    return Object.fromEntries(
      ended.map((end, i) => [invoices[i]!.id, end.status === 'fulfilled' ? end.value : 'cancelled']),
    )
  },
)
