/** The index under several who write it at once: what is there at the end is what one alone would have written. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { joinConversation } from '../../src/context/conversations.ts'
import { catchUp, dropIndex, removeFromIndex } from '../../src/context/recall/indexing.ts'
import { openStore, sql, type Store } from '../../src/store/index.ts'
import { testCompany } from '../../src/testing.ts'
import { onEachStore } from '../each-store.ts'
import { testDatabase } from '../postgres.ts'

async function tell(store: Store, n: number, from = 0): Promise<void> {
  for (let i = from; i < from + n; i++) {
    const { event, guards } = await joinConversation(store, {
      message: `m${i}`,
      direction: 'in',
      party: `p${i % 7}@example.org`,
      subject: `Letter ${i % 7}`,
      text: `Word${i} stands in letter ${i}.\n\n${`Much of number ${i} follows. `.repeat(30)}\n\nGood bye from word${i}.`,
      ids: [`m${i}`],
    })
    await store.commit({ key: `m${i}`, events: [event], guards })
  }
}

const erase = sql('update message set text = null, subject = null where id = ?')

/** All that the index says, whatever numbers its passages have. */
async function saidBy(store: Store) {
  const read = (text: string) => store.engine.queryText(text, [])
  return {
    // Behind what is taken out its place stays free.
    passages: await read(
      `select source, version, begins, ends, doc, row_number() over (partition by doc order by n) as place, hash, trust,
         until, terms from passage order by source, begins`,
    ),
    postings: await read(
      `select p.source, p.begins, o.term, o.general, o.weight from posting o left join passage p on p.id = o.passage
       order by p.source, p.begins, o.term, o.weight`,
    ),
    scopes: await read(
      'select p.source, p.begins, s.scope from passage_scope s left join passage p on p.id = s.passage order by p.source, p.begins, s.scope',
    ),
    counts: await read('select seq, part, passages, words from recall_index'),
  }
}

/** What one process alone makes of it. */
async function anew(store: Store) {
  await dropIndex(store)
  await catchUp(store)
  return saidBy(store)
}

/** The same company, of which nothing is written before `go`. */
function slow(store: Store) {
  let go = () => {}
  const begun = Promise.withResolvers<void>()
  const gate = new Promise<void>((resolve) => (go = resolve))
  const engine = new Proxy(store.engine, {
    get(target, name) {
      if (name === 'write')
        return async (writes: Parameters<Store['engine']['write']>[0]) => {
          begun.resolve()
          await gate
          return target.write(writes)
        }
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  return { store: store.through(engine, store.clock), begun: begun.promise, go }
}

onEachStore('who indexes what another indexed meanwhile, and what was erased meanwhile, adds nothing', async (url) => {
  await using company = await testCompany(url ? { url } : {})
  const { store } = company.open
  await company.open.recall.stop()
  await tell(store, 40)
  await dropIndex(store)
  const late = slow(store)
  const second = catchUp(late.store)
  await late.begun
  // Somebody is forgotten and more comes: the first makes other passages of the same numbers.
  await store.write([erase('m3')])
  await tell(store, 10, 40)
  await catchUp(store)
  await removeFromIndex(store, ['m3'])
  late.go()
  await second
  const said = await saidBy(store)
  assert.equal(said.postings.filter((row) => row.source === null).length, 0, 'words of no passage')
  assert.deepEqual(said, await anew(store))
})

onEachStore('what is erased between being read and being written leaves no word', async (url) => {
  await using company = await testCompany(url ? { url } : {})
  const { store } = company.open
  await company.open.recall.stop()
  await tell(store, 5)
  await dropIndex(store)
  const late = slow(store)
  const indexing = catchUp(late.store)
  await late.begun
  await store.write([erase('m2')])
  await removeFromIndex(store, ['m2'])
  late.go()
  await indexing
  // Two processes clean up after the same erasure.
  await store.write([erase('m4')])
  await Promise.all([removeFromIndex(store, ['m4']), removeFromIndex(store, ['m4'])])
  const said = await saidBy(store)
  assert.equal(said.postings.filter((row) => row.source === null).length, 0, 'words of no passage')
  assert.deepEqual(said, await anew(store))
})

const CHILD = fileURLToPath(new URL('indexing-child.ts', import.meta.url))

test(
  'two processes on PostgreSQL index the same documents at once: nothing is lost or doubled',
  { skip: process.env.DATABASE_URL ? false : 'DATABASE_URL is not set', timeout: 120_000 },
  async (t) => {
    const database = (await testDatabase())!
    t.after(() => database.drop())
    const store = await openStore({ url: database.url, secret: new Uint8Array(32) })
    t.after(() => store.close())
    await tell(store, 300)
    await dropIndex(store)
    const children = [1, 2].map(() =>
      spawn(process.execPath, ['--conditions=factotum-source', CHILD, database.url], {
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    )
    await Promise.all(children.map((child) => once(child.stdout, 'data')))
    for (const child of children) child.stdin.end('go')
    // Meanwhile more comes, and somebody is forgotten.
    await tell(store, 60, 300)
    await store.write([erase('m17'), erase('m290')])
    await removeFromIndex(store, ['m17', 'm290'])
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as number))
    assert.deepEqual(codes, [0, 0])
    await catchUp(store)
    assert.deepEqual(await saidBy(store), await anew(store))
  },
)
