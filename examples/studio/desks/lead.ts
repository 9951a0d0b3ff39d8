import { mail } from 'factotum/mail'
import { draft } from '../drafts.ts'
import { Lead } from '../facts.ts'
import type { Desk } from './desk.ts'

/** Remembers who wants what, and asks once more when they do not answer. */
export const leadDesk: Desk = {
  async before(ctx, { message, at }) {
    const lead = await ctx.facts.about(Lead, message.from, at)
    const name = message.fromName || message.from
    await ctx.facts.assert(lead, { name, wants: message.subject }, at)
    return undefined
  },

  async after(ctx, { message, language, at }) {
    const step = (name: string) => ({ name, ...at })
    const lead = await ctx.facts.about(Lead, message.from, step('lead answered'))
    await ctx.facts.assert(lead, { state: 'answered' }, step('answered'))
    const answer = await ctx.waitFor(mail.received, { match: message.from, timeout: '4d', ...at })
    if (answer) {
      await ctx.facts.assert(lead, { state: 'talking' }, step('talking'))
      return answer
    }
    const task = { topic: 'follow-up' as const, name: lead.name, language, text: message.text, past: [] }
    const reminder = await ctx.delegate(draft, task, step('follow-up'))
    const sent = await ctx.act(
      mail.reply,
      { to: message, body: reminder.value.body },
      { ...step('remind'), hold: '5s' },
    )
    if (sent.state === 'succeeded') {
      await ctx.facts.assert(lead, { state: 'followed up' }, { because: sent, ...step('followed up') })
      const name = lead.name ?? message.from
      const why = 'They wanted something, and answered neither the reply nor the reminder.'
      await ctx.tasks.add({ text: `Call ${name} or let the lead go`, by: '7d', why }, step('call'))
    }
    return null
  },
}
