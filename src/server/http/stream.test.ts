import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { onEachStore } from '../../../test/each-store.ts'
import { testDatabase } from '../../../test/postgres.ts'
import { eventKind, openStore, type Store } from '../../store/index.ts'
import { testCompany } from '../../testing.ts'
import { app } from './app.ts'
import { EventStream } from './stream.ts'

const happened = eventKind<{ n: number }, { who: string }>('test.happened@1', () => [])
const SECRET = 'ada@example.org'

/** `from` to `to`, not including it, five to a commit. */
async function commit(store: Store, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n += 5)
    await store.commit({
      key: `happened:${n}`,
      events: Array.from({ length: Math.min(5, to - n) }, (_, i) =>
        happened('thing', { n: n + i }, { private: { who: SECRET } }),
      ),
    })
}

interface Message {
  readonly id: string
  readonly event: string
  readonly data: string
}

/** Reads messages until `done`, then hangs up. */
async function read(response: Response, done: (all: readonly Message[]) => boolean): Promise<Message[]> {
  assert.equal(response.status, 200, response.status === 200 ? '' : await response.text())
  const all: Message[] = []
  let text = ''
  const decoder = new TextDecoder()
  for await (const bytes of response.body!) {
    text += decoder.decode(bytes, { stream: true })
    const parts = text.split('\n\n')
    text = parts.pop()!
    for (const part of parts) {
      const fields = Object.fromEntries(part.split('\n').map((line) => line.split(/: (.*)/s) as [string, string]))
      if (fields.event !== undefined) all.push({ id: fields.id!, event: fields.event, data: fields.data! })
    }
    if (done(all)) break
  }
  return all
}

const ledgerOf = (all: readonly Message[]) => all.filter((m) => m.event === 'ledger')
const upTo = (n: number) => (all: readonly Message[]) => ledgerOf(all).length >= n
const seqs = (all: readonly Message[]) => ledgerOf(all).map((m) => Number(m.id))
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

onEachStore('who comes back alone is given what was committed while nobody listened', async (url) => {
  await using c = await testCompany(url === undefined ? {} : { url })
  const { store } = c.open
  await commit(store, 0, 5)
  // Its pulse is an hour away: nothing but the events themselves may bring them.
  const stream = new EventStream(store, 3_600_000)
  const known = String((await store.engine.head()) - 1)
  const reader = (await stream.open(known, undefined)).body!.getReader()
  await reader.read()
  const waiting = reader.read()
  await delay(50)
  await reader.cancel()
  assert.equal((await waiting).done, true)
  await commit(store, 5, 10)
  assert.equal(ledgerOf(await read(await stream.open(known, undefined), upTo(5))).length, 5)
  await stream.close()
})

onEachStore('a reader is given every event once and in order, from where it says and as they come', async (url) => {
  await using c = await testCompany(url === undefined ? {} : { url })
  const { store } = c.open
  await commit(store, 0, 1_000)
  const head = await store.engine.head()
  const stream = new EventStream(store)
  const all = read(await stream.open('-1', undefined), upTo(head + 500))
  const some = read(await stream.open('700', undefined), upTo(head + 500 - 701))
  const back = read(await stream.open('3', '900'), upTo(head + 500 - 901))
  const fresh = read(await stream.open(undefined, undefined), upTo(500))
  await commit(store, 1_000, 1_500)
  assert.deepEqual(seqs(await all), range(0, head + 500))
  assert.deepEqual(seqs(await some), range(701, head + 500))
  assert.deepEqual(seqs(await back), range(901, head + 500), 'what the browser knew stands before the address')
  const messages = await fresh
  assert.deepEqual(seqs(messages), range(head, head + 500))
  assert.deepEqual([messages[0]!.event, messages[0]!.id], ['head', String(head - 1)])
  const first = ledgerOf(messages)[0]!
  const { at, ...event } = JSON.parse(first.data) as Record<string, unknown>
  assert.equal(typeof at, 'number')
  assert.deepEqual(event, {
    seq: head,
    kind: 'test.happened@1',
    stream: 'thing',
    actor: 'system',
    cause: null,
    body: { n: 1_000 },
  })
  assert.ok(!JSON.stringify([await all, messages]).includes(SECRET), 'nothing private')
  await stream.close()
})

test('what is no number of an event, or of one that has not come, is refused', async () => {
  await using c = await testCompany({})
  await commit(c.open.store, 0, 5)
  const http = app(c.open, 'token')
  const ask = async (query: string, headers: Record<string, string> = {}) => {
    const answer = await http.request(`/v1/events${query}`, { headers: { authorization: 'Bearer token', ...headers } })
    if (answer.status === 200) {
      await answer.body!.cancel()
      return 200
    }
    return [answer.status, ((await answer.json()) as { code: string }).code]
  }
  const head = await c.open.store.engine.head()
  for (const bad of ['-2', '1.5', 'x', '', '1e3', '99999999999999999999'])
    assert.deepEqual(await ask(`?after=${bad}`), [400, 'stream.bad_after'], bad)
  assert.deepEqual(await ask(`?after=${head}`), [400, 'stream.future'])
  assert.deepEqual(await ask('', { 'last-event-id': '5000' }), [400, 'stream.future'])
  for (const good of ['', '?after=-1', '?after=0', `?after=${head - 1}`]) assert.equal(await ask(good), 200, good)
  assert.equal((await http.request('/v1/events')).status, 401)
})

test('readers that keep up share one read of the ledger, and a reader that does not read costs none', async () => {
  await using c = await testCompany({})
  const { store } = c.open
  let reads = 0
  const counted = new Proxy(store, {
    get: (of, name) => {
      const value: unknown = Reflect.get(of, name, of)
      if (name === 'read') reads++
      return typeof value === 'function' ? (value.bind(of) as unknown) : value
    },
  })
  const stream = new EventStream(counted)
  const idle = await stream.open('-1', undefined)
  const readers = await Promise.all(range(0, 50).map(() => stream.open(undefined, undefined)))
  assert.equal(reads, 0, 'nothing is read before somebody takes it')
  const got = readers.map((response) => read(response, upTo(100)))
  await commit(store, 0, 100)
  for (const one of got) assert.equal(seqs(await one).length, 100)
  // Twenty commits at most wake all of them so often, and between two wakes they find together that there is no more.
  assert.ok(reads <= 42, `${reads} reads for 50 readers`)
  await idle.body!.cancel()
  assert.equal(stream.readers, 0)
  await stream.close()
})

test('a stream ends when the server stops, and what had come is given first', async () => {
  await using c = await testCompany({})
  const stream = new EventStream(c.open.store)
  const all = read(await stream.open('-1', undefined), () => false)
  await commit(c.open.store, 0, 10)
  await stream.close()
  assert.equal(seqs(await all).length, await c.open.store.engine.head())
})

test('what another process commits arrives', { skip: !process.env.DATABASE_URL }, async (t) => {
  const database = (await testDatabase())!
  t.after(() => database.drop())
  const { url } = database
  const secret = new Uint8Array(32)
  const here = await openStore({ url, secret })
  const there = await openStore({ url, secret })
  const stream = new EventStream(here)
  const other = new EventStream(here)
  try {
    const got = read(await stream.open('-1', undefined), upTo(20))
    const too = read(await other.open('-1', undefined), upTo(20))
    // The bell is listened to a moment after the store is opened: what came before is read at the start.
    await commit(there, 0, 5)
    while (stream.readers > 0 && (await Promise.race([got.then(() => true), later(false)])) === false)
      await commit(there, await there.engine.head(), (await there.engine.head()) + 5)
    assert.deepEqual(seqs(await got).slice(0, 20), range(0, 20))
    assert.deepEqual(seqs(await too).slice(0, 20), range(0, 20))
  } finally {
    await Promise.all([stream.close(), other.close()])
    await Promise.all([here.close(), there.close()])
  }
})

function later<T>(value: T): Promise<T> {
  return new Promise((resolve) => setTimeout(() => resolve(value), 50))
}
