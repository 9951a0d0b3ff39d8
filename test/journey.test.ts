import assert from 'node:assert/strict'
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const BIN = join(ROOT, 'bin/factotum.js')
const { DATABASE_URL: _, ...ENV } = process.env
const run = promisify(execFile)

/** The sample company in a folder of its own, without what an earlier start left in it. */
function studio(t: TestContext): string {
  mkdirSync(join(ROOT, '.cache'), { recursive: true })
  const folder = mkdtempSync(join(ROOT, '.cache', 'journey-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  cpSync(join(ROOT, 'examples/studio'), folder, { recursive: true, filter: (path) => !path.endsWith('/data') })
  return folder
}

async function start(t: TestContext, folder: string): Promise<ChildProcess> {
  const server = spawn(process.execPath, [BIN, 'start', folder, '--port', '0'], {
    env: ENV,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => server.kill('SIGKILL'))
  // The last line of its greeting comes when the inbox was read.
  for await (const line of createInterface(server.stdout)) if (line.includes('Ctrl-C')) return server
  throw new Error('the server ended before it was ready')
}

async function kill(server: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => server.once('exit', resolve))
  server.kill('SIGKILL')
  await ended
}

interface Gate {
  readonly id: string
  readonly kind: string
  readonly run: string
  readonly title: string
  readonly evidence: readonly { readonly kind: string; readonly text: string }[]
}

async function factotum<T>(folder: string, ...args: string[]): Promise<T> {
  const { stdout } = await run(process.execPath, [BIN, ...args, '--company', folder, '--json'], {
    env: ENV,
    maxBuffer: 64 * 1024 * 1024,
  })
  return JSON.parse(stdout) as T
}

/** Asks again until it is so. Bounded by the test's own time-out only: how long it takes is nobody's business here. */
async function until<T>(ask: () => Promise<T>, ok: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await ask()
    if (ok(value)) return value
    await pause(100)
  }
}

function outbox(folder: string): string[] {
  const box = join(folder, 'data/outbox')
  return readdirSync(box)
    .filter((name) => name.endsWith('.eml'))
    .map((name) => readFileSync(join(box, name), 'utf8'))
}

test(
  'the journey: mail in, gate with evidence, approved, sent once, explained, verified, across kill -9',
  { timeout: 120_000 },
  async (t) => {
    const folder = studio(t)
    const server = await start(t, folder)

    const gates = await until(
      () => factotum<Gate[]>(folder, 'queue'),
      (q) => q.some((g) => g.title.startsWith('Reply to tomasz@')),
    )
    const gate = gates.find((g) => g.title.startsWith('Reply to tomasz@'))!
    assert.equal(gate.kind, 'effect')
    assert.ok(
      gate.evidence.some((e) => e.kind === 'signal' && e.text.includes('charged twice')),
      'it shows the mail',
    )
    assert.ok(
      gate.evidence.some((e) => e.kind === 'decision' && e.text.includes('triage')),
      'and what was decided about it',
    )

    // Killed between approval and sending: the hold window is open.
    await factotum(folder, 'approve', gate.id)
    await kill(server)
    assert.deepEqual(outbox(folder), [])

    const again = await start(t, folder)
    await until(
      () => factotum<{ run: { state: string } }>(folder, 'run', gate.run),
      ({ run: { state } }) => state === 'done',
    )
    const sent = outbox(folder)
    assert.equal(sent.length, 1)
    assert.match(sent[0]!, /^To: tomasz@pawsandgo\.example\r$/m)
    assert.match(sent[0]!, /^In-Reply-To: /m)

    const chain = (await factotum<{ kind: string }[]>(folder, 'why', gate.run)).map((link) =>
      link.kind.replace(/@\d+$/, ''),
    )
    const story = [
      'signal.received',
      'run.started',
      'decision.made',
      'fact.asserted',
      'effect.proposed',
      'gate.opened',
      'gate.decided',
      'effect.dispatched',
      'effect.settled',
      'run.completed',
    ]
    assert.deepEqual(
      chain
        .filter((kind) => story.includes(kind))
        .filter((kind, i, all) => kind !== all[i - 1])
        .filter((kind, i, all) => all.indexOf(kind) === i),
      story,
    )

    assert.equal(
      (await factotum<{ kind: string }[]>(folder, 'why', gate.id)).at(-1)?.kind,
      'effect.settled@1',
      'a gate tells what became of it',
    )
    assert.equal((await factotum<{ ok: boolean }>(folder, 'ledger', 'verify')).ok, true)
    assert.equal((await factotum<{ identical: boolean }>(folder, 'doctor')).identical, true)

    // Nothing is running now: the command opens the company itself, and the record is the same.
    await kill(again)
    assert.equal((await factotum<{ ok: boolean }>(folder, 'ledger', 'verify')).ok, true)
    assert.equal((await factotum<{ identical: boolean }>(folder, 'doctor')).identical, true)
    assert.equal(outbox(folder).length, 1)
  },
)

test(
  'run once: everything in the inbox is taken in and driven as far as it goes, twice with the same end',
  { timeout: 120_000 },
  async (t) => {
    const folder = studio(t)
    const once = async () =>
      JSON.parse((await run(process.execPath, [BIN, 'start', folder, '--once', '--json'], { env: ENV })).stdout) as {
        ingested: object
        runs: object
        gates: object
      }
    const first = await once()
    assert.deepEqual(first.ingested, { new: 43, duplicate: 1, quarantined: 0, unreadable: [] })
    const second = await once()
    assert.deepEqual(second.ingested, { new: 0, duplicate: 44, quarantined: 0, unreadable: [] })
    assert.deepEqual([second.runs, second.gates], [first.runs, first.gates])
  },
)
