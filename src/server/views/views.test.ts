import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { testDatabase } from '../../../test/postgres.ts'
import { actingFor } from '../../lib/caller.ts'
import { eventKind, openStore, sql, type Store } from '../../store/index.ts'
import { resolveId } from './ids.ts'
import { runList, signalList } from './lists.ts'
import type { Page } from './page.ts'
import { queueRows, type QueueRow } from './queue-rows.ts'
import { gateCounts, stateCounts } from './status.ts'

const insertRun = sql(
  `insert into run (id, workflow, version, state, generation, trust, started_at, started_seq) values (?, 'w', 1, ?, 1, 'operator', 5, ?)`,
)
const insertSignal = sql(
  `insert into signal (id, kind, source, state, trust, payload, received_at, received_seq) values (?, 'k', 's', ?, 'outsider', ?, 7, ?)`,
)
const runOfSignal = sql('update run set signal = ? where id = ?')
const insertMessage = sql(
  `insert into message (id, conversation, direction, at, party, subject) values (?, 'c', 'in', 1, 'hans@hof.example', ?)`,
)
const insertGate = sql(
  `insert into gate (id, kind, state, subject, template, evidence, reason, opened_at, opened_seq, risk, expires_at, snoozed_until)
   values (?, ?, 'open', 'x', '[]', '{"signals":[],"facts":[],"decisions":[],"messages":[]}', 'r', 5, ?, ?, ?, ?)`,
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
        about: null,
        party: null,
      },
    )
    assert.deepEqual(ids(await signalList({ store, signals: new Map() }, undefined, { limit: 50 })), ['sig_b', 'sig_a'])
    assert.equal((await signalList({ store, signals: new Map() }, 'kept', { limit: 50 })).items[0]!.text, 'k: {"n":1}')
    assert.deepEqual(await stateCounts(store, 'run'), { done: 2, failed: 1 })
    assert.deepEqual(await stateCounts(store, 'effect'), {})
  })

  check('a run is about the message that began it, which guests do not see', async (store) => {
    await store.write([
      insertRun('run_a', 'done', 1),
      runOfSignal('sig_a', 'run_a'),
      insertMessage('sig_a', 'Opening hours'),
    ])
    const [mine] = (await runList(store, undefined, { limit: 50 })).items
    assert.deepEqual([mine!.about, mine!.party], ['Opening hours', 'hans@hof.example'])
    const guest = { actor: 'guest:tok_1', scopes: 'read' } as const
    const [theirs] = (await actingFor(guest, () => runList(store, undefined, { limit: 50 }))).items
    assert.deepEqual([theirs!.about, theirs!.party], [null, null])
  })

  check(
    'pages through a long queue: what expires soon, then by the cost of delay and risk, then the oldest',
    async (store) => {
      const now = store.clock.now()
      const [soon, later] = [now + 3_600_000, now + 86_400_000]
      const kinds = ['conflict', 'question', 'effect', 'dead_letter', 'uncertain'] as const
      const risks = ['reversible', null, 'irreversible'] as const
      await store.write([
        ...Array.from({ length: 2_500 }, (_, i) =>
          insertGate(
            `gate_${i}`,
            kinds[i % 5],
            i,
            i % 5 === 2 ? risks[i % 3] : null,
            i % 7 === 0 ? later + i : null,
            null,
          ),
        ),
        insertGate('gate_last', 'conflict', 9_001, null, soon + 1, null),
        insertGate('gate_first', 'conflict', 9_002, null, soon, now - 1),
        insertGate('gate_away', 'uncertain', 9_003, null, null, later),
        insertGate('gate_back', 'question', 9_004, null, soon, soon),
      ])
      const all: QueueRow[] = []
      let cursor: string | undefined
      do {
        const page = await queueRows(store, {}, { limit: 333, cursor })
        all.push(...page.items)
        cursor = page.next ?? undefined
        // What comes while somebody reads moves nothing that was read.
        await store.write([insertGate(`gate_new_${all.length}`, 'uncertain', 10_000 + all.length, null, null, null)])
      } while (cursor !== undefined)
      assert.equal(new Set(all.map((g) => g.id)).size, all.length)
      // Of those that came, the one in the group that was being read is found in it.
      assert.deepEqual([all.length, all[0]!.id, all[1]!.id], [2_503, 'gate_first', 'gate_last'])
      const groups = [...new Set(all.map((g) => `${g.group} ${g.risk}`))]
      assert.deepEqual(groups, [
        'urgent null',
        'uncertain null',
        'dead_letter null',
        'effect irreversible',
        'effect reversible',
        'effect null',
        'question null',
        'conflict null',
      ])
      const uncertain = all
        .filter((g) => g.kind === 'uncertain')
        .slice(0, 500)
        .map((g) => Number(g.id.slice(5)))
      assert.deepEqual(
        uncertain,
        uncertain.toSorted((a, b) => a - b),
      )
      const first = await queueRows(store, { kind: 'conflict' }, { limit: 1 })
      assert.deepEqual([first.items[0]!.id, first.urgent, first.snoozed], ['gate_first', 2, 2])
      assert.equal(first.counts.conflict, 502)
      const away = await queueRows(store, { snoozed: true }, { limit: 50 })
      assert.deepEqual(
        away.items.map((g) => g.id),
        ['gate_back', 'gate_away'],
      )
      assert.equal(await gateCounts(store).then((counts) => counts.question), 501)
      await assert.rejects(queueRows(store, {}, { limit: 1, cursor: 'nonsense' }), { code: 'list.bad_cursor' })
    },
  )

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
