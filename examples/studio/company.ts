import { company } from 'factotum'
import { mail } from 'factotum/mail'
import answerMail from './workflows/answer-mail.ts'

export default company({
  name: 'Northlight Studio',
  connectors: [mail.outbox({ from: 'Mara Lind <hello@northlight.example>', inbox: 'inbox' })],
  workflows: [answerMail],
})
