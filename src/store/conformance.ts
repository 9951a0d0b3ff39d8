import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FakeClock, type Clock } from '../lib/clock.ts'
import { added, note, noted, rung, together, type Check } from './conformance-kit.ts'
import { workConformance } from './conformance-work.ts'
import type { CommitInput } from './prepared.ts'
import type { Guard } from './engine.ts'
import { eventLeaf, privateHash } from '../lib/event-leaf.ts'
import { eventKind, type EventRow } from './events.ts'
import { describeSchema } from './describe-schema.ts'
import { sql } from './sql.ts'
import type { Store } from './store.ts'
import { NOT_REBUILT, PROJECTIONS } from './tables.ts'
import * as work from './work.ts'

/** An empty database. `open` again is a restart: the test closes a store before it opens the next. */
export interface Database {
  open(clock?: Clock): Promise<Store>
  destroy(): Promise<void>
}

const putMeta = sql('insert into meta (name, value) values (?, ?)')
const getMeta = sql('select value from meta where name = ?')
const getWork = sql('select kind, at, inbox from work where id = ?')
const wrong = eventKind<{ n: number }>('test.wrong@1', (e) => [work.addWork(e.stream, null, 0)])
const thrown = eventKind<{ n: number }>('test.thrown@1', () => {
  throw new TypeError('a projection with a defect')
})
const labelled = eventKind<{ n: number }, { text: string }>('test.labelled@1', (e) => [
  putMeta(e.stream, e.private?.text),
])

const inboxIs = (id: string, inbox: number): Guard => ({
  check: work.inboxIs(id, inbox),
  code: 'test.conflict',
  message: 'The inbox moved.',
})

async function ledger(store: Store): Promise<EventRow[]> {
  const all: EventRow[] = []
  for await (const rows of store.engine.events(0, await store.engine.head())) all.push(...rows)
  return all
}

const isDense = (rows: readonly EventRow[]): void =>
  assert.deepEqual(
    rows.map((r) => r.seq),
    rows.map((_, i) => i),
  )

/** What every store must do. `start` makes an empty database for each test. */
export function storeConformance(name: string, start: () => Promise<Database>): void {
  void describe(`${name}: the store`, () => {
    const check: Check = (what, run, clock) => {
      void test(what, async () => {
        const database = await start()
        let store = await database.open(clock?.())
        try {
          await run(store, async (next) => {
            await store.close()
            return (store = await database.open(next))
          })
        } finally {
          await store.close()
          await database.destroy()
        }
      })
    }

    workConformance(check)
    check('gives dense sequence numbers in commit order, and hashes that match', async (store) => {
      const results = await Promise.all(
        Array.from({ length: 1_000 }, (_, i) =>
          store.commit({ key: `k${i}`, events: [noted(`s${i}`, { n: i }, { private: { text: `secret ${i}` } })] }),
        ),
      )
      assert.deepEqual(
        results.map((r) => r.seq),
        results.map((_, i) => i),
      )
      const rows = await ledger(store)
      assert.equal(rows.length, 1_000)
      isDense(rows)
      for (const row of rows) {
        assert.equal(row.salt!.byteLength, 16)
        assert.equal(row.private_hash, privateHash(row.salt!, row.private!))
        assert.deepEqual(Buffer.from(row.leaf), Buffer.from(eventLeaf({ ...row, privateHash: row.private_hash })))
      }
      assert.equal(new Set(rows.map((r) => Buffer.from(r.salt!).toString('hex'))).size, 1_000)
    })

    check('splits what is more than a group, and takes one commit that is larger than a group', async (store) => {
      const groups: number[] = []
      store.onCommit((rows) => groups.push(rows.length))
      await Promise.all(Array.from({ length: 2_500 }, (_, i) => store.commit(note(`k${i}`))))
      assert(groups.length >= 3 && Math.max(...groups) <= 1_000, String(groups))
      const big = await store.commit({ key: 'big', events: Array.from({ length: 3_000 }, (_, n) => noted('s', { n })) })
      assert.equal(big.seq, 2_500)
      isDense(await ledger(store))
    })

    check('bounds a group in bytes, and counts what goes with a commit', async (store) => {
      const groups: number[] = []
      store.onCommit((rows) => groups.push(rows.length))
      const bytes = new Uint8Array(3 * 1024 * 1024)
      const putBlob = sql('insert into blob (hash, size, bytes) values (?, ?, ?)')
      await Promise.all(
        Array.from({ length: 5 }, (_, i) => store.commit({ ...note(`k${i}`), also: [putBlob(`h${i}`, 1, bytes)] })),
      )
      assert.deepEqual(groups, [2, 2, 1])
    })

    check('answers a key that is there with what was recorded, and refuses other content under it', async (store) => {
      const input: CommitInput = {
        key: 'k',
        events: [noted('s', { n: 1 }, { private: { text: 'a' } }), noted('s', { n: 2 })],
      }
      await store.commit(note('before'))
      const first = await store.commit(input)
      const heard: number[] = []
      store.onCommit((rows) => heard.push(...rows.map((r) => r.seq)))
      assert.deepEqual(await store.commit(input).then((r) => [r.seq, r.duplicate]), [first.seq, true])
      await store.commit(note('after'))
      assert.deepEqual(await store.commit(input).then((r) => [r.seq, r.duplicate]), [first.seq, true])
      assert.deepEqual(heard, [3])
      for (const events of [
        [noted('s', { n: 1 })],
        [noted('s', { n: 1 }), noted('s', { n: 3 })],
        [...input.events, noted('s', { n: 2 })],
      ]) {
        await assert.rejects(store.commit({ key: 'k', events }), { code: 'store.key_reused' })
      }
      assert.equal(await store.engine.head(), 4)
    })

    check('does the same for a key that stands twice in one group', async (store) => {
      const results = await together(store, [note('a'), note('k', 1), note('k', 1), note('b'), note('k', 2), note('c')])
      const seqs = results.map((r) => (typeof r === 'string' ? r : `${r.seq}${r.duplicate ? ' again' : ''}`))
      assert.deepEqual(seqs, ['0', '1', '1 again', '2', 'store.key_reused', '3'])
    })

    check('refuses an empty commit, and keys and streams that cannot be hashed as they are stored', async (store) => {
      await assert.rejects(store.commit({ key: 'k', events: [] }), { code: 'store.empty_commit' })
      for (const text of ['a\0b', 'half \ud800', '\udc00']) {
        await assert.rejects(store.commit(note(text)), { code: 'store.not_storable' })
        await assert.rejects(store.commit({ key: 'k', events: [noted(text, { n: 0 })] }), {
          code: 'store.not_storable',
        })
        await assert.rejects(store.commit({ key: 'k', events: [noted('s', { n: 0 }, { actor: text })] }), {
          code: 'store.not_storable',
        })
      }
      assert.equal(await store.engine.head(), 0)
    })

    check(
      'keeps every text exactly in the ledger; in columns NUL and half a surrogate pair become U+FFFD',
      async (store) => {
        const texts = [
          '',
          'ünïcödé 𝄞 漢字',
          'a\0b\0',
          'half \ud800 pair',
          '\udc00',
          '"\\\u2028',
          "it's; drop table event --",
        ]
        await Promise.all(
          texts.map((text, n) =>
            store.commit({ key: `k${n}`, events: [labelled(`s${n}`, { n }, { private: { text } })] }),
          ),
        )
        for (const [n, row] of (await ledger(store)).entries())
          assert.deepEqual(JSON.parse(row.private!), { text: texts[n] })
        for (const [n, text] of texts.entries()) {
          const [row] = await store.read(getMeta(`s${n}`))
          assert.equal(row!.value, text.replaceAll('\0', '\ufffd').toWellFormed())
        }
      },
    )

    check('keeps whole numbers up to 2^53 - 1, bytes and null', async (store) => {
      const numbers = [0, -1, 2 ** 31, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]
      await Promise.all(numbers.map((at, i) => store.commit({ key: `k${i}`, events: [added(`w${i}`, { at })] })))
      await store.commit({ key: 'null', events: [added('w', {})] })
      for (const [i, at] of numbers.entries()) assert.equal((await store.first(getWork(`w${i}`)))!.at, at)
      assert.equal((await store.first(getWork('w')))!.at, null)
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
      await store.write([sql('insert into blob (hash, size, bytes) values (?, ?, ?)')('h', 256, bytes)])
      const row = await store.first<{ bytes: Uint8Array }>(sql('select bytes from blob where hash = ?')('h'))
      assert(row!.bytes instanceof Uint8Array)
      assert.deepEqual([...row!.bytes], [...bytes])
      assert.throws(() => work.sleepWork(Number.NaN, 'w'), { code: 'store.not_storable' })
    })

    check('sorts text by its bytes', async (store) => {
      const ids = ['B', 'a', 'Z', 'ä', 'b', '_', 'aa', '~', 'é', '10', '9']
      await Promise.all(ids.map((id) => store.commit({ key: id, events: [added(id, {})] })))
      const rows = await store.read<{ id: string }>(sql('select id from work order by id')())
      assert.deepEqual(
        rows.map((r) => r.id),
        ids.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
      )
    })

    check('refuses a commit whose guard does not hold, counting the members before it in the group', async (store) => {
      await store.commit({ key: 'w', events: [added('w', {})] })
      const take = (key: string, inbox: number): CommitInput => ({
        key,
        events: [rung('w', { at: 1 })],
        guards: [inboxIs('w', inbox)],
      })
      const results = await together(store, [
        take('a', 0),
        note('x'),
        take('b', 0),
        take('c', 1),
        take('d', 0),
        note('y'),
        take('e', 2),
      ])
      assert.deepEqual(
        results.map((r) => (typeof r === 'string' ? r : r.seq)),
        [1, 2, 'test.conflict', 3, 'test.conflict', 4, 5],
      )
      await assert.rejects(store.commit(take('f', 0)), {
        name: 'ConflictError',
        code: 'test.conflict',
        message: 'The inbox moved.',
      })
      assert.equal((await store.first(getWork('w')))!.inbox, 3)
      // A refused key is free.
      assert.equal((await store.commit(take('b', 3))).seq, 6)
      isDense(await ledger(store))
    })

    check('lets one of many win, however many race in one group', async (store) => {
      await store.commit({ key: 'w', events: [added('w', {})] })
      const results = await together(
        store,
        Array.from({ length: 300 }, (_, i) => ({
          key: `k${i}`,
          events: [rung('w', { at: 1 })],
          guards: [inboxIs('w', 0)],
        })),
      )
      assert.deepEqual(
        results.filter((r) => typeof r !== 'string').map((r) => r.seq),
        [1],
      )
      assert.equal(results.filter((r) => r === 'test.conflict').length, 299)
    })

    check('writes what goes with a commit in its transaction', async (store) => {
      await store.commit({ ...note('a'), also: [putMeta('a', '1')] })
      await assert.rejects(store.commit({ ...note('b'), also: [putMeta('b', '1'), putMeta('a', '2')] }))
      assert.deepEqual(
        (await store.read(getMeta('a'))).map((r) => r.value),
        ['1'],
      )
      assert.deepEqual(await store.read(getMeta('b')), [])
      assert.equal(await store.engine.head(), 1)
    })

    check('fails only the member whose write is wrong; the others of the group are durable', async (store, again) => {
      const results = await together(store, [
        note('a'),
        { key: 'b', events: [noted('s', { n: 1 }), wrong('s', { n: 1 })] },
        { key: 'c', events: [added('c', {})] },
        { key: 'd', events: [added('c', {})] },
        { key: 'e', events: [thrown('s', { n: 1 })] },
        { key: 'f', events: [rung('c', { at: 7 })], guards: [inboxIs('c', 0)] },
        note('g'),
      ])
      assert.deepEqual(
        results.map((r) => (typeof r === 'string' ? 'failed' : r.seq)),
        [0, 'failed', 1, 'failed', 'failed', 2, 3],
      )
      const next = await again()
      assert.deepEqual(
        (await ledger(next)).map((r) => r.key),
        ['a', 'c', 'f', 'g'],
      )
      assert.equal((await next.first(getWork('c')))!.at, 7)
      assert.equal((await next.commit(note('h'))).seq, 4)
    })

    check('records causes, also as an index into the same commit', async (store) => {
      await store.commit(note('a'))
      await store.commit({
        key: 'b',
        events: [
          noted('s', { n: 0 }, { cause: 0 }),
          noted('s', { n: 1 }, { cause: { index: 0 } }),
          noted('s', { n: 2 }),
        ],
      })
      assert.deepEqual(
        (await ledger(store)).map((r) => r.cause),
        [null, 0, 1, null],
      )
      assert.deepEqual(
        (await ledger(store)).map((r) => r.key),
        ['a', 'b', null, null],
      )
    })

    const clock = new FakeClock()
    check(
      'never lets time go back, though the clock does, nor over a restart',
      async (store, again) => {
        const first = await store.commit(note('a'))
        clock.advance(-60_000)
        assert.equal((await store.commit(note('b'))).at, first.at)
        const next = await again(clock)
        assert.equal((await next.commit(note('c'))).at, first.at)
        clock.advance(120_000)
        assert.equal((await next.commit(note('d'))).at, clock.now())
        assert.deepEqual(
          (await ledger(next)).map((r) => r.at),
          [first.at, first.at, first.at, clock.now()],
        )
      },
      () => clock,
    )

    check('goes on where it stopped', async (store, again) => {
      await Promise.all([store.commit(note('a')), store.commit(note('b'))])
      const id = store.companyId
      const next = await again()
      assert.equal(next.companyId, id)
      assert.equal((await next.commit(note('c'))).seq, 2)
      assert.equal((await next.commit(note('a'))).duplicate, true)
      isDense(await ledger(next))
    })

    check('tells listeners of rows that are durable, once and in order', async (store) => {
      const heard: number[] = []
      const late: Promise<number>[] = []
      store.onCommit((rows) => {
        heard.push(...rows.map((r) => r.seq))
        late.push(store.engine.head())
      })
      for (let i = 0; i < 20; i++)
        await Promise.all(Array.from({ length: 10 }, (_, j) => store.commit(note(`k${i}-${j}`))))
      assert.deepEqual(
        heard,
        Array.from({ length: 200 }, (_, i) => i),
      )
      for (const [i, head] of (await Promise.all(late)).entries())
        assert(head >= (i + 1) * 10, `${head} after group ${i}`)
    })

    check('commits what waits when it closes, and nothing after', async (store, again) => {
      const waiting = store.commit(note('a'))
      const next = await again()
      assert.equal((await waiting).seq, 0)
      await assert.rejects(store.commit(note('b')), { code: 'store.closed' })
      assert.equal(await next.engine.head(), 1)
    })

    check('undoes a write that fails', async (store) => {
      await assert.rejects(store.write([putMeta('a', '1'), putMeta('a', '2')]))
      assert.deepEqual(await store.read(getMeta('a')), [])
      assert.equal((await store.commit(note('a'))).seq, 0)
    })

    check('rebuilds projections in a scratch copy that leaves no trace', async (store) => {
      await store.commit({ key: 'w', events: [added('w', { at: 1 })] })
      const scratch = await store.engine.scratch()
      assert.deepEqual(await scratch.query('select id from work'), [])
      await scratch.apply([work.addWork('other', 'run', 2)])
      assert.deepEqual(
        (await scratch.query('select id, at from work')).map((r) => ({ ...r })),
        [{ id: 'other', at: 2 }],
      )
      await scratch.drop()
      assert.deepEqual(
        (await store.read(sql('select id from work')())).map((r) => r.id),
        ['w'],
      )
    })

    check('reads through a query builder', async (store) => {
      await store.commit({ key: 'w', events: [added('w', { at: 1 })] })
      const builder = store.select<{ work: { id: string; at: number | null } }>()
      assert.deepEqual(
        (await builder.selectFrom('work').select(['id', 'at']).where('id', '=', 'w').execute()).map((r) => ({ ...r })),
        [{ id: 'w', at: 1 }],
      )
      assert.deepEqual(await builder.selectFrom('work').selectAll().where('id', '=', 'a\0b').execute(), [])
    })

    check(
      'refuses a database that is newer than the program, or made by another version of a migration',
      async (store, again) => {
        await store.write([
          sql("insert into migration (version, name, checksum) values (9999, '9999_future.sql', 'x')")(),
        ])
        await assert.rejects(again(), { code: 'store.newer' })
      },
    )

    check('names every table in tables.ts', async (store) => {
      const { tables } = await describeSchema(store)
      const named = [...Object.keys(PROJECTIONS), ...Object.keys(NOT_REBUILT)]
      assert.deepEqual(
        Object.keys(tables).filter((t) => !named.includes(t)),
        [],
      )
      // The head of the ledger is a row of its own only on PostgreSQL.
      assert.deepEqual(
        named.filter((t) => !(t in tables) && t !== 'ledger_head'),
        [],
      )
      for (const [table, order] of Object.entries(PROJECTIONS)) {
        for (const column of order.split(', '))
          assert(
            tables[table]!.some((c) => c.startsWith(`${column} `)),
            `${table}.${column}`,
          )
      }
    })
  })
}
