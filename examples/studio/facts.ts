import { attribute, entity, z } from 'factotum'
import { Language } from './triage-rules.ts'

/** Somebody who writes to the studio. */
export const Customer = entity('customer', {
  name: z.string(),
  /** People move on to another language, and nobody tells. */
  language: attribute(Language.default('en'), { review: '365d' }),
  lastTopic: attribute(z.string(), { personal: false }),
  /** Whoever comes first is right: nobody is seen for the first time twice. */
  firstSeen: attribute(z.int(), { conflict: 'keep', personal: false }),
  lastRefund: z.string(),
})

/** Somebody who may become one. */
export const Lead = entity('lead', {
  name: z.string(),
  wants: z.string(),
  state: attribute(z.enum(['new', 'answered', 'followed up', 'talking']).default('new'), {
    review: '30d',
    personal: false,
  }),
})

/** Whom the studio buys from. */
export const Supplier = entity('supplier', {
  name: z.string(),
  lastInvoice: z.string(),
  /** Where their money goes: a mail alone changes it for nobody. */
  iban: attribute(z.string(), { conflict: 'ask' }),
})

/** What a customer owes the studio. */
export const Due = entity('due', {
  reminders: attribute(z.int().default(0), { personal: false }),
  lastTried: attribute(z.int(), { personal: false }),
  /** What the operator wants done about it, after the reminders. */
  verdict: attribute(z.string(), { conflict: 'ask' }),
})
