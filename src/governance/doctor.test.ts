import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { testDatabase } from '../../test/postgres.ts'
import { eventKind, openStore, sql, work, type Store } from '../store/index.ts'
import { diagnose } from './doctor.ts'

const ROWS = 1_050
const added = eventKind<{ n: number }, { text: string }>('test.added@1', (e) => [
  work.addWork(e.stream, 'run', e.body.n),
])
const keyed = eventKind<{ n: number }>('test.keyed@1', (e) => [
  sql('insert into entity_key (kind, lookup, entity) values (?, ?, ?)')(`kind ${e.body.n % 3}`, e.stream, 'e'),
])
const kinds = [added, keyed]

/** A company of rows that lie on several pages, with keys of one column and of two. */
async function filled(t: TestContext, url: string): Promise<Store> {
  const store = await openStore({ url, secret: new Uint8Array(32) })
  t.after(() => store.close())
  for (let n = 0; n < ROWS; n++) {
    const id = `w${String(n).padStart(5, '0')}`
    void store.commit({ key: id, events: [added(id, { n }), keyed(id, { n })] })
  }
  await store.drain()
  return store
}

async function sqliteFile(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'factotum-doctor-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'company.db')
}

async function comparesPages(store: Store): Promise<void> {
  assert.deepEqual(await diagnose(store, kinds), {
    identical: true,
    events: 2 * ROWS,
    tables: (await diagnose(store, kinds)).tables,
    rows: 2 * ROWS,
    difference: null,
  })
  const says = async (id: string, what: RegExp) =>
    assert.match((await diagnose(store, kinds)).difference ?? '', what, id)
  await store.write([work.sleepWork(7, 'w00900')])
  await says('changed', /^work w00900, at: here 7, the ledger says 900$/)
  await store.write([work.sleepWork(900, 'w00900'), work.endWork('w01049')])
  await says('removed', /^work w01049: missing here/)
  await store.write([work.addWork('w01049', 'run', 1_049), work.addWork('x', 'run', 0)])
  await says('added', /^work x: here, but/)
}

test('finds one row that was changed, removed or added on any page', async (t) => {
  await comparesPages(await filled(t, await sqliteFile(t)))
})

test('the same on PostgreSQL', { skip: process.env.DATABASE_URL ? false : 'DATABASE_URL is not set' }, async (t) => {
  const database = (await testDatabase())!
  t.after(() => database.drop())
  await comparesPages(await filled(t, database.url))
})

test('everybody else has a turn between batches, while the ledger is read and while it is rebuilt', async (t) => {
  const store = await filled(t, await sqliteFile(t))
  let turns = 0
  const timer = setInterval(() => turns++, 0)
  t.after(() => clearInterval(timer))
  const during = async (run: () => Promise<unknown>): Promise<number> => {
    turns = 0
    await run()
    return turns
  }
  const read = async () => {
    for await (const rows of store.engine.events(0, 2 * ROWS)) {
      assert(rows.length <= 200)
      const until = performance.now() + 3
      while (performance.now() < until);
    }
  }
  assert((await during(read)) >= 8)
  assert((await during(() => diagnose(store, kinds))) >= 8)
})
