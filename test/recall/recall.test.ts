import assert from 'node:assert/strict'
import { test } from 'node:test'
import { entity, signal, workflow, z } from '../../src/index.ts'
import { removeFromIndex } from '../../src/context/recall/indexing.ts'
import { sql } from '../../src/store/index.ts'
import { testCompany, type TestCompany } from '../../src/testing.ts'
import { onEachStore } from '../each-store.ts'

const mail = signal('mail', z.object({ from: z.string(), subject: z.string(), text: z.string(), id: z.string() }), {
  message: (m) => ({ party: m.from, subject: m.subject, text: m.text, ids: [m.id] }),
})
const hear = workflow('hear', { on: mail }, async () => {})
const Customer = entity('customer', { plan: z.string().optional(), lastCharge: z.string().optional() })
const meet = workflow(
  'meet',
  { input: z.object({ who: z.string(), plan: z.string().optional() }) },
  async (ctx, { who, plan }) => {
    const customer = await ctx.facts.about(Customer, who)
    if (plan) await ctx.facts.assert(customer, { plan })
    return customer.id
  },
)

const office = (url: string | undefined, more: Parameters<typeof testCompany>[0] = {}) =>
  testCompany({ ...more, workflows: [hear, meet, ...(more.workflows ?? [])], ...(url ? { url } : {}) })

let sent = 0
async function write(company: TestCompany, from: string, text: string, subject = 'hello'): Promise<void> {
  await company.send(mail, { from, subject, text, id: `m${++sent}@example.org` }, { trust: 'outsider' })
  company.clock.advance(60_000)
}

const texts = (found: { passages: readonly { text: string }[] }) => found.passages.map((p) => p.text)

onEachStore('recall finds what was said, and by whom, and says when there is nothing', async (url) => {
  await using company = await office(url)
  await write(company, 'ada@example.org', 'The invoice for the March retreat has the wrong address.')
  await write(company, 'ada@example.org', 'Lovely weather in Lisbon today.')
  await write(company, 'bob@example.org', 'My calendar does not synchronise with the phone.')
  const found = await company.ask('recall', { query: 'wrong address on the retreat invoice' })
  assert.equal(texts(found)[0], 'The invoice for the March retreat has the wrong address.')
  assert.ok(!texts(found).some((t) => t.includes('calendar')))
  const [first] = found.passages
  assert.deepEqual(
    [first!.role, first!.speaker, first!.trust, first!.recalled],
    ['them', 'ada@example.org', 'outsider', true],
  )
  const none = await company.ask('recall', { query: 'zeppelin moorings' })
  assert.deepEqual([none.passages, none.facts], [[], []])
  assert.ok(none.nothing)
  await company.check()
})

onEachStore('recall stays within scope, trust, kinds and budget', async (url) => {
  await using company = await office(url)
  for (const who of ['ada@example.org', 'bob@example.org']) await company.run(meet, { who })
  await write(company, 'ada@example.org', 'The refund of the lantern licence has not arrived.')
  await write(company, 'bob@example.org', 'Please send the refund of my lantern licence.')
  await company.ask('remember', { text: 'A refund of a lantern licence takes five days.', title: 'Refunds' })
  await company.ask('remember', {
    text: 'Bob gets each refund of a lantern licence twice.',
    about: ['bob@example.org'],
  })
  const query = 'refund of the lantern licence'
  const all = await company.ask('recall', { query })
  assert.equal(all.passages.length, 4)
  const about = await company.ask('recall', { query, about: 'Ada@example.org' })
  assert.deepEqual(texts(about).sort(), [
    'A refund of a lantern licence takes five days.',
    'The refund of the lantern licence has not arrived.',
  ])
  const trusted = await company.ask('recall', { query, trust: 'operator' })
  assert.deepEqual(new Set(trusted.passages.map((p) => p.role)), new Set(['operator']))
  assert.equal(trusted.passages.length, 2)
  const messages = await company.ask('recall', { query, kinds: ['message'] })
  assert.deepEqual(new Set(messages.passages.map((p) => p.role)), new Set(['them']))
  const little = await company.ask('recall', { query, budget: 13 })
  assert.equal(little.passages.length, 1)
  assert.ok(little.passages[0]!.text.length <= 13 * 4)
  await assert.rejects(company.ask('recall', { query, about: 'nobody@example.org' }), { code: 'entity.not_found' })
  await company.check()
})

onEachStore('a document in versions is recalled as it is now, or as it was', async (url) => {
  await using company = await office(url)
  const add = (text: string) => company.ask('remember', { text, name: 'prices.md', title: 'Prices' })
  const one = await add('# Lantern\n\nThe lantern licence costs 40 euros a year.')
  const then = company.clock.now()
  company.clock.advance(60_000)
  const two = await add('# Lantern\n\nThe lantern licence costs 55 euros a year.')
  assert.deepEqual([one.version, two.version, one.added, two.added, one.id === two.id], [1, 2, true, true, true])
  assert.equal((await add('# Lantern\n\nThe lantern licence costs 55 euros a year.')).added, false)
  const query = 'what does the lantern licence cost'
  assert.deepEqual(texts(await company.ask('recall', { query })), ['The lantern licence costs 55 euros a year.'])
  assert.deepEqual(texts(await company.ask('recall', { query, asOf: then })), [
    'The lantern licence costs 40 euros a year.',
  ])
  assert.deepEqual(texts(await company.ask('recall', { query, asOf: then - 1 })), [])
  const detail = await company.ask('document', { id: one.id, version: 1 })
  assert.match(detail.text!, /40 euros/)
  assert.deepEqual(
    detail.versions.map((v) => v.version),
    [2, 1],
  )
  await assert.rejects(company.ask('document', { id: one.id, version: 3 }), { code: 'document.not_found' })
  assert.equal((await company.list('documents', {})).length, 1)
  await company.check()
})

onEachStore('a question that names an attribute or a key answers the fact itself', async (url) => {
  await using company = await office(url)
  await company.run(meet, { who: 'ada@example.org', plan: 'studio annual' })
  await company.run(meet, { who: 'bob@example.org', plan: 'solo' })
  const asked = async (query: string, about?: string) =>
    (await company.ask('recall', { query, ...(about ? { about } : {}) })).facts.map(
      (f) => `${f.of} ${f.attribute} ${JSON.stringify(f.value)}`,
    )
  assert.deepEqual(await asked('Which plan is she on?', 'ada@example.org'), ['ada@example.org plan "studio annual"'])
  assert.deepEqual(await asked('Is it the annual studio one?', 'ada@example.org'), [
    'ada@example.org plan "studio annual"',
  ])
  assert.deepEqual(await asked('What plan does bob@example.org have?'), ['bob@example.org plan "solo"'])
  assert.deepEqual(await asked('When does the train leave?', 'ada@example.org'), [])
  await company.check()
})

onEachStore(
  'a run recalls once; driven again it reads the same citations, and what was erased is gone',
  async (url) => {
    const seen: unknown[] = []
    const look = workflow('look', { on: mail }, async (ctx, message) => {
      const customer = await ctx.facts.about(Customer, message.from)
      const past = await ctx.recall(message.text, { about: customer })
      seen.push(past.map((p) => (p.gone ? 'gone' : p.text)))
      if (message.subject === 'question') await ctx.sleep('10m')
      return past.map((p) => `${p.from} ${p.text}`)
    })
    await using company = await office(url, { workflows: [look] })
    await write(company, 'ada@example.org', 'The lighthouse poster came with a torn corner.')
    seen.length = 0
    await write(company, 'ada@example.org', 'lighthouse poster torn corner', 'question')
    await write(company, 'ada@example.org', 'The lighthouse poster is here, thank you.')
    seen.length = 0
    await company.advance('1s')
    const { store } = company.open
    const refs = await store.engine.queryText("select body from event where kind = 'step.completed@1'", [])
    assert.ok(!JSON.stringify(refs).includes('torn'), 'no word of what was recalled is in the ledger a second time')
    const [message] = await store.engine.queryText("select id from message where text like '%torn%'", [])
    await store.write([sql('update message set text = null, subject = null where id = ?')(message!.id)])
    await removeFromIndex(store, [String(message!.id)])
    await company.advance('10m')
    assert.deepEqual(seen, [['gone']])
  },
)

onEachStore('what is erased leaves no word behind in the index, and is not indexed again', async (url) => {
  await using company = await office(url)
  await write(company, 'ada@example.org', 'My password is xylophone and my cat is called Zebedee.')
  await write(company, 'bob@example.org', 'The xylophone lesson is on Monday.')
  const { store } = company.open
  await company.ask('recallIndex', {})
  const count = async (table: string) =>
    Number((await store.engine.queryText(`select count(*) as n from ${table}`, []))[0]!.n)
  const [row] = await store.engine.queryText("select id from message where text like '%Zebedee%'", [])
  const before = await company.ask('recallIndex', {})
  await store.write([sql('update message set text = null, subject = null, party = null where id = ?')(row!.id)])
  await removeFromIndex(store, [String(row!.id)])
  const after = await company.ask('recallIndex', {})
  assert.deepEqual([before.passages, after.passages], [2, 1])
  const kept = await store.engine.queryText('select text, terms, heading, speaker from passage', [])
  assert.ok(!JSON.stringify(kept).match(/zebede|ada@/i))
  const orphans = await store.engine.queryText(
    'select count(*) as n from posting where passage not in (select id from passage)',
    [],
  )
  assert.equal(Number(orphans[0]!.n), 0)
  assert.equal(await count('passage_scope'), 1)
  assert.deepEqual(texts(await company.ask('recall', { query: 'xylophone' })), ['The xylophone lesson is on Monday.'])
  const rebuilt = await company.ask('recallIndex', { rebuild: true })
  assert.deepEqual([rebuilt.passages, rebuilt.words, rebuilt.behind], [1, after.words, 0])
})

onEachStore('what a mail quotes is indexed where it was said, and the same words are answered once', async (url) => {
  await using company = await office(url)
  await write(company, 'ada@example.org', 'The walnut desk arrived scratched.')
  await write(
    company,
    'ada@example.org',
    'Any news?\n\nOn 3 March 2026, Mara wrote:\n> The walnut desk arrived scratched.\n> Sorry!',
  )
  await write(company, 'bob@example.org', 'The walnut desk   arrived scratched.')
  const found = await company.ask('recall', { query: 'scratched walnut desk' })
  assert.deepEqual(texts(found), ['The walnut desk arrived scratched.'])
  assert.equal(found.passages[0]!.speaker, 'ada@example.org')
  await company.check()
})

onEachStore('a long document is indexed in parts, and goes on where it was left', async (url) => {
  await using company = await office(url)
  const paragraphs = Array.from(
    { length: 400 },
    (_, i) => `Paragraph ${i} tells of item${i}. ${'It goes on for a while. '.repeat(30)}`,
  )
  await company.ask('remember', { text: paragraphs.join('\n\n'), title: 'Long' })
  const { passages, behind } = await company.ask('recallIndex', {})
  assert.equal(behind, 0)
  assert.ok(passages >= 400, `${passages}`)
  const found = await company.ask('recall', { query: 'item317' })
  const hit = found.passages.find((p) => p.text.startsWith('Paragraph 317 '))
  assert.ok(hit, 'what the question names is answered')
  const source = (await company.ask('document', { id: hit.source })).text!
  assert.equal(source.slice(hit.start, hit.end), hit.text)
  await company.check()
})

onEachStore('facts are recalled as they were believed then, and an entity with all of its parts', async (url) => {
  await using company = await office(url, { entities: [Customer] })
  const who = 'ada@example.org'
  await company.run(meet, { who, plan: 'free' })
  company.clock.advance(60_000)
  const then = company.clock.now()
  company.clock.advance(60_000)
  await company.ask('factCorrect', { entity: who, attribute: 'plan', value: 'gold', reason: 'a slip' })
  company.clock.advance(60_000)
  const plans = async (asOf?: number) =>
    (
      await company.ask('recall', { query: 'which plan', about: who, ...(asOf === undefined ? {} : { asOf }) })
    ).facts.map((f) => f.value)
  assert.deepEqual(await plans(then), ['free'])
  assert.deepEqual(await plans(company.clock.now()), ['gold'], 'what was corrected is not answered beside it')
  await company.run(meet, { who: 'ada@home.example' })
  await write(company, 'ada@home.example', 'The refund of the lantern licence has not arrived.')
  await company.ask('entityMerge', { into: who, member: 'ada@home.example', reason: 'one person' })
  const about = await company.ask('recall', { query: 'refund of the lantern licence', about: who })
  assert.deepEqual(texts(about), ['The refund of the lantern licence has not arrived.'])
  await company.check()
})

test('a workflow keeps documents under its own label', async () => {
  const file = workflow('file', { on: mail }, async (ctx, message) => {
    const about = await ctx.facts.about(Customer, message.from)
    const first = await ctx.documents.add({ text: message.text, title: 'Notes', about, name: 'notes' })
    const again = await ctx.documents.add({ text: message.text, title: 'Notes', about, name: 'notes' }, { key: 2 })
    assert.deepEqual(first, again)
    return first.version
  })
  await using company = await office(undefined, { workflows: [file] })
  await write(company, 'ada@example.org', 'The attic is to be painted green.')
  const [doc] = await company.list('documents', { about: 'ada@example.org' })
  assert.deepEqual([doc!.trust, doc!.version, doc!.about], ['outsider', 1, ['ada@example.org']])
  const detail = await company.ask('document', { id: doc!.id })
  assert.ok(detail.original, 'the same words came in by mail: that stays their source')
  const found = await company.ask('recall', { query: 'green attic', about: 'ada@example.org' })
  assert.deepEqual(
    found.passages.map((p) => p.role),
    ['them'],
  )
  await company.check()
})
