import { agent, workflow } from 'factotum'
import { mail } from 'factotum/mail'
import { byTemplate, Draft } from '../drafts.ts'
import { Customer } from '../facts.ts'
import { byRules, languageOf, Topic } from '../triage-rules.ts'

const triage = agent('triage', {
  instructions: 'What is this mail about?',
  input: mail.Message,
  output: Topic,
  tiers: [byRules, 'learned', 'light', 'operator'],
})

const draft = agent('draft', {
  instructions: "Answer briefly, in the customer's language.",
  output: Draft,
  tiers: [byTemplate, 'heavy', 'operator'],
})

/** Every mail: know who writes, decide what it is about, remember it, and propose a reply where one is due. */
export default workflow('answer-mail', { on: mail.received, lane: (m) => m.from }, async (ctx, message) => {
  const topic = await ctx.decide(triage, message)
  if (topic.value === 'spam' || topic.value === 'newsletter' || topic.value === 'automatic') return topic.value

  const customer = await ctx.facts.about(Customer, message.from)
  const past = await ctx.recall(message.text, { about: customer, budget: 2_000 })
  const language = languageOf(message.text)
  await ctx.facts.assert(
    customer,
    {
      ...(message.fromName === '' ? {} : { name: message.fromName }),
      ...(customer.firstSeen === undefined ? { firstSeen: ctx.now() } : {}),
      language,
      lastTopic: topic.value,
    },
    { because: topic },
  )
  if (topic.value === 'invoice' || message.replyTo === mail.unknownSender) return topic.value

  const reply = await ctx.delegate(draft, {
    topic: topic.value,
    name: message.fromName || customer.name,
    language,
    writtenBefore: past.length > 0,
  })
  const sent = await ctx.act(mail.reply, { to: message, body: reply.value.body }, { hold: '5s' })
  return sent.state
})
