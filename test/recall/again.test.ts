import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attribute, entity, signal, workflow, z } from '../../src/index.ts'
import { readable } from '../../src/orchestration/agents/learning.ts'
import { sql } from '../../src/store/index.ts'
import { testCompany, type TestCompany } from '../../src/testing.ts'
import { onEachStore } from '../each-store.ts'

const Mail = z.object({ from: z.string(), subject: z.string(), text: z.string(), id: z.string() })
const mail = signal('mail', Mail, {
  message: (m) => ({ party: m.from, subject: m.subject, text: m.text, ids: [m.id] }),
})
const Customer = entity('customer', { plan: attribute(z.string()), city: attribute(z.string()) })
const hear = workflow('hear', { on: mail }, async (ctx, m) => {
  const customer = await ctx.facts.about(Customer, m.from)
  if (!m.text.includes('plan')) return
  await ctx.recall('which plan is she on', { about: customer })
  const quote = /my plan is (\w+)/.exec(m.text)
  if (quote && !m.text.startsWith('PS')) await ctx.facts.assert(customer, { plan: quote[1]! }, { quote: quote[0] })
  if (m.text.includes('which'))
    await ctx.ask({ title: 'Which plan?', options: ['gold', 'silver'], timeout: '1h', otherwise: 'gold' })
})
const look = workflow('look', { input: z.object({ who: z.string() }) }, async (ctx, { who }) => {
  const { facts } = await ctx.recall('which plan', { about: await ctx.facts.about(Customer, who) })
  return facts.map((f) => [f.value, f.disputed])
})

const answerOf = sql('select result as answer from run where id = ?')
const office = (url: string | undefined) =>
  testCompany({ workflows: [hear, look], entities: [Customer], ...(url ? { url } : {}) })

async function write(
  c: TestCompany,
  from: string,
  text: string,
  id: string,
  trust: 'outsider' | 'verified' = 'outsider',
) {
  await c.send(mail, { from, subject: 'hello', text, id }, { id, trust })
  c.clock.advance(60_000)
}

const signalIds = async (c: TestCompany) =>
  (await c.list('signals', {})).toSorted((a, b) => a.receivedAt - b.receivedAt).map((s) => s.id)

onEachStore('a fact that is quoted again keeps the message in which it was said first', async (url) => {
  await using c = await office(url)
  await write(c, 'ada@example.org', 'PS: my plan is gold since spring.', 'm1')
  await write(c, 'ada@example.org', 'As I wrote, my plan is gold and nothing else.', 'm2', 'verified')
  const [first, second] = await signalIds(c)
  const versions = await c.list('factHistory', { entity: 'ada@example.org', attribute: 'plan' })
  const newest = versions.at(-1)!
  assert.equal(newest.where.source, first)
  assert.equal(newest.where.quote, 'my plan is gold')
  assert.notEqual(first, second)
  await c.check()
})

onEachStore('a gate shows the very words that were recalled for it, until they are erased', async (url) => {
  await using c = await office(url)
  await write(c, 'ada@example.org', 'For your files: my plan is gold since spring.', 'm1')
  await write(c, 'ada@example.org', 'Tell me which plan I am on.', 'm2')
  const [item] = await c.queue()
  const cited = item!.evidence.filter((e) => e.kind === 'message').map((e) => e.text)
  assert.deepEqual(cited, ['from ada@example.org: "For your files: my plan is gold since spring."'])
  const fact = item!.evidence.find((e) => e.kind === 'fact' && e.text.startsWith('plan'))
  assert.match(fact!.text, /^plan = gold \(outsider, message from ada@example\.org: hello\): "my plan is gold"$/)
  await c.decide('answer', { gate: item!.id, value: 'gold', reason: 'it says so' })
  const [listed] = await c.list('decisions', {})
  const decision = await c.ask('decision', { id: listed!.id })
  const [source] = await signalIds(c)
  assert.match(decision.spans[0]!, new RegExp(`^${source}@0:\\d+-\\d+$`))
  await c.check()
})

onEachStore('merged entities are recalled as one, and split again as two', async (url) => {
  await using c = await office(url)
  await write(c, 'ada@example.org', 'The lantern in the hall is broken.', 'm1')
  await write(c, 'ada@work.example', 'Hello, my plan is gold.', 'm2')
  await write(c, 'bob@example.org', 'My lantern works.', 'm3')
  const texts = async () => {
    const found = await c.ask('recall', { query: 'the lantern and which plan', about: 'ada@work.example' })
    return [found.passages.map((p) => p.text), found.facts.map((f) => f.value)].flat()
  }
  const facts = async (about: string) =>
    (await c.ask('recall', { query: 'which plan', about })).facts.map((f) => f.value)
  assert.ok(!(await texts()).includes('The lantern in the hall is broken.'))
  await c.ask('entityMerge', { into: 'ada@example.org', member: 'ada@work.example', reason: 'the same person' })
  assert.ok((await texts()).includes('The lantern in the hall is broken.'))
  assert.ok(!(await texts()).includes('My lantern works.'))
  assert.deepEqual(await facts('ada@example.org'), ['gold'])
  await c.ask('entitySplit', { member: 'ada@work.example', reason: 'two after all' })
  assert.deepEqual(await facts('ada@example.org'), [])
  await c.check()
})

onEachStore('what is disputed is recalled as disputed, as it was then too; what ended is not', async (url) => {
  await using c = await office(url)
  await write(c, 'ada@example.org', 'Hello, my plan is gold.', 'm1', 'verified')
  const calm = c.clock.now()
  c.clock.advance(60_000)
  await write(c, 'ada@example.org', 'Well, my plan is silver.', 'm2', 'outsider')
  const recalled = async (asOf?: number) =>
    (await c.ask('recall', { query: 'which plan', about: 'ada@example.org', ...(asOf ? { asOf } : {}) })).facts.map(
      (f) => [f.value, f.disputed],
    )
  assert.deepEqual(await recalled(), [['gold', true]])
  assert.deepEqual(await recalled(calm), [['gold', false]])
  const run = await c.run(look, { who: 'ada@example.org' })
  const row = await c.open.store.first<{ answer: string }>(answerOf(run))
  assert.deepEqual(JSON.parse(row!.answer), [['gold', true]])
  const [item] = await c.queue()
  await c.decide('keep', { gate: item!.id, reason: 'she called' })
  assert.deepEqual(await recalled(), [['gold', false]])
  const said = c.clock.now()
  c.clock.advance(60_000)
  await c.ask('factEnd', { entity: 'ada@example.org', attribute: 'plan', reason: 'she left' })
  c.clock.advance(60_000)
  assert.deepEqual(await recalled(), [])
  assert.deepEqual(await recalled(said), [['gold', false]])
  await c.check()
})

onEachStore('a document that says what was said already points at who said it', async (url) => {
  await using c = await office(url)
  await write(c, 'ada@example.org', 'The lantern in the hall is broken.', 'm1')
  await c.open.recall.upToDate()
  const kept = await c.ask('remember', { text: 'The lantern in the hall  is broken.' })
  const [source] = await signalIds(c)
  assert.equal((kept.original as { source: string }).source, source)
  const other = await c.ask('remember', { text: 'The lantern in the attic is broken.' })
  assert.equal(other.original, null)
  await c.check()
})

test('what was recalled for a case is no part of what is learned from it', () => {
  const passage = { id: 's', text: 'My refund of May is late.', subject: 'Refund', recalled: true }
  assert.equal(readable({ ask: 'Where is the key?', before: [passage] }), 'Where is the key?')
  assert.equal(readable([passage]), '')
  assert.equal(readable({ ...passage, recalled: false }), 'Refund\nMy refund of May is late.')
})
