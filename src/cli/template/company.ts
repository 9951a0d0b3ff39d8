import { company } from 'factotum'
import { mail } from 'factotum/mail'
import { Customer } from './facts.ts'
import answerMail from './workflows/answer-mail.ts'

export default company({
  name: 'Acme',
  // Sends over SMTP to a server of its own that keeps every mail in data/outbox. With an account of yours, use
  // mail.smtp({ host, port, user, password: process.env.SMTP_PASSWORD, from }) instead.
  connectors: [mail.outbox({ from: 'Acme <hello@acme.example>', inbox: 'inbox' })],
  // Whom facts are about: "factotum fact assert ada@example.org name Ada --reason 'she said so'".
  entities: [Customer],
  workflows: [answerMail],
})
