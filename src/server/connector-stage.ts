import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import type { ActionContext, AnyAction, Connector } from '../execution/action.ts'
import type { EffectRow } from '../execution/events.ts'
import { FakeClock } from '../lib/clock.ts'
import type { Json } from '../lib/json.ts'
import { workflow } from '../orchestration/workflow.ts'
import { sql } from '../store/index.ts'
import { company } from './company.ts'
import { openCompany, type OpenCompany } from './open.ts'
import { operate } from './operations.ts'
import type { QueueItem } from './views/queue.ts'
import { wholeQueue } from './views/whole-queue.ts'

/** The secret that every connector of the suite is set up with, with characters that URLs and base64 change. */
const SECRET = 'canary+7f3a/b29c=5d'
/** Longer than all tries of an effect take, and than what an undo waits for. */
const LATER_MS = 15 * 60_000
const allEffects = sql('select * from effect order by proposed_seq')

/** Every way in which the secret could be written down. Base64 in each of its three alignments, without its ends. */
const FORMS = [
  SECRET,
  encodeURIComponent(SECRET),
  Buffer.from(SECRET).toString('hex'),
  ...[0, 1, 2].map((offset) => {
    const text = Buffer.from('x'.repeat(offset) + SECRET).toString('base64')
    return text.slice(offset === 0 ? 0 : offset + 1, -6)
  }),
]

/** What one test of a connector plays on: a folder, the connector, companies that use it, and all that was seen. */
export class Stage {
  readonly folder: string
  readonly secret = SECRET
  readonly #seen: string[] = []
  readonly #opened: (() => Promise<void>)[] = []

  private constructor(folder: string) {
    this.folder = folder
  }

  static async set(): Promise<Stage> {
    const stage = new Stage(await mkdtemp(join(tmpdir(), 'factotum-connector-')))
    await mkdir(stage.#data, { mode: 0o700 })
    return stage
  }

  get #data(): string {
    return join(this.folder, 'data')
  }

  /** Remembers something that an operator, a log or a record could show. */
  saw(thing: unknown): void {
    this.#seen.push(inspect(thing, { depth: 20, maxStringLength: null, maxArrayLength: null }))
  }

  /** What `call` throws, or null where it throws nothing. */
  async failure(call: () => Promise<unknown>): Promise<unknown> {
    try {
      this.saw(await call())
      return null
    } catch (error) {
      this.saw(error)
      return error
    }
  }

  /** Opens the connector for calls past the dispatcher, and answers with what its actions are given. */
  async open(connector: Connector): Promise<(key: string, signal?: AbortSignal) => ActionContext> {
    const connection = await connector.open({ dataFolder: this.#data })
    this.#opened.push(async () => {
      this.saw([connector.describe(connection), connector.target, connector.limits])
      await connector.close(connection)
    })
    return (key, signal = new AbortController().signal) => ({
      key,
      token: 1,
      laneToken: null,
      proposedAt: Date.UTC(2026, 10, 2, 9),
      connection,
      signal,
    })
  }

  /** A company that uses the connector. A second one takes over the folder of the first, as the next process does. */
  async company(connector: Connector, action: string, earlier?: Played): Promise<Played> {
    const clock = earlier?.clock ?? new FakeClock()
    const errors: unknown[] = []
    const open = await openCompany({
      folder: this.folder,
      company: company({ name: 'Conformance', connectors: [connector], workflows: workflowsFor(connector, action) }),
      url: join(this.#data, 'company.db'),
      clock,
      onError: (error) => errors.push(error),
    })
    this.#opened.push(async () => {
      this.saw(open.describeConnectors())
      await open.close()
    })
    await open.start()
    return new Played(this, open, clock, errors)
  }

  /** Lets go of everything that was opened, newest first. Answers with where the secret stands, which must be nowhere. */
  async closed(): Promise<readonly string[]> {
    for (const close of this.#opened.splice(0).toReversed()) await close()
    const found = this.#seen.filter((text) => FORMS.some((form) => text.includes(form)))
    const files = await readdir(this.#data, { recursive: true, withFileTypes: true })
    for (const file of files.filter((entry) => entry.isFile())) {
      const path = join(file.parentPath, file.name)
      const bytes = await readFile(path)
      if (FORMS.some((form) => bytes.includes(form))) found.push(`the file ${path}`)
    }
    return found
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#opened.splice(0).toReversed()) await close()
    await rm(this.folder, { recursive: true, force: true })
  }
}

/** The two workflows of the suite: one write, and one write that is taken back a minute later. */
function workflowsFor(connector: Connector, name: string) {
  const found = connector.actions.find((a) => a.action === name)
  if (!found) throw new Error(`${connector.name} has no action ${name}: name one of its own in the harness.`)
  const action = found as never
  return [
    workflow('write', {}, (ctx, input) => ctx.act(action, input as never)),
    workflow('take-back', {}, async (ctx, input) => {
      await ctx.act(action, input as never)
      await ctx.sleep('1m')
      return ctx.compensate()
    }),
  ]
}

/** A company under test, with a clock that the test moves. */
export class Played {
  readonly open: OpenCompany
  readonly clock: FakeClock
  readonly #stage: Stage
  readonly #errors: unknown[]

  constructor(stage: Stage, open: OpenCompany, clock: FakeClock, errors: unknown[]) {
    this.#stage = stage
    this.open = open
    this.clock = clock
    this.#errors = errors
  }

  /** Starts a run and approves what it proposes. What was approved may be under way when this returns. */
  async approve(workflow: 'write' | 'take-back', input: Json): Promise<void> {
    await operate(this.open, 'start', { workflow, input })
    await this.idle()
    for (const gate of await this.queue()) await this.decide(gate.id, 'approve')
    const due = (await this.effect()).due_at
    if (due !== null && due > this.clock.now()) this.clock.advance(due - this.clock.now())
  }

  async decide(id: string, outcome: string): Promise<void> {
    await operate(this.open, 'decide', { id, outcome })
  }

  async queue(): Promise<readonly QueueItem[]> {
    const { items } = await wholeQueue((name, args) => operate(this.open, name, args), 1_000)
    this.#stage.saw(items)
    return items
  }

  /** Until nothing is due. Throws what went wrong while driving. */
  async idle(): Promise<void> {
    await this.open.coordinator.idle()
    if (this.#errors.length > 0) throw this.#errors[0]
  }

  /** Until nothing is due within a while. */
  async later(): Promise<void> {
    await this.idle()
    const until = this.clock.now() + LATER_MS
    for (let next = this.clock.next(); next !== undefined && next <= until; next = this.clock.next()) {
      this.clock.advance(Math.max(0, next - this.clock.now()))
      await this.idle()
    }
    this.clock.advance(until - this.clock.now())
    await this.idle()
  }

  effects(): Promise<EffectRow[]> {
    return this.open.store.read<EffectRow>(allEffects())
  }

  async effect(): Promise<EffectRow> {
    return (await this.effects())[0]!
  }

  /** Everything that the company wrote down, for the search for the secret. */
  async record(): Promise<void> {
    const { engine } = this.open.store
    for await (const rows of engine.events(0, await engine.head()))
      for (const { kind, stream, actor, body, private: hidden } of rows)
        this.#stage.saw([kind, stream, actor, body, hidden])
    this.#stage.saw(await this.effects())
    await this.queue()
  }

  /** Abandons what is under way, as a process that dies does. */
  async die(): Promise<void> {
    await this.open.coordinator.stop(1)
    await this.open.close()
  }
}

/** The connector with one action changed: to lose an answer, or to wait less. */
export function changed(
  connector: Connector,
  name: string,
  change: (action: AnyAction) => Partial<AnyAction>,
): Connector {
  return { ...connector, actions: connector.actions.map((a) => (a.action === name ? { ...a, ...change(a) } : a)) }
}
