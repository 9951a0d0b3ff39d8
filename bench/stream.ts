import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { serve as listen } from '@hono/node-server'
import { Hono } from 'hono'
import { EventStream } from '../src/server/http/stream.ts'
import { eventKind, openStore, type Store } from '../src/store/index.ts'
import { benchFolder } from './folder.ts'
import { percentile, round, withLimit, type Bench, type Row } from './report.ts'
import type { Reading, Told } from './stream-child.ts'

/** About as large as what a step records. */
const happened = eventKind<{ n: number; of: string; state: string }>('bench.happened@1', () => [])
const AT_ONCE = 250
/** Readers, and events that each of them is given from the begin of the ledger. */
const CATCH_UP = [
  { readers: 1, events: 50_000 },
  { readers: 100, events: 10_000 },
  { readers: 1_000, events: 2_000 },
] as const
const LIVE_COMMITS = 400
const LIVE_EVERY_MS = 5

async function commit(store: Store, from: number, to: number): Promise<void> {
  const all: Promise<unknown>[] = []
  for (let n = from; n < to; n++) {
    const body = { n, of: `run_${String(n % 97).padStart(26, '0')}`, state: 'succeeded' }
    all.push(store.commit({ key: `happened:${n}`, events: [happened(`thing_${n % 31}`, body)] }))
    if (all.length % AT_ONCE === 0) await Promise.all(all)
  }
  await Promise.all(all)
}

async function listening(server: Server): Promise<string> {
  if (!server.listening) await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}

/** A process with readers. `done` answers when every one of them has what it reads until. */
class Readers implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly done: Promise<Extract<Told, { what: 'done' }>>

  private constructor(child: ChildProcess, done: Promise<Extract<Told, { what: 'done' }>>) {
    this.#child = child
    this.done = done
  }

  static async open(reading: Reading): Promise<Readers> {
    const child = fork(join(import.meta.dirname, 'stream-child.ts'), { execArgv: ['--conditions=factotum-source'] })
    const opened = Promise.withResolvers<void>()
    const done = Promise.withResolvers<Extract<Told, { what: 'done' }>>()
    child.on('message', (told: Told) => (told.what === 'open' ? opened.resolve() : done.resolve(told)))
    child.send(reading)
    await opened.promise
    return new Readers(child, done.promise)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exited
  }
}

/** What a stream of these bytes is at best: buffers that are there already, written as fast as each socket takes them. */
async function plain(buffers: readonly Uint8Array[]): Promise<Server> {
  const write = (response: ServerResponse, from: number) => {
    for (let i = from; i < buffers.length; i++)
      if (!response.write(buffers[i])) return void response.once('drain', () => write(response, i + 1))
  }
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
    write(response, 0)
  })
  server.listen(0, '127.0.0.1')
  await listening(server)
  return server
}

/** The bytes of the whole stream, in the pieces in which it gives them. */
async function bytesOf(stream: EventStream, marker: string): Promise<Uint8Array[]> {
  const all: Uint8Array[] = []
  for await (const bytes of (await stream.open('-1', undefined)).body!) {
    all.push(bytes)
    if (Buffer.from(bytes).includes(marker)) break
  }
  return all
}

async function catchUp(stream: EventStream, url: string, readers: number, events: number): Promise<Row> {
  const until = `"n":${events - 1},`
  const timed = async (at: string) => {
    await using children = await Readers.open({ url: at, headers: {}, readers, until: `id: ${events - 1}\n` })
    return await children.done
  }
  const server = await plain(await bytesOf(stream, until))
  const limit = await timed(await listening(server))
  await closed(server)
  const own = await timed(`${url}?after=-1`)
  const rate = (of: { seconds: number }) => (readers * events) / of.seconds
  return {
    ...withLimit(`${readers} readers, from the begin`, 'events/s', rate(own), rate(limit)),
    mib_per_s: round(own.bytes / own.seconds / 1024 / 1024),
  }
}

async function live(store: Store, url: string, readers: number): Promise<Row> {
  const first = await store.engine.head()
  const until = `"n":${first + LIVE_COMMITS - 1},`
  await using children = await Readers.open({ url, headers: {}, readers, until })
  const committed = new Map<number, bigint>()
  const begun = performance.now()
  for (let n = first; n < first + LIVE_COMMITS; n++) {
    await commit(store, n, n + 1)
    committed.set(n, process.hrtime.bigint())
    await new Promise((resolve) => setTimeout(resolve, LIVE_EVERY_MS))
  }
  const { arrivals } = await children.done
  const seconds = (performance.now() - begun) / 1_000
  const ms = Float64Array.from(arrivals, ([n, at]) => Math.max(0, Number(BigInt(at) - committed.get(n)!) / 1e6)).sort()
  return {
    case: `${readers} readers that keep up, a commit each ${LIVE_EVERY_MS} ms`,
    value: round((readers * LIVE_COMMITS) / seconds),
    unit: 'events/s',
    p50_ms: round(percentile(ms, 0.5)),
    p95_ms: round(percentile(ms, 0.95)),
  }
}

async function memory(url: string, readers: number): Promise<Row> {
  const held = async (at: string) => {
    global.gc?.()
    const before = process.memoryUsage().rss
    await using _ = await Readers.open({ url: at, headers: {}, readers, until: null })
    global.gc?.()
    return (process.memoryUsage().rss - before) / readers / 1024
  }
  const server = await plain([])
  await held(await listening(server))
  const limit = await held(await listening(server))
  await closed(server)
  await held(url)
  // Pages that the process has already are filled first: a reader may seem to cost nothing.
  return {
    case: `resident memory of a reader, of ${readers}`,
    value: round(await held(url)),
    unit: 'KiB',
    plain: round(limit),
  }
}

export const bench: Bench = {
  name: 'stream',
  says: 'The event stream to readers in another process; the limit is a bare HTTP server that writes the same bytes, which it has already.',
  async run({ quick, note }) {
    await using folder = await benchFolder()
    const store = await openStore({ url: join(folder.path, 'company.db'), secret: new Uint8Array(32) })
    const stream = new EventStream(store)
    const http = new Hono().get('/', (c) => stream.open(c.req.query('after'), undefined))
    const server = listen({ fetch: http.fetch, port: 0, hostname: '127.0.0.1' }) as Server
    const url = await listening(server)
    const rows: Row[] = []
    try {
      const few = quick ? 10 : 1
      let head = 0
      for (const { readers, events } of CATCH_UP.toReversed()) {
        note(`${readers} readers from the begin`)
        await commit(store, head, events / few)
        head = Math.max(head, events / few)
        rows.unshift(await catchUp(stream, url, readers, events / few))
      }
      for (const { readers } of CATCH_UP) {
        note(`${readers} readers that keep up`)
        rows.push(await live(store, url, readers))
      }
      note('memory')
      rows.push(await memory(url, 1_000))
    } finally {
      await stream.close()
      await closed(server)
      await store.close()
    }
    return rows
  },
}
