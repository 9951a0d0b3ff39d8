import { agent, workflow, z } from 'factotum'
import { mail } from 'factotum/mail'
import { billing } from '../connectors/billing/index.ts'
import { Customer } from '../facts.ts'
import { byRules } from './triage-rules.ts'

const triage = agent('triage', {
  input: mail.Message,
  output: z.enum(['refund', 'question', 'lead', 'spam']),
  tiers: [byRules, 'learned', 'light', 'operator'],
})
const draft = agent('draft', {
  instructions: "Answer briefly, in the customer's language.",
  output: z.object({ body: z.string() }),
  tiers: ['heavy', 'operator'],
})

export default workflow('answer-mail', { on: mail.received, lane: (m) => m.from }, async (ctx, message) => {
  const kind = await ctx.decide(triage, message)
  if (kind.value === 'spam') return
  const customer = await ctx.facts.about(Customer, message.from)
  const past = await ctx.recall(message.text, { about: customer, budget: 2_000 })
  const reply = await ctx.delegate(draft, { message, kind, customer, past })
  if (kind.value === 'refund') {
    const refund = await ctx.act(billing.refund, { charge: customer.lastCharge })
    if (refund.state !== 'succeeded') return
  }
  const sent = await ctx.act(mail.reply, { to: message, body: reply.value.body }, { hold: '10m' })
  if (sent.state !== 'succeeded') return ctx.compensate()
  await ctx.facts.assert(customer, { lastIssue: kind.value }, { because: sent })
})
