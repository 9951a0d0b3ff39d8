/** Whose document a name means. */
import assert from 'node:assert/strict'
import { DOCUMENT_EVENTS } from '../../src/context/documents/documents.ts'
import { entity, signal, workflow, z } from '../../src/index.ts'
import { testCompany, type TestCompany } from '../../src/testing.ts'
import { onEachStore } from '../each-store.ts'

const Mail = z.object({ from: z.string(), text: z.string(), id: z.string(), about: z.boolean().default(true) })
const mail = signal('mail', Mail, {
  message: (m) => ({ party: m.from, subject: 'Contract', text: m.text, ids: [m.id] }),
})
const Customer = entity('customer', { plan: z.string().optional() })
const file = workflow('file', { on: mail }, async (ctx, m) => {
  const about = m.about ? { about: await ctx.facts.about(Customer, m.from) } : {}
  await ctx.documents.add({ text: m.text, name: 'contract.pdf', title: 'Contract', ...about })
})
const meet = workflow('meet', { input: z.string() }, async (ctx, who) => (await ctx.facts.about(Customer, who)).id)

const office = (url: string | undefined) =>
  testCompany({ workflows: [file, meet], entities: [Customer], ...(url ? { url } : {}) })

let sent = 0
async function write(c: TestCompany, from: string, text: string, about = true): Promise<void> {
  await c.send(mail, { from, text, id: `m${++sent}`, about }, { trust: 'outsider' })
  c.clock.advance(60_000)
}

const current = async (c: TestCompany) =>
  (
    await c.open.store.engine.queryText(
      'select document, version, text from document_version where until is null order by text',
      [],
    )
  ).map((row) => `${String(row.text)} v${String(row.version)}`)

for (const about of [true, false])
  onEachStore(
    `a name is that of its sender's document alone (${about ? 'about her' : 'about nobody'})`,
    async (url) => {
      await using c = await office(url)
      await write(c, 'ada@example.org', 'Ada pays 40 euros.', about)
      await write(c, 'bob@example.org', 'Bob pays 1 euro.', about)
      assert.deepEqual(await current(c), ['Ada pays 40 euros. v1', 'Bob pays 1 euro. v1'])
      await write(c, 'ada@example.org', 'Ada pays 55 euros.', about)
      assert.deepEqual(await current(c), ['Ada pays 55 euros. v2', 'Bob pays 1 euro. v1'])
      await c.check()
    },
  )

onEachStore(
  'what the operator keeps about one customer replaces nothing about another, nor what is about nobody',
  async (url) => {
    await using c = await office(url)
    for (const who of ['ada@example.org', 'bob@example.org', 'ada@home.example']) await c.run(meet, who)
    const keep = (text: string, about: string[]) => c.ask('remember', { text, name: 'terms.md', about })
    await keep('All pay in May.', [])
    await keep('Ada pays in June.', ['ada@example.org'])
    await keep('Bob pays in July.', ['bob@example.org'])
    assert.deepEqual(await current(c), ['Ada pays in June. v1', 'All pay in May. v1', 'Bob pays in July. v1'])
    await keep('All pay in April.', [])
    await keep('Ada pays in August.', ['ada@example.org'])
    assert.deepEqual(await current(c), ['Ada pays in August. v2', 'All pay in April. v2', 'Bob pays in July. v1'])
    await keep('At home Ada pays never.', ['ada@home.example'])
    await c.ask('entityMerge', { into: 'ada@example.org', member: 'ada@home.example', reason: 'one person' })
    await keep('Ada pays in October.', ['ada@home.example'])
    assert.ok((await current(c)).includes('Ada pays in October. v3'), 'two that were merged are one')
    await c.check()
  },
)

onEachStore('of a ledger in which a name was all, each keeps their own, and it goes on', async (url) => {
  await using c = await office(url)
  const [ada, bob] = await Promise.all(
    ['ada@example.org', 'bob@example.org'].map(async (who) => (await c.result(await c.run(meet, who))) as string),
  )
  const { store } = c.open
  const old = (version: number, about: string, text: string) => {
    const kind = DOCUMENT_EVENTS[version === 1 ? 0 : 1]!
    const body = {
      version,
      mediaType: 'text/plain' as const,
      digest: `d${version}`,
      size: 1,
      characters: text.length,
      trust: 'operator' as const,
      source: null,
      about: [about],
      original: null,
      at: c.clock.now(),
      lookup: store.pseudonym('document terms.md'),
    }
    const content = { title: '', text, name: 'terms.md', raw: null }
    return store.commit({
      key: `old ${version}`,
      events: [kind('doc_old', body, { private: content, actor: 'operator' })],
    })
  }
  await old(1, ada!, 'Ada pays in June.')
  c.clock.advance(60_000)
  await old(2, bob!, 'Bob pays in July.')
  c.clock.advance(60_000)
  assert.deepEqual(await current(c), ['Ada pays in June. v1', 'Bob pays in July. v2'])
  const { id } = await c.ask('remember', { text: 'Ada pays in May.', name: 'terms.md', about: ['ada@example.org'] })
  assert.equal(id, 'doc_old')
  assert.deepEqual(await current(c), ['Ada pays in May. v3', 'Bob pays in July. v2'])
  const found = await c.ask('recall', { query: 'when does she pay', about: 'ada@example.org' })
  assert.deepEqual(
    found.passages.map((p) => p.text),
    ['Ada pays in May.'],
  )
  assert.equal((await c.list('documents', { about: 'bob@example.org' })).length, 1)
  const all = await c.ask('remember', { text: 'All pay.', name: 'terms.md' })
  assert.deepEqual([all.id === 'doc_old', all.version], [false, 1])
  await c.check()
})
