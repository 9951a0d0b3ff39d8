/** The sample company as its user has it: in a folder of its own, as a process, asked by the CLI. */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const BIN = join(ROOT, 'bin/factotum.js')
const { DATABASE_URL: _, ...ENV } = process.env
const run = promisify(execFile)

/** The sample in a folder of its own, without what an earlier start left in it. */
export function studio(t: TestContext): string {
  mkdirSync(join(ROOT, '.cache'), { recursive: true })
  const folder = mkdtempSync(join(ROOT, '.cache', 'journey-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  cpSync(join(ROOT, 'examples/studio'), folder, { recursive: true, filter: (path) => !path.endsWith('/data') })
  return folder
}

/** Answers once `line` comes. */
async function until(child: ChildProcess & { readonly stdout: NodeJS.ReadableStream }, line: RegExp): Promise<string> {
  for await (const said of createInterface(child.stdout)) if (line.test(said)) return said
  throw new Error('it ended before it was ready')
}

export async function start(
  t: TestContext,
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<ChildProcess> {
  const server = spawn(process.execPath, [BIN, 'start', folder, '--port', '0'], {
    env: { ...ENV, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => server.kill('SIGKILL'))
  // The last line of its greeting comes when the inbox was read.
  await until(server, /Ctrl-C/)
  return server
}

/** The billing service as a process of its own. Answers its address. */
export async function startBillingProcess(t: TestContext, books: string, token: string): Promise<string> {
  const service = spawn(
    process.execPath,
    [join(ROOT, 'examples/studio/connectors/billing/service.ts'), '--books', books],
    { env: { ...ENV, BILLING_TOKEN: token }, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  t.after(() => service.kill('SIGKILL'))
  return (JSON.parse(await until(service, /url/)) as { url: string }).url
}

export async function kill(server: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => server.once('exit', resolve))
  server.kill('SIGKILL')
  await ended
}

export interface Gate {
  readonly id: string
  readonly kind: string
  readonly run: string
  readonly title: string
  readonly evidence: readonly { readonly kind: string; readonly text: string }[]
}

/** What a command answers, of the company in `folder`. */
export async function factotum<T>(folder: string, ...args: string[]): Promise<T> {
  const { stdout } = await run(process.execPath, [BIN, ...args, '--company', folder, '--json'], {
    env: ENV,
    maxBuffer: 64 * 1024 * 1024,
  })
  return JSON.parse(stdout) as T
}

/** Asks again until it is so. Bounded by the test's own time-out only: how long it takes is nobody's business here. */
export async function untilSo<T>(ask: () => Promise<T>, ok: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await ask()
    if (ok(value)) return value
    await pause(100)
  }
}

/** The gate that is open (or will be) for which this holds. */
export async function gateThat(folder: string, is: (gate: Gate) => boolean): Promise<Gate> {
  const gates = await untilSo(
    () => factotum<Gate[]>(folder, 'queue'),
    (all) => all.some(is),
  )
  return gates.find(is)!
}

export async function untilRunIs(folder: string, id: string, wanted: string): Promise<void> {
  await untilSo(
    () => factotum<{ run: { state: string } }>(folder, 'run', id),
    ({ run: { state } }) => state === wanted,
  )
}

/** What led to something and came of it, as the kinds of events without their versions. */
export async function kindsOf(folder: string, id: string): Promise<string[]> {
  const links = await factotum<{ kind: string }[]>(folder, 'why', id)
  return links.map((link) => link.kind.replace(/@\d+$/, ''))
}

/** What holds of every record: it verifies, and its projections rebuild identically. */
export async function sound(folder: string): Promise<boolean> {
  const { ok } = await factotum<{ ok: boolean }>(folder, 'ledger', 'verify')
  return ok && (await factotum<{ identical: boolean }>(folder, 'doctor')).identical
}

export function outbox(folder: string): string[] {
  const box = join(folder, 'data/outbox')
  return readdirSync(box)
    .filter((name) => name.endsWith('.eml'))
    .map((name) => readFileSync(join(box, name), 'utf8'))
}
