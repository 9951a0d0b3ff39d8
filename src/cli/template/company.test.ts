import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mail } from 'factotum/mail'
import { testCompany } from 'factotum/testing'
import answerMail from './workflows/answer-mail.ts'

test('a question is answered once it was approved', async () => {
  await using acme = await testCompany({
    workflows: [answerMail],
    connectors: [mail.outbox({ from: 'hello@acme.example' })],
  })
  await acme.ingest(new URL('./inbox', import.meta.url))
  const [gate] = await acme.queue()
  assert.match(gate?.title ?? '', /^Reply to ada@lovelace\.example/)

  await acme.decide('approve')
  await acme.advance('5s')
  assert.deepEqual(
    (await acme.effects()).map((effect) => effect.state),
    ['succeeded'],
  )
  await acme.check()
})
