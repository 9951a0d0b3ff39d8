import type { Rule, z } from 'factotum'
import type { mail } from 'factotum/mail'

export const byRules: Rule<z.infer<typeof mail.Message>, 'refund' | 'question' | 'lead' | 'spam'> = (message) =>
  /refund/i.test(message.text) ? { value: 'refund', because: 'it asks for a refund' } : null
