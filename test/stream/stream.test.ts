/** The event stream of a real server process, over real sockets: a thousand readers, and a kill. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Server } from '../crash/server.ts'
import { deaf, Reader } from './readers.ts'

const ROOT = join(import.meta.dirname, '../..')
/** What the company imports; the test itself does not. */
const PACKAGE = 'factotum'
const READERS = 1_000
const DEAF = 900
const MIB = 1024 * 1024
/** What may stay in a socket of a reader that does not read, and what the process may take for its own work besides. */
const MAX_KEPT = 128 * 1024
const OWN_WORK = 128 * MIB

const COMPANY = `
import { company, workflow } from '${PACKAGE}'
const count = workflow('count', {}, async (ctx) => {
  for (let n = 0; n < 500; n++) await ctx.step('count', () => n, { key: n })
})
export default company({ name: 'Counting', workflows: [count] })
`

async function counting(t: TestContext): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'factotum-stream-'))
  const server = new Server(folder)
  t.after(async () => {
    await server.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  })
  await mkdir(join(folder, 'node_modules'))
  await symlink(ROOT, join(folder, 'node_modules', PACKAGE))
  await writeFile(join(folder, 'company.ts'), COMPANY)
  assert.ok(await server.start(), server.said)
  return server
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1024
}

async function until(is: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await is())) await new Promise((resolve) => setTimeout(resolve, 20))
}

interface Status {
  readonly events: number
  readonly runs: Readonly<Record<string, number>>
}

/** Starts runs and waits until all are done. Answers how many events there are. */
async function count(server: Server, runs: number): Promise<number> {
  for (let n = 0; n < runs; n++) await server.ask('start', { workflow: 'count' })
  let status: Status | null = null
  await until(async () => {
    status = await server.ask<Status>('status', {})
    return status !== null && Object.keys(status.runs).every((state) => state === 'done')
  })
  return status!.events
}

test('of a thousand readers nine hundred never read: memory stays bounded, and the others miss nothing', async (t) => {
  const server = await counting(t)
  await count(server, 2)
  const at = server.at!
  const sockets = await Promise.all(Array.from({ length: DEAF }, () => deaf(at, -1)))
  t.after(() => sockets.forEach((socket) => socket.destroy()))
  const readers = Array.from({ length: READERS - DEAF }, () => new Reader(-1))
  await Promise.all(readers.map((reader) => reader.open(at)))
  const before = await residentBytes(at.pid)
  const events = await count(server, 40)
  await until(() => readers.every((reader) => reader.last >= events - 1))
  const grown = (await residentBytes(at.pid)) - before
  const sent = readers[0]!.bytes
  t.diagnostic(
    `${events} events, ${(sent / MIB).toFixed(1)} MiB for each reader; the server grew by ${(grown / MIB).toFixed(1)} MiB from ${(before / MIB).toFixed(1)}`,
  )
  for (const reader of readers) assert.equal(reader.wrong, null)
  assert.ok(DEAF * sent > 4 * (DEAF * MAX_KEPT + OWN_WORK), 'queued for them it would be far more')
  assert.ok(grown < DEAF * MAX_KEPT + OWN_WORK, `it grew by ${(grown / MIB).toFixed(1)} MiB`)
  // Who begins to read late gets everything, in order.
  const late = sockets.slice(0, 5).map(
    (socket) =>
      new Promise<number[]>((resolve) => {
        let text = ''
        socket.setEncoding('latin1').on('data', (part: string) => {
          text += part
          if (text.includes(`id: ${events - 1}\nevent: ledger`))
            resolve([...text.matchAll(/id: (\d+)\nevent: ledger/g)].map((m) => Number(m[1])))
        })
        socket.resume()
      }),
  )
  const all = Array.from({ length: events }, (_, seq) => seq)
  for (const seqs of await Promise.all(late)) assert.deepEqual(seqs, all)
  readers.forEach((reader) => reader.close())
})

test('a reader goes on over kills of the server: every event once and in order', async (t) => {
  const server = await counting(t)
  const readers = Array.from({ length: 10 }, () => new Reader(-1))
  for (let life = 0; life < 3; life++) {
    const at = server.at!
    await Promise.all(readers.map((reader) => reader.open(at)))
    const some = readers[0]!.last + 700
    for (let n = 0; n < 5; n++) await server.ask('start', { workflow: 'count' })
    await until(() => readers.some((reader) => reader.last > some))
    await server.kill('SIGKILL')
    await until(() => readers.every((reader) => reader.ended))
    assert.ok(await server.start(), server.said)
  }
  const at = server.at!
  await Promise.all(readers.map((reader) => reader.open(at)))
  const events = await count(server, 1)
  await until(() => readers.every((reader) => reader.last >= events - 1))
  for (const { wrong, count: came, last } of readers) assert.deepEqual([wrong, came], [null, last + 1])
  // It stops in order, and whoever listens is told: the response ends and is not cut off.
  assert.equal(await server.kill('SIGTERM'), 0)
  await until(() => readers.every((reader) => reader.ended))
  assert.ok(readers.every((reader) => reader.complete))
})
