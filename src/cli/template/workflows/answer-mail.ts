import { agent, workflow, z, type Rule } from 'factotum'
import { mail } from 'factotum/mail'
import { Customer } from '../facts.ts'

type Message = z.infer<typeof mail.Message>
const Topic = z.enum(['question', 'newsletter', 'other'])

/** Rules first: they cost nothing. Where they are not sure, you are asked. */
const byRules: Rule<Message, z.infer<typeof Topic>> = (message) => {
  if (message.autoSubmitted || message.listId !== null) return { value: 'newsletter', because: 'a program sent it' }
  return message.text.includes('?') ? { value: 'question', because: 'it asks something' } : null
}

const triage = agent('triage', {
  instructions: 'What is this mail about?',
  input: mail.Message,
  output: Topic,
  tiers: [byRules, 'operator'],
})

export default workflow('answer-mail', { on: mail.received, lane: (m) => m.from }, async (ctx, message) => {
  const topic = await ctx.decide(triage, message)
  const customer = await ctx.facts.about(Customer, message.from)
  await ctx.facts.assert(customer, { name: message.fromName, lastTopic: topic.value }, { because: topic })
  if (topic.value !== 'question') return topic.value

  const body = `Hello ${message.fromName || 'there'},\n\nthank you for writing. You will hear from us within a day.\n\nAcme`
  const sent = await ctx.act(mail.reply, { to: message, body }, { hold: '5s' })
  return sent.state
})
