import { action, ActionError } from 'factotum/connector'
import { z } from 'factotum'
import { call } from './client.ts'
import { priceOf } from './prices.ts'

const Note = z.object({ id: z.string(), customer: z.string(), text: z.string(), removedAt: z.string().nullable() })
const OneNote = z.object({ note: Note })

/**
 * Writes on a customer's account what they asked. The service knows no keys for notes, and the same words twice may both be
 * meant: where its answer is lost only a person can say whether it is there.
 */
export const note = action('billing.note', {
  risk: 'reversible',
  input: z.object({ customer: z.string().min(1), text: z.string().min(1).max(500) }),
  output: z.object({ note: z.string() }),
  title: ({ customer, text }) => `Note "${text}" on the account of ${customer}`,
  lane: ({ customer }) => `account ${customer}`,
  cost: () => priceOf('POST /customers/:id/notes'),
  async run({ customer, text }, ctx) {
    const path = `/customers/${encodeURIComponent(customer)}/notes`
    const made = await call(ctx, path, OneNote, { method: 'POST', body: { text } })
    return { note: made.note.id }
  },
  async undo(_input, output, ctx) {
    await call(ctx, `/notes/${idOf(output)}/removal`, OneNote, { method: 'POST' })
  },
  async reconcileUndo(_input, output, ctx) {
    const now = await call(ctx, `/notes/${idOf(output)}`, OneNote)
    return now.note.removedAt === null ? { found: 'no' } : { found: 'yes', output: null }
  },
})

function idOf(output: { readonly note: string } | null): string {
  if (output !== null) return encodeURIComponent(output.note)
  throw new ActionError(
    'domain',
    'billing.unknown_id',
    'Only the operator said that this note is there, and nobody knows under which id. Remove it at the billing service.',
  )
}
