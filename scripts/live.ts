/**
 * `npm run live -- NAME`: plays one connector against a real account, which the variables of its `live.ts` name: a read,
 * a write, a search for it, and its undo, each checked outside. Without the variables it says which, and does nothing.
 */
import './deps.ts'
import { randomUUID } from 'node:crypto'
import { globSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ActionContext, AnyAction, Connector, Reconciled } from '../src/execution/action.ts'

/** What `connectors/NAME/live.ts` exports as `live`. Every function is given the values of its variables. */
export interface Live {
  /** The environment variables that it needs, each with what it is. */
  readonly variables: Readonly<Record<string, string>>
  /** Those that it can do without. They are '' where they are not set. */
  readonly optional?: Readonly<Record<string, string>>
  /** What will be done, and what is touched, in one or two sentences without secrets. */
  readonly plan: (v: Variables) => string
  readonly connector: (v: Variables) => Connector
  /** The data folder that the connector is opened with. Default: a temporary one. */
  readonly dataFolder?: (v: Variables) => Promise<string>
  /** An action that only looks; null where there is none. */
  readonly read: ((v: Variables) => Use) | null
  readonly write: (v: Variables) => Use
  /**
   * What is outside, looked at without the connector: one thing before the write, another after it, and the first again
   * after the undo. Null where nobody but a person can look: `plan` says where.
   */
  readonly outside: ((v: Variables) => Promise<string>) | null
}
type Variables = Readonly<Record<string, string>>
/** An action of the connector by its name, and an input. */
interface Use {
  readonly action: string
  readonly input: unknown
}

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const files = globSync('connectors/*/live.ts', { cwd: ROOT })
const names = files.map((file) => basename(dirname(file))).toSorted()

function stop(message: string): never {
  console.error(message)
  process.exit(1)
}

const name = process.argv[2]
if (name === undefined || !names.includes(name))
  stop(`npm run live -- NAME, where NAME is one of: ${names.join(', ')}.`)
const { live } = (await import(join(ROOT, 'connectors', name, 'live.ts'))) as { live: Live }

const missing = Object.entries(live.variables).filter(([variable]) => !process.env[variable])
if (missing.length > 0) {
  const all = [...missing, ...Object.entries(live.optional ?? {}).map(([v, what]) => [v, `${what} (may be left out)`])]
  stop(`Not set, and nothing was done:\n${all.map(([variable, what]) => `  ${variable}  ${what}`).join('\n')}`)
}
const v: Variables = Object.fromEntries(
  Object.keys({ ...live.variables, ...live.optional }).map((variable) => [variable, process.env[variable] ?? '']),
)

console.log(live.plan(v))
const temporary = await mkdtemp(join(tmpdir(), 'factotum-live-'))
try {
  const connector = live.connector(v)
  const connection = await connector.open({ dataFolder: (await live.dataFolder?.(v)) ?? temporary })
  try {
    await play(connector, connection)
  } finally {
    await connector.close(connection)
  }
  console.log(`${name} works.`)
} catch (error) {
  // The message only: what a service says in the rest of an error was not made to be shown.
  const { kind, code } = error as { kind?: string; code?: string }
  console.error(`${name} does not work: ${[kind, code].filter(Boolean).join(' ')} ${(error as Error).message}`)
  process.exitCode = 1
} finally {
  await rm(temporary, { recursive: true, force: true })
}

async function play(connector: Connector, connection: unknown): Promise<void> {
  const context = (key: string) => contextOf(connection, key)
  say('describes itself as', connector.describe(connection))
  if (connector.probe) say('offers', JSON.stringify(await connector.probe(connection)))
  if (live.read) {
    const { action, input } = actionOf(connector, live.read(v))
    say(action.action, short(await action.run(input, context('read'))))
  }
  const { action, input } = actionOf(connector, live.write(v))
  const key = `live_${randomUUID()}`
  const before = await live.outside?.(v)
  const output = action.output.parse(await action.run(input, context(key))) as never
  say(action.action, short(output))
  try {
    const after = await live.outside?.(v)
    expect(!live.outside || after !== before, 'the write cannot be seen outside')
    if (action.reconcile) {
      const found = (await action.reconcile(input, context(key))) as Reconciled<unknown>
      say('looked for, it is', `found: ${found.found}`)
      expect(found.found !== 'no', 'the write is said not to be there')
    }
  } finally {
    // Also where it is not as it should be: it is somebody's real account.
    await action.undo?.(input, output, context(`${key}:undo`))
  }
  if (!action.undo) return say('taken back', 'not: it cannot be')
  expect(!live.outside || (await live.outside(v)) === before, 'the undo cannot be seen outside')
  say('taken back', live.outside ? 'yes: outside it is as before' : 'yes')
}

function actionOf(connector: Connector, use: Use): { action: AnyAction; input: never } {
  const action = connector.actions.find((a) => a.action === use.action)
  if (!action) throw new Error(`${connector.name} has no action ${use.action}.`)
  return { action, input: action.input.parse(use.input) as never }
}

function contextOf(connection: unknown, key: string): ActionContext {
  const signal = AbortSignal.timeout(120_000)
  return { key, token: 1, laneToken: null, proposedAt: Date.now(), connection, signal }
}

function expect(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(`${otherwise}.`)
}

function say(what: string, result: string): void {
  console.log(`  ${what}: ${result}`)
}

function short(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > 200 ? `${text.slice(0, 200)} ...` : text
}
