import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { dumpPostgres, dumpSqlite, schemaFile } from '../../scripts/schema-dump.ts'
import { testDatabase } from '../../test/postgres.ts'
import { FakeClock } from '../lib/clock.ts'
import { errorCode } from '../lib/errors.ts'
import type { CommitInput } from './prepared.ts'
import { describeSchema } from './describe-schema.ts'
import { eventKind } from './events.ts'
import { sql } from './sql.ts'
import { openStore, type Store } from './store.ts'
import * as work from './work.ts'

const secret = new Uint8Array(32)
const FORGOTTEN = 'run: node --conditions=factotum-source scripts/schema-dump.ts'

const noted = eventKind<{ n: number }>('test.noted@1', () => [])
const added = eventKind<{ n: number }>('test.added@1', (e) => [work.addWork(e.stream, 'run', e.body.n)])
const rung = eventKind<{ n: number }>('test.rung@1', (e) => [work.ringWork(e.body.n, e.stream)])
const ended = eventKind<{ n: number }>('test.ended@1', (e) => [work.endWork(e.stream)])
const wrong = eventKind<{ n: number }>('test.wrong@1', (e) => [
  work.ringWork(1, e.stream),
  work.addWork(e.stream, null, 0),
])
const kinds = [noted, added, rung, ended, wrong]

test('the committed schema of SQLite is what the migrations make', () => {
  assert.equal(dumpSqlite(), readFileSync(schemaFile('sqlite'), 'utf8'), FORGOTTEN)
})

const seldom = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary })

/** One member of a group, of few ids and few keys, so that members meet. Half of them repeat what others said. */
const member: fc.Arbitrary<CommitInput> = fc
  .record({
    key: fc.nat(15),
    repeat: fc.boolean(),
    events: fc.array(fc.record({ kind: fc.nat(kinds.length - 1), id: fc.nat(2), n: fc.nat(1) }), {
      minLength: 1,
      maxLength: 3,
    }),
    guard: seldom(fc.record({ id: fc.nat(2), inbox: fc.nat(2) })),
    fence: seldom(fc.record({ id: fc.nat(2), epoch: fc.constantFrom(1, 1, 2) })),
  })
  .map(({ key, repeat, events, guard, fence }) => ({
    key: `k${key}`,
    events: repeat ? [noted('w0', { n: key })] : events.map((e) => kinds[e.kind]!(`w${e.id}`, { n: e.n })),
    guards: guard ? [{ check: work.inboxIs(`w${guard.id}`, guard.inbox), code: 'test.conflict', message: '' }] : [],
    ...(fence ? { fence: { id: `w${fence.id}`, epoch: fence.epoch } } : {}),
  }))

/** Everything a company ends up with, and what each commit was told. */
async function play(store: Store, groups: readonly (readonly CommitInput[])[]) {
  const said: (string | [seq: number, duplicate: boolean, inbox: number])[][] = []
  await store.write(
    [0, 1, 2].map((id) => sql("insert into lease (id, holder, epoch, until) values (?, 'me', 1, 100)")(`w${id}`)),
  )
  for (const group of groups) {
    const settled = await Promise.allSettled(group.map((input) => store.commit(input)))
    said.push(
      settled.map((s) => {
        if (s.status === 'fulfilled') return [s.value.seq, s.value.duplicate, s.value.inbox]
        const code = errorCode(s.reason)
        return /^(store|test)\./.test(code) ? code : 'sql'
      }),
    )
  }
  const events = await store.read(sql('select seq, key, kind, stream, body, at from event order by seq')())
  const rows = await store.read(sql('select id, at, inbox from work order by id')())
  const plain = (list: Record<string, unknown>[]) => list.map((row) => ({ ...row }))
  return { said, events: plain(events), rows: plain(rows), head: await store.engine.head() }
}

describe('both stores', { skip: process.env.DATABASE_URL ? false : 'DATABASE_URL is not set' }, () => {
  test('the committed schema of PostgreSQL is what the migrations make', async () => {
    const database = (await testDatabase())!
    assert.equal(await dumpPostgres(database.url), readFileSync(schemaFile('postgres'), 'utf8'), FORGOTTEN)
    await database.drop()
  })

  test('have the same tables, columns and indexes', async () => {
    const database = (await testDatabase())!
    const folder = mkdtempSync(join(tmpdir(), 'factotum-both-'))
    const [sqlite, postgres] = await Promise.all(
      [join(folder, 'company.db'), database.url].map((at) => openStore({ url: at, secret })),
    )
    const [a, b] = [await describeSchema(sqlite!), await describeSchema(postgres!)]
    delete b.tables.ledger_head
    assert.deepEqual(b, a)
    const unsorted = await postgres!.engine.queryText(
      `select table_name, column_name from information_schema.columns where table_schema = current_schema()
       and table_name <> 'migration' and data_type = 'text' and collation_name is distinct from 'C'`,
      [],
    )
    assert.deepEqual(unsorted, [])
    await Promise.all([sqlite!.close(), postgres!.close()])
    await database.drop()
    rmSync(folder, { recursive: true, force: true })
  })

  // SQLite runs one member after another, so it says what is right for the batches of PostgreSQL.
  test('answer random groups of commits alike: keys, guards, fences and failures in any mixture', async (t) => {
    const database = (await testDatabase())!
    const postgres = await openStore({ url: database.url, secret, clock: new FakeClock() })
    const clear = ['delete from event', 'delete from work', 'delete from lease', 'update ledger_head set next = 0'].map(
      (text) => sql(text)(),
    )
    t.after(() => postgres.close().then(() => database.drop()))
    const outcomes: Record<string, number> = {}
    const groups = fc.array(fc.array(member, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(groups, async (program) => {
        const folder = mkdtempSync(join(tmpdir(), 'factotum-both-'))
        const sqlite = await openStore({ url: join(folder, 'company.db'), secret, clock: new FakeClock() })
        const expected = await play(sqlite, program)
        await sqlite.close()
        rmSync(folder, { recursive: true, force: true })
        await postgres.write(clear)
        assert.deepEqual(await play(postgres, program), expected)
        for (const outcome of expected.said.flat()) {
          const what = typeof outcome === 'string' ? outcome : outcome[1] ? 'duplicate' : 'committed'
          outcomes[what] = (outcomes[what] ?? 0) + 1
        }
      }),
      { numRuns: 100 },
    )
    for (const what of ['committed', 'duplicate', 'sql', 'test.conflict', 'store.fenced', 'store.key_reused']) {
      assert(outcomes[what]! > 10, `${what} was hardly tried: ${JSON.stringify(outcomes)}`)
    }
  })
})
