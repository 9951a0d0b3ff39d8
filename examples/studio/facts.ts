import { entity, z } from 'factotum'
import { Language } from './triage-rules.ts'

/** Somebody who writes to the studio. */
export const Customer = entity('customer', {
  name: z.string(),
  language: Language.default('en'),
  lastTopic: z.string(),
  firstSeen: z.int(),
  lastRefund: z.string(),
})

/** Somebody who may become one. */
export const Lead = entity('lead', {
  name: z.string(),
  wants: z.string(),
  state: z.enum(['new', 'answered', 'followed up', 'talking']).default('new'),
})

/** Whom the studio buys from. */
export const Supplier = entity('supplier', { name: z.string(), lastInvoice: z.string() })

/** What a customer owes the studio. */
export const Due = entity('due', {
  reminders: z.int().default(0),
  lastTried: z.int(),
  /** What the operator wants done about it, after the reminders. */
  verdict: z.string(),
})
