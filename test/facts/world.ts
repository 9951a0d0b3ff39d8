import { attribute, entity, signal, workflow, z, type Json } from '../../src/index.ts'

/** A customer with an attribute for each rule that there is. */
export const Customer = entity('customer', {
  name: z.string(),
  plan: attribute(z.enum(['free', 'pro', 'gold']), { review: '75s' }),
  phone: z.string(),
  born: attribute(z.string(), { conflict: 'keep' }),
  iban: attribute(z.string(), { conflict: 'ask' }),
  credit: attribute(z.number(), { writers: ['operator', 'workflow:bank'] }),
  tags: attribute(z.string(), { many: true }),
})

const Mail = z.object({ from: z.string(), about: z.string(), text: z.string(), says: z.string(), id: z.string() })
export const mail = signal('mail', Mail, {
  message: (m) => ({ party: m.from, subject: 'words', text: m.text, ids: [m.id] }),
})

/** Asserts what a mail says (JSON of statements) about whom it says; with a quote where it has one. */
export const listen = workflow('listen', { on: mail }, async (ctx, m) => {
  const customer = await ctx.facts.about(Customer, m.about)
  const { quote, from, ...statements } = JSON.parse(m.says) as Record<string, Json> & { quote?: string; from?: string }
  return ctx.facts.assert(customer, statements as never, {
    ...(quote === undefined ? {} : { quote }),
    ...(from === undefined ? {} : { from }),
  })
})

let mails = 0
export function letter(from: string, about: string, says: Readonly<Record<string, Json>>, text = 'words') {
  return { from, about, text, says: JSON.stringify(says), id: `mail-${++mails}` }
}

export const MINUTE = 60_000
