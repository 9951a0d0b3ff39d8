import { billing } from '../connectors/billing/index.ts'
import type { Desk } from './desk.ts'

/** Notes on the customer's account what they asked, for whoever looks at it next. */
export const supportDesk: Desk = {
  async before(ctx, { message, at }) {
    const found = await ctx.act(billing.charges, { customer: message.from }, at)
    if (!found.output?.customer) return undefined
    const text = message.subject.slice(0, 200) || 'A mail without a subject'
    await ctx.act(billing.note, { customer: message.from, text }, at)
    return undefined
  },
}
