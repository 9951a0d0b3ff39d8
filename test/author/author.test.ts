import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mail } from 'factotum/mail'
import { testCompany, type TestCompany } from 'factotum/testing'
import { Books, billing } from './connectors/billing/index.ts'
import answerMail from './workflows/answer-mail.ts'

const message: typeof mail.Message._output = {
  id: 'm1@ada.example',
  from: 'ada@ada.example',
  fromName: 'Ada',
  replyTo: 'ada@ada.example',
  to: ['me@us.example'],
  cc: [],
  subject: 'Twice',
  date: null,
  text: 'I was charged twice. Please refund one.',
  references: [],
  listId: null,
  autoSubmitted: false,
  attachments: [],
  size: 100,
  defects: [],
}

async function open(books: Books): Promise<TestCompany> {
  return testCompany({
    workflows: [answerMail],
    connectors: [billing.on(books), mail.outbox({ from: 'me@us.example' })],
  })
}

test('what the author writes runs: triage, draft, refund, reply, and the fact that follows', async () => {
  const books = new Books()
  await using company = await open(books)
  await company.send(mail.received, message)
  await company.decide('answer', { value: { body: 'It is on its way.' } })
  await company.decide('approve')
  assert.equal(books.refunded.get('ch_1'), 1)
  await company.decide('approve')
  assert.deepEqual(
    (await company.effects()).map((e) => [e.action, e.state]),
    [
      ['billing.refund', 'succeeded'],
      ['mail.reply', 'held'],
    ],
  )
  await company.advance('10m')
  assert.deepEqual(
    (await company.effects()).map((e) => e.state),
    ['succeeded', 'succeeded'],
  )
  const [run] = await company.list('runs', {})
  assert.equal(run?.state, 'done')
  const chain = (await company.ask('why', { id: run?.id ?? '' })).map((link) => link.kind)
  for (const kind of [
    'signal.received@1',
    'run.started@1',
    'decision.made@1',
    'gate.decided@1',
    'effect.dispatched@1',
    'fact.asserted@2',
    'run.completed@1',
  ]) {
    assert.ok(chain.includes(kind), `${kind} is in the chain`)
  }
  await company.check()
})

test('a reply that is rejected takes the refund back', async () => {
  const books = new Books()
  await using company = await open(books)
  await company.send(mail.received, message)
  await company.decide('answer', { value: { body: 'It is on its way.' } })
  await company.decide('approve')
  await company.decide('reject', { reason: 'not like this' })
  assert.equal(books.refunded.get('ch_1'), 0)
  assert.deepEqual(
    (await company.effects()).map((e) => [e.action, e.state]),
    [
      ['billing.refund', 'undone'],
      ['mail.reply', 'rejected'],
      ['billing.refund', 'succeeded'],
    ],
  )
  await company.check()
})
