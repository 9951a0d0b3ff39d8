import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { testDatabase } from '../../../test/postgres.ts'
import { eventKind, openStore, sql, type Store } from '../../store/index.ts'
import { resolveId } from './ids.ts'
import { runList, signalList } from './lists.ts'
import type { Page } from './page.ts'
import { MAX_QUEUE, queueItems } from './queue.ts'
import { gateCounts, stateCounts } from './status.ts'

const insertRun = sql(
  `insert into run (id, workflow, version, state, generation, trust, started_at, started_seq) values (?, 'w', 1, ?, 1, 'operator', 5, ?)`,
)
const insertSignal = sql(
  `insert into signal (id, kind, source, state, trust, payload, received_at, received_seq) values (?, 'k', 's', ?, 'outsider', ?, 7, ?)`,
)
const insertGate = sql(
  `insert into gate (id, kind, state, subject, template, evidence, reason, opened_at, opened_seq)
   values (?, 'question', 'open', 'x', '[]', '{"signals":[],"facts":[],"decisions":[],"messages":[]}', 'r', ?, ?)`,
)
const named = eventKind<{ n: number }>('test.named@1', () => [])

const DATABASES: Readonly<Record<string, (t: TestContext) => Promise<string>>> = {
  SQLite: async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'factotum-views-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    return join(folder, 'company.db')
  },
  ...(process.env.DATABASE_URL
    ? {
        PostgreSQL: async (t: TestContext) => {
          const database = (await testDatabase())!
          t.after(() => database.drop())
          return database.url
        },
      }
    : {}),
}

for (const [name, database] of Object.entries(DATABASES)) {
  const check = (what: string, run: (store: Store) => Promise<void>): void =>
    test(`${name}: ${what}`, async (t) => {
      const store = await openStore({ url: await database(t), secret: new Uint8Array(32) })
      try {
        await run(store)
      } finally {
        await store.close()
      }
    }) as never

  check('lists the newest first, of one state where asked, and counts them', async (store) => {
    await store.write([
      insertRun('run_a', 'done', 1),
      insertRun('run_b', 'failed', 2),
      insertRun('run_c', 'done', 3),
      insertSignal('sig_a', 'kept', '{"n":1}', 1),
      insertSignal('sig_b', 'new', null, 2),
    ])
    const ids = (page: Page<{ readonly id: string }>) => page.items.map((r) => r.id)
    assert.deepEqual(ids(await runList(store, undefined, { limit: 50 })), ['run_c', 'run_b', 'run_a'])
    assert.deepEqual(ids(await runList(store, 'done', { limit: 1 })), ['run_c'])
    assert.deepEqual(
      { ...(await runList(store, 'failed', { limit: 50 })).items[0] },
      {
        id: 'run_b',
        workflow: 'w',
        version: 1,
        state: 'failed',
        startedAt: 5,
        endedAt: null,
        error: null,
        parent: null,
      },
    )
    assert.deepEqual(ids(await signalList(store, undefined, { limit: 50 })), ['sig_b', 'sig_a'])
    assert.equal((await signalList(store, 'kept', { limit: 50 })).items[0]!.text, 'k: {"n":1}')
    assert.deepEqual(await stateCounts(store, 'run'), { done: 2, failed: 1 })
    assert.deepEqual(await stateCounts(store, 'effect'), {})
  })

  check('shows the oldest of a long queue, and counts all', async (store) => {
    await store.write(Array.from({ length: MAX_QUEUE + 5 }, (_, i) => insertGate(`gate_${i}`, MAX_QUEUE + 5 - i, i)))
    const items = await queueItems(store, async () => null)
    assert.deepEqual([items.length, items[0]!.id], [MAX_QUEUE, `gate_${MAX_QUEUE + 4}`])
    assert.deepEqual(await gateCounts(store), { question: MAX_QUEUE + 5 })
  })

  check('takes a whole id, though others contain it, or a part that only one has', async (store) => {
    await store.write(['run_0abcd', 'run_0abcde', 'run_x1_zz', 'run_x11zz'].map((id, i) => insertRun(id, 'done', i)))
    await store.commit({ key: 'k', events: [named('s1', { n: 1 }), named('day_plan', { n: 1 })] })
    assert.equal(await resolveId(store, 'run', 'run_0abcd'), 'run_0abcd')
    assert.equal(await resolveId(store, 'run or effect', '0abcde'), 'run_0abcde')
    assert.equal(await resolveId(store, 'run', 'x1_zz'), 'run_x1_zz')
    assert.equal(await resolveId(store, 'record', 's1'), 's1')
    assert.equal(await resolveId(store, 'record', 'plan'), 'day_plan')
    assert.equal(await resolveId(store, 'record', '12'), '12')
    await assert.rejects(resolveId(store, 'run', '0abc'), { code: 'id.ambiguous' })
    for (const id of ['run_', 'zz', '%%%%%', 'run_nobody'])
      await assert.rejects(resolveId(store, 'run', id), { code: 'id.not_found' }, id)
  })
}
