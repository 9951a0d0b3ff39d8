/** What tests import: a company in a temporary folder, a clock that stands still, the conformance suites. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AnySignalKind, Trust } from './context/signals.ts'
import type { Connector } from './execution/action.ts'
import type { EffectRow } from './execution/events.ts'
import { sendSignal } from './input/receive.ts'
import { FakeClock } from './lib/clock.ts'
import { milliseconds, type Duration } from './lib/durations.ts'
import type { Json } from './lib/json.ts'
import type { RunRow } from './orchestration/events.ts'
import { getRun } from './orchestration/operator.ts'
import { checkRunInput, start } from './orchestration/starting.ts'
import type { AnyWorkflow } from './orchestration/workflow.ts'
import { company as declare, type CompanyOptions } from './server/company.ts'
import { openCompany, type OpenCompany, type OpenOptions } from './server/open.ts'
import { operate, type Args, type Item, type ListName, type OperationName, type Result } from './server/operations.ts'
import type { QueueItem } from './server/views/queue.ts'
import { wholeQueue } from './server/views/whole-queue.ts'
import { sql } from './store/index.ts'

export { FakeClock } from './lib/clock.ts'
export { connectorConformance } from './server/connector-conformance.ts'
export { scriptedModel } from './orchestration/agents/scripted.ts'
export { storeConformance } from './store/conformance.ts'

export interface TestCompanyOptions {
  readonly workflows?: readonly AnyWorkflow[]
  readonly connectors?: readonly Connector[]
  readonly entities?: NonNullable<CompanyOptions['entities']>
  readonly agents?: NonNullable<CompanyOptions['agents']>
  readonly models?: NonNullable<CompanyOptions['models']>
  readonly encoder?: NonNullable<CompanyOptions['encoder']>
  readonly clock?: FakeClock
  readonly zone?: string
  readonly budgets?: NonNullable<CompanyOptions['budgets']>
  readonly attention?: NonNullable<CompanyOptions['attention']>
  readonly snapshots?: NonNullable<CompanyOptions['snapshots']>
  /** `postgres://…`, to test on PostgreSQL; default: SQLite in the temporary folder. */
  readonly url?: string
  /** Keep using the folder of an earlier one. */
  readonly folder?: string
  readonly wrapEngine?: OpenOptions['wrapEngine']
  readonly pushToLoopback?: boolean
  /** Hears of drives that failed and are tried again. Default: the test fails at the next `idle`. */
  readonly onError?: (error: unknown, id: string) => void
}

const effects = sql('select * from effect order by proposed_seq')

/** A started company on a clock of its own. */
export class TestCompany {
  readonly clock: FakeClock
  readonly folder: string
  readonly open: OpenCompany
  readonly #errors: unknown[]

  constructor(open: OpenCompany, clock: FakeClock, errors: unknown[]) {
    this.open = open
    this.clock = clock
    this.folder = open.folder
    this.#errors = errors
  }

  /** Until nothing is due. Throws what went wrong while driving. */
  async idle(): Promise<void> {
    await this.open.coordinator.idle()
    if (this.#errors.length > 0) throw this.#errors[0]
  }

  /** Moves the clock, stopping at every alarm on the way to let what is due happen. */
  async advance(by: Duration): Promise<void> {
    await this.idle()
    const until = this.clock.now() + milliseconds(by)
    for (;;) {
      const next = this.clock.next()
      if (next === undefined || next > until) break
      this.clock.advance(Math.max(0, next - this.clock.now()))
      await this.idle()
    }
    this.clock.advance(until - this.clock.now())
    await this.idle()
  }

  /** Starts a run by hand and goes on until nothing is due. Answers its id. */
  async run<I>(
    workflow: AnyWorkflow & { readonly body: (ctx: never, input: I) => unknown },
    input: NoInfer<I>,
  ): Promise<string> {
    const { store } = this.open
    const checked = checkRunInput(workflow, input)
    const started = start(store, {
      workflow,
      input: checked,
      lane: workflow.lane ? workflow.lane(checked as never) : null,
      actor: 'operator',
    })
    await store.commit({ key: `start:${started.id}`, events: [started.event] })
    await this.idle()
    return started.id
  }

  /** Sends a signal and goes on until nothing is due. */
  async send(
    kind: AnySignalKind,
    payload: unknown,
    options: { readonly id?: string; readonly trust?: Trust } = {},
  ): Promise<void> {
    await sendSignal(this.open.store, 'test', kind, payload, options)
    await this.idle()
  }

  /** Takes in files as "factotum ingest" does, and goes on until nothing is due. */
  async ingest(path: string | URL): Promise<void> {
    await this.open.ingest(typeof path === 'string' ? path : fileURLToPath(path))
    await this.idle()
  }

  row(run: string): Promise<RunRow> {
    return getRun(this.open.store, run)
  }

  /** What a run that is done returned. */
  async result(run: string): Promise<Json> {
    const row = await this.row(run)
    if (row.state !== 'done') throw new Error(`Run ${run} is ${row.state}${row.error ? `: ${row.error}` : ''}`)
    return JSON.parse(row.result ?? 'null') as Json
  }

  /** What waits, each gate whole, the oldest first. */
  async queue(): Promise<readonly QueueItem[]> {
    const { items } = await wholeQueue((name, args) => operate(this.open, name, args), 1_000)
    return items.toSorted((a, b) => a.openedAt - b.openedAt || (a.id < b.id ? -1 : 1))
  }

  effects(): Promise<EffectRow[]> {
    return this.open.store.read<EffectRow>(effects())
  }

  /** Decides the only open gate (or the one named) and goes on until nothing is due. */
  async decide(
    outcome: string,
    options: { readonly gate?: string; readonly reason?: string; readonly value?: Json } = {},
  ): Promise<void> {
    const open = await this.queue()
    const id = options.gate ?? open[0]?.id
    if (id === undefined || (options.gate === undefined && open.length > 1))
      throw new Error(`${open.length} gates are open; name the one to decide`)
    await this.ask('decide', {
      id,
      outcome,
      ...(options.reason === undefined ? {} : { reason: options.reason }),
      ...(options.value === undefined ? {} : { value: options.value }),
    })
    await this.idle()
  }

  ask<N extends OperationName>(name: N, args: Args<N>): Promise<Result<N>> {
    return operate(this.open, name, args) as Promise<Result<N>>
  }

  /** The first page of a list. */
  async list<N extends ListName>(name: N, args: Args<N>): Promise<readonly Item<N>[]> {
    return ((await this.ask(name, args)) as { readonly items: readonly Item<N>[] }).items
  }

  /** What must hold after anything: the ledger verifies, and every projection rebuilds identically, the index says what was said. */
  async check(): Promise<void> {
    const verified = await this.ask('verify', {})
    if (!verified.ok) throw new Error(verified.problems.map((p) => p.message).join('\n'))
    const doctor = await this.ask('doctor', {})
    if (!doctor.identical) throw new Error(doctor.difference ?? 'different')
    const [fault] = doctor.index.faults
    if (fault) throw new Error(`the index: ${fault.what} ${fault.count}, ${fault.example}`)
  }

  /** Lets go and leaves the folder, to be opened again. */
  close(): Promise<void> {
    return this.open.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.open.close()
    await rm(this.folder, { recursive: true, force: true })
  }
}

/**
 * Opens and starts a company for a test:
 *
 *     await using company = await testCompany({ workflows: [answerMail] })
 */
export async function testCompany(options: TestCompanyOptions = {}): Promise<TestCompany> {
  const clock = options.clock ?? new FakeClock()
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'factotum-')))
  const errors: unknown[] = []
  const open = await openCompany({
    folder,
    company: declare({
      name: 'Test',
      workflows: options.workflows ?? [],
      connectors: options.connectors ?? [],
      entities: options.entities ?? [],
      agents: options.agents ?? [],
      models: options.models ?? {},
      ...(options.encoder === undefined ? {} : { encoder: options.encoder }),
      zone: options.zone ?? 'UTC',
      budgets: options.budgets ?? [],
      attention: options.attention ?? {},
      snapshots: options.snapshots ?? {},
    }),
    url: options.url ?? join(folder, 'company.db'),
    clock,
    onError: options.onError ?? ((error) => errors.push(error)),
    ...(options.wrapEngine ? { wrapEngine: options.wrapEngine } : {}),
    ...(options.pushToLoopback ? { pushToLoopback: true } : {}),
  })
  await open.start()
  return new TestCompany(open, clock, errors)
}
