import { agent, workflow, type Context } from 'factotum'
import { mail } from 'factotum/mail'
import type { Desks } from '../desks/desk.ts'
import { draft } from '../drafts.ts'
import { Customer } from '../facts.ts'
import { byRules, languageOf, Topic, type Message } from '../triage-rules.ts'

export const triage = agent('triage', {
  instructions: 'What is this mail about?',
  title: (m) => `What does ${m.fromName || m.from} want? ${m.subject}`,
  input: mail.Message,
  output: Topic,
  tiers: [byRules, 'learned', 'light', 'operator'],
})

/** Every mail: know who writes, decide what it is about, let its desk do what is due, and propose a reply. */
export const answerMail = (desks: Desks) =>
  workflow('answer-mail', { on: mail.received, lane: (m) => m.from }, async (ctx, message) => {
    let last = await work(ctx, desks, message, {})
    for (let turn = 1; last.next; turn++) last = await work(ctx, desks, last.next, { key: turn })
    return last.end
  })

/** Without desks: it only answers. */
export default answerMail({})

interface Worked {
  readonly end: string
  /** What they wrote back while the run waited for it. */
  readonly next: Message | null
}

async function work(ctx: Context, desks: Desks, message: Message, at: { readonly key?: number }): Promise<Worked> {
  const ended = (end: string): Worked => ({ end, next: null })
  const topic = await ctx.decide(triage, message, at)
  if (topic.value === 'spam' || topic.value === 'newsletter' || topic.value === 'automatic') {
    // Nobody waits for an answer to that.
    await ctx.conversation.close(topic.value, at)
    return ended(topic.value)
  }

  const customer = await ctx.facts.about(Customer, message.from, at)
  const past = await ctx.recall(message.text, { about: customer, budget: 2_000, ...at })
  const language = languageOf(message.text)
  await ctx.facts.assert(
    customer,
    {
      ...(message.fromName === '' ? {} : { name: message.fromName }),
      ...(customer.firstSeen === undefined ? { firstSeen: ctx.now() } : {}),
      language,
      lastTopic: topic.value,
    },
    { because: topic, name: 'remember', ...at },
  )
  const desk = desks[topic.value]
  const now = { message, customer, language, at }
  const done = await desk?.before?.(ctx, now)
  if (topic.value === 'invoice' || message.replyTo === mail.unknownSender) return ended(topic.value)

  const reply = await ctx.delegate(
    draft,
    {
      topic: topic.value,
      name: message.fromName || customer.name,
      language,
      text: message.text,
      past: past.map((p) => p.text),
      done,
    },
    at,
  )
  const sent = await ctx.act(mail.reply, { to: message, body: reply.value.body }, { hold: '5s', ...at })
  if (sent.state === 'succeeded') return { end: sent.state, next: (await desk?.after?.(ctx, now)) ?? null }
  // Money that went back without a word is taken back: the operator wanted it otherwise.
  if (done?.what === 'refunded') await ctx.compensate()
  return ended(sent.state)
}
