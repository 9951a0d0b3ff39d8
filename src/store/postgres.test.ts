import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { testDatabase } from '../../test/postgres.ts'
import { systemClock } from '../lib/clock.ts'
import { errorCode } from '../lib/errors.ts'
import { storeConformance } from './conformance.ts'
import { eventKind, type EventRow } from './events.ts'
import { openPostgres } from './postgres.ts'
import { openStore, Store } from './store.ts'
import * as work from './work.ts'

const secret = new Uint8Array(32)
const added = eventKind<{ n: number }, { text: string }>('test.added@1', (e) => [
  work.addWork(e.stream, 'run', e.body.n),
])
const add = (id: string, n = 0) => ({ key: id, events: [added(id, { n }, { private: { text: id } })] })

async function ledger(store: Store): Promise<EventRow[]> {
  const all: EventRow[] = []
  for await (const rows of store.engine.events(0, await store.engine.head())) all.push(...rows)
  assert.deepEqual(
    all.map((r) => r.seq),
    all.map((_, i) => i),
  )
  return all
}

if (process.env.DATABASE_URL) {
  storeConformance('postgres', async () => {
    const database = (await testDatabase())!
    const { url } = database
    return {
      open: (clock) => openStore(clock ? { url, secret, clock } : { url, secret }),
      destroy: () => database.drop(),
    }
  })
}

describe('postgres alone', { skip: process.env.DATABASE_URL ? false : 'DATABASE_URL is not set' }, () => {
  let url = ''
  let drop = async (): Promise<void> => {}
  before(async () => {
    const database = (await testDatabase())!
    url = database.url
    drop = () => database.drop()
  })
  after(() => drop())

  test('commits are synchronous', async () => {
    const engine = await openPostgres(url)
    const settings = await engine.durability()
    assert.equal(settings.synchronous_commit, 'on')
    assert.deepEqual(Object.keys(settings), ['fsync', 'full_page_writes', 'synchronous_commit'])
    await engine.close()
  })

  test('several processes migrate one database once, commit in one order and hear each other', async () => {
    const fresh = (await testDatabase())!
    const stores = await Promise.all([1, 2, 3].map(() => openStore({ url: fresh.url, secret })))
    const rings = stores.map(() => 0)
    stores.forEach((store, i) => store.engine.onBell(() => rings[i]!++))
    await sleep(300)
    // Every key is committed by two of the three.
    const results = await Promise.all(
      stores.map(async (store, p) => {
        const out: { key: string; seq: number; duplicate: boolean }[] = []
        for (let round = 0; round < 20; round++) {
          const keys = Array.from({ length: 20 }, (_, i) => `${round}-${(i * 3 + p + (i % 2)) % 60}`)
          out.push(...(await Promise.all(keys.map(async (key) => ({ key, ...(await store.commit(add(key))) })))))
        }
        return out
      }),
    )
    const rows = await ledger(stores[0]!)
    const seqOf = new Map(rows.map((r) => [r.key, r.seq]))
    assert.equal(seqOf.size, rows.length)
    for (const { key, seq } of results.flat()) assert.equal(seqOf.get(key), seq)
    assert.equal(results.flat().filter((r) => !r.duplicate).length, rows.length)
    assert(results.flat().some((r) => r.duplicate))
    await sleep(100)
    assert(
      rings.every((n) => n > 0),
      String(rings),
    )
    const heard = rings[0]!
    await stores[0]!.commit(add('quiet'))
    await sleep(100)
    assert.equal(rings[0], heard)
    await Promise.all(stores.map((store) => store.close()))
    await fresh.drop()
  })

  test('claimers in several processes never hold one piece of work together', async () => {
    const stores = await Promise.all([1, 2, 3].map(() => openStore({ url, secret })))
    await Promise.all(Array.from({ length: 300 }, (_, i) => stores[0]!.commit(add(`lease-${i}`, i))))
    const claims = await Promise.all(
      Array.from({ length: 60 }, (_, i) => stores[i % 3]!.write([work.claim(`holder-${i}`, 1_000, 2_000, 9)])),
    )
    const ids = claims
      .flat(2)
      .map((r) => String(r.id))
      .filter((id) => id.startsWith('lease-'))
    assert.equal(ids.length, 300)
    assert.equal(new Set(ids).size, 300)
    await Promise.all(stores.map((store) => store.close()))
  })

  test('a claim without the lock of the head is as exclusive', async () => {
    const store = await openStore({ url, secret })
    await Promise.all(Array.from({ length: 200 }, (_, i) => store.commit(add(`bare-${i}`, 5_000 + i))))
    const bound = (i: number) => work.claim(`bare-${i}`, 6_000, 7_000, 11)
    const claims = await Promise.all(
      Array.from({ length: 40 }, (_, i) => store.engine.query(bound(i).statement, bound(i).values)),
    )
    const ids = claims.flat().map((r) => String(r.id))
    assert.equal(new Set(ids).size, ids.length)
    await store.close()
  })

  test('while its backends are killed every acknowledged commit is there once, and told once', async () => {
    const store = await openStore({ url, secret })
    const admin = new pg.Client(url)
    await admin.connect()
    const start = await store.engine.head()
    const told: number[] = []
    store.onCommit((rows) => told.push(...rows.map((r) => r.seq)))
    const acknowledged = new Map<string, number>()
    const until = Date.now() + 2_500
    let kills = 0
    const killer = (async () => {
      while (Date.now() < until) {
        await sleep(5 + Math.random() * 60)
        const { rowCount } = await admin.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name in ('factotum-commit', 'factotum-read')`,
        )
        kills += rowCount ?? 0
      }
    })()
    const loop = async (c: number): Promise<void> => {
      for (let i = 0; Date.now() < until; i++) {
        const key = `kill-${c}-${i}`
        const result = await store
          .commit(add(key))
          .catch((error: unknown) => assert.equal(errorCode(error), 'store.unreachable'))
        if (!result) continue
        assert.equal(result.duplicate, false)
        acknowledged.set(key, result.seq)
        if (i % 5 === 0) await store.first(work.kindOf(key))
      }
    }
    await Promise.all([killer, ...Array.from({ length: 50 }, (_, c) => loop(c))])
    const seqOf = new Map((await ledger(store)).map((r) => [r.key, r.seq]))
    for (const [key, seq] of acknowledged) assert.equal(seqOf.get(key), seq)
    assert.deepEqual(
      told.toSorted((a, b) => a - b),
      [...acknowledged.values()].toSorted((a, b) => a - b),
    )
    assert.equal(new Set(told).size, told.length)
    assert((await store.engine.head()) >= start + acknowledged.size)
    assert(kills > 20 && acknowledged.size > 200, `${kills} kills, ${acknowledged.size} commits`)
    await admin.end()
    await store.close()
  })

  test('a full disk is nobody’s fault and passes; what is wrong with one commit stays its own', async () => {
    const store = await openStore({ url, secret })
    await store.engine.queryText(
      `create function full_disk() returns trigger language plpgsql as
       $$ begin raise exception 'No space left on device' using errcode = '53100'; end $$`,
      [],
    )
    await store.engine.queryText(
      `create trigger full_disk before insert on work for each row when (new.id like 'full%') execute function full_disk()`,
      [],
    )
    const inputs = ['full-1', 'beside', 'full-2'].map(add)
    const said = async () => Promise.allSettled(inputs.map((input) => store.commit(input)))
    for (const result of await said()) {
      assert.equal(result.status === 'rejected' && errorCode(result.reason), 'store.unreachable')
      assert.match(String((result as PromiseRejectedResult).reason), /No space left/)
    }
    await assert.rejects(store.write([work.addWork('full-3', 'run', 0)]), { code: 'store.unreachable' })
    await store.engine.queryText('drop trigger full_disk on work', [])
    assert(
      (await said()).every((r) => r.status === 'fulfilled' && !r.value.duplicate),
      'they were recorded the second time',
    )
    await assert.rejects(store.commit({ key: 'wrong', events: [added('full-1', { n: 0 })] }), { code: '23505' })
    await store.close()
  })

  test('a COMMIT whose answer is lost is looked up', async () => {
    const proxy = await startProxy(url)
    const store = await openStore({ url: proxy.url, secret })
    const told: number[] = []
    store.onCommit((rows) => told.push(...rows.map((r) => r.seq)))
    for (const [i, when] of (['answer', 'request', 'answer', 'request'] as const).entries()) {
      const before = await store.engine.head()
      proxy.cut(when)
      const result = await store.commit({
        key: `doubt-${i}`,
        events: [added(`doubt-${i}`, { n: 0 }), added(`doubt-${i}b`, { n: 0 })],
      })
      assert.deepEqual([result.seq, result.duplicate], [before, false])
      assert.equal(await store.engine.head(), before + 2)
      assert.equal((await store.commit(add(`after-${i}`))).seq, before + 2)
    }
    assert.equal(proxy.cuts(), 4)
    assert.equal(told.length, 12)
    await store.close()
    await proxy.stop()
  })

  test('when it cannot be looked up the store is broken; when nothing was in doubt it is unreachable', async () => {
    for (const [when, code] of [
      ['answer', 'store.broken'],
      ['before', 'store.unreachable'],
    ] as const) {
      const proxy = await startProxy(url)
      const engine = await openPostgres(proxy.url, { patience_ms: 300 })
      const store = new Store(engine, systemClock, secret, 'co', 0)
      await store.commit(add(`${when}-1`))
      if (when === 'answer') proxy.cut('answer', true)
      else await proxy.stop()
      await assert.rejects(store.commit(add(`${when}-2`)), { code })
      await assert.rejects(store.commit(add(`${when}-3`)), { code })
      await store.close()
      await proxy.stop()
    }
  })

  test('a server that is not there, and a wrong password, are said plainly', async () => {
    const nowhere = new URL(url)
    nowhere.port = '1'
    await assert.rejects(openPostgres(nowhere.href, { patience_ms: 100 }), {
      code: 'store.unreachable',
      message: /Check DATABASE_URL/,
    })
    const missing = new URL(url)
    missing.pathname = '/no_such_database'
    const started = Date.now()
    await assert.rejects(openPostgres(missing.href), { code: 'store.unreachable', message: /no_such_database/ })
    assert(Date.now() - started < 5_000)
  })
})

/** Stands between the store and the server, and hangs up around a COMMIT. */
async function startProxy(target: string) {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  let cut: 'answer' | 'request' | null = null
  let cuts = 0
  let refuse = false
  let refuseAfter = false
  const server = createServer((client) => {
    if (refuse) return void client.destroy()
    const upstream = connect(Number(port), hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
    }
    let cutting = false
    const hangUp = (): void => {
      cuts++
      refuse = refuseAfter
      client.destroy()
      upstream.destroy()
    }
    client.on('data', (bytes: Buffer) => {
      if (cut && bytes.includes('commit\0')) {
        const when = cut
        cut = null
        if (when === 'request') return hangUp()
        cutting = true
      }
      upstream.write(bytes)
    })
    upstream.on('data', (bytes: Buffer) => {
      // The answer ends with ReadyForQuery, idle: the transaction is over.
      if (!cutting) client.write(bytes)
      else if (bytes.subarray(-6).equals(Buffer.from([0x5a, 0, 0, 0, 5, 0x49]))) hangUp()
    })
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxied = new URL(target)
  proxied.hostname = '127.0.0.1'
  proxied.port = String((server.address() as AddressInfo).port)
  return {
    url: proxied.href,
    cuts: () => cuts,
    cut: (when: 'answer' | 'request', thenRefuse = false): void => {
      cut = when
      refuseAfter = thenRefuse
    },
    stop: async (): Promise<void> => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
