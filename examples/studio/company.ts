import { budget, company, models } from 'factotum'
import { mail } from 'factotum/mail'
import { billing } from './connectors/billing/index.ts'
import { invoiceDesk, invoiceReading } from './desks/invoice.ts'
import { leadDesk } from './desks/lead.ts'
import { refundAmount, refundDesk } from './desks/refund.ts'
import { supportDesk } from './desks/support.ts'
import { draft } from './drafts.ts'
import { Customer, Due, Lead, Supplier } from './facts.ts'
import { site } from './site.ts'
import { answerMail, triage } from './workflows/answer-mail.ts'
import dunning, { remind } from './workflows/dunning.ts'
import publishChangelog from './workflows/publish-changelog.ts'

export default company({
  name: 'Northlight Studio',
  zone: 'Europe/Berlin',
  connectors: [
    mail.outbox({ from: 'Mara Lind <hello@northlight.example>', inbox: 'inbox' }),
    // Without an address it runs a service of its own, which on its first day loses one answer: see what waits for you then.
    billing.connect({
      url: process.env.BILLING_URL,
      token: process.env.BILLING_TOKEN,
      atFirst: [{ fault: 'timeout', on: 'POST /customers/femke', ms: 200 }],
    }),
    site(),
  ],
  // A model that speaks OpenAI's chat API, such as a local one; without one the operator decides what rules cannot.
  ...(process.env.LIGHT_MODEL_URL
    ? {
        models: {
          light: models.openaiCompatible({
            url: process.env.LIGHT_MODEL_URL,
            model: process.env.LIGHT_MODEL ?? 'qwen3:8b',
          }),
        },
      }
    : {}),
  budgets: [
    budget({
      name: 'billing',
      of: { connector: 'billing' },
      per: 'month',
      money: { amount: '25', currency: 'EUR' },
    }),
  ],
  entities: [Customer, Lead, Supplier, Due],
  agents: [triage, draft, refundAmount, invoiceReading],
  workflows: [
    answerMail({ support: supportDesk, refund: refundDesk, lead: leadDesk, invoice: invoiceDesk }),
    dunning,
    remind,
    publishChangelog,
  ],
})
