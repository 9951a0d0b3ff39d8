/** What the doctor says of the index, and that what it advises helps. */
import assert from 'node:assert/strict'
import { indexLines } from '../../src/cli/commands/doctor.ts'
import { removeFromIndex } from '../../src/context/recall/indexing.ts'
import { entity, signal, workflow, z } from '../../src/index.ts'
import { sql } from '../../src/store/index.ts'
import { testCompany } from '../../src/testing.ts'
import { onEachStore } from '../each-store.ts'

const mail = signal('mail', z.object({ from: z.string(), text: z.string(), id: z.string() }), {
  message: (m) => ({ party: m.from, subject: 'Hello', text: m.text, ids: [m.id] }),
})
const Customer = entity('customer', { plan: z.string().optional() })
const hear = workflow('hear', { on: mail }, async (ctx, m) => void (await ctx.facts.about(Customer, m.from)))

const HARM = {
  missing: `delete from passage where text like '%lantern%'`,
  different: `update passage set trust = 'operator' where role = 'them'`,
  orphan: `update message set text = null where text like '%lantern%'`,
  words: `delete from posting where term in (select min(term) from posting)`,
  scopes: `delete from passage_scope`,
  count: 'update recall_index set passages = passages + 1',
}

onEachStore('the doctor says what is wrong with the index, and what it advises puts it right', async (url) => {
  await using c = await testCompany({ workflows: [hear], entities: [Customer], ...(url ? { url } : {}) })
  const { store } = c.open
  for (const [n, text] of ['My lantern is broken.', 'Where is my lamp?', '> only what was said before'].entries())
    await c.send(mail, { from: 'ada@example.org', text, id: `m${n}` }, { trust: 'outsider' })
  const keep = (text: string) => c.ask('remember', { text, name: 'terms.md', about: ['ada@example.org'] })
  await keep('Ada pays in June.')
  c.clock.advance(60_000)
  await keep('Ada pays in July.')
  await c.open.recall.upToDate()
  const index = async () => (await c.ask('doctor', {})).index
  const sound = await index()
  assert.deepEqual([sound.passages, sound.messages, sound.documents, sound.behind, sound.faults], [4, 3, 2, 0, []])
  assert.deepEqual(indexLines(sound), ['index: 4 passages of 3 messages and 2 versions of documents'])
  for (const [what, harm] of Object.entries(HARM)) {
    await store.write([sql(harm)()])
    const { faults } = await index()
    assert.ok(
      faults.some((fault) => fault.what === what && fault.count > 0 && fault.example),
      what,
    )
    await c.ask('recallIndex', { rebuild: true })
    assert.deepEqual((await index()).faults, [], what)
  }
  // What is gone with the person is no fault, and takes vectors along that no passage has any more.
  const vector = sql('insert into vector (hash, model, numbers, ahead, uses, made_at) values (?, ?, ?, 0, 0, 0)')
  await store.write([vector('old', 'any', new Uint8Array(8))])
  await removeFromIndex(store, [])
  assert.deepEqual(await store.engine.queryText('select hash from vector', []), [])
})
