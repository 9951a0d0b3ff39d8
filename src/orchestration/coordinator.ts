import { actingAlone } from '../lib/caller.ts'
import { EPHEMERAL_TABLES, sweepExpired } from '../context/ephemeral.ts'
import { REQUEST_TABLES, sweepRequests } from '../context/requests.ts'
import { signalById, type SignalRow } from '../context/signals.ts'
import { FactotumError, errorMessage } from '../lib/errors.ts'
import { newId } from '../lib/ids.ts'
import {
  ConflictError,
  sql,
  StoreError,
  work,
  type Bound,
  type EventRow,
  type Fence,
  type Store,
} from '../store/index.ts'
import type { Execution } from '../execution/execution.ts'
import { setTimeout as pause } from 'node:timers/promises'
import type { Agents } from './agents/registry.ts'
import { makeContext } from './context.ts'
import { Driver } from './driver.ts'
import { recordEnd, stop } from './ending.ts'
import { runWithInbox, type RunRow } from './events.ts'
import { readHistory } from './history.ts'
import { fireSchedule, syncSchedules } from './schedules.ts'
import { admit, admitAfter, partiesOfStart } from './starting.ts'
import { Turns } from './turns.ts'
import type { BuiltIn } from './planner/planner.ts'
import type { AnyWorkflow } from './workflow.ts'
import { compensate } from './verbs/effects.ts'
import { wordOf } from './verbs/services.ts'

export interface CoordinatorOptions {
  readonly store: Store
  readonly workflows: readonly AnyWorkflow[]
  /** Factotum's own. */
  readonly builtIn?: BuiltIn
  readonly execution: Execution
  readonly agents: Agents
  /**
   * Who moves everything else, by the beginning of its id (`eff`, `sig`): the layers on both sides of this one. What
   * they answer is when to look again at what cannot go on yet and has nothing to record about it.
   */
  readonly drivers: Readonly<Record<string, (fence: Fence) => Promise<Later | void>>>
  /** Breaks off the calls under way. */
  readonly abort?: () => void
  /** Hears of what failed while driving, and will be tried again. Default: stderr. */
  readonly onError?: (error: unknown, id: string) => void
}

/** Epoch ms. */
export type Later = { readonly at: number }

/** Runs and effects driven at the same time. More wait their turn as rows. */
const MAX_DRIVEN = 1_000
const LEASE_MS = 30_000
const SWEEP_MS = 10_000
const RETRY_MS = 1_000
const SETTLING_MS = 100
/** Expired values that one sweep deletes; where there are more, the next comes at once. */
const MAX_SWEPT = 1_000
/** How often a PostgreSQL table of ephemeral values is rewritten without those that were deleted. */
const SCRUB_MS = 600_000

/** Kinds that neither make anything due nor end anything: the hot path does not ring the bell. */
const QUIET = new Set([
  'step.completed@1',
  'step.failed@1',
  'wait.opened@1',
  'effect.dispatched@1',
  'decision.made@1',
  'fact.asserted@1',
  'entity.created@1',
])

/** What may let a queued run in, or is one. */
const STARTS_OR_ENDS = new Set(['run.started@1', 'run.completed@1', 'run.cancelled@1'])

/** Leases of what can never be driven again. What may be revived keeps its row: epochs only grow. */
const pruneLeases = sql(
  `delete from lease where until = 0 and id not like 'sch%'
   and not exists (select 1 from work where work.id = lease.id)
   and not exists (select 1 from run where run.id = lease.id and run.ended_at is null)
   and not exists (select 1 from effect where effect.id = lease.id and effect.settled_at is null)`,
)

/** Kept out of `work`: whether anything still waits for its lane. */
const anyQueued = sql(`select 1 as ok from run where state = 'queued' limit 1`)

/**
 * Looks for what is due, takes a lease on it and drives it. It holds no truth: kill the process anywhere, and the
 * next one finds the same rows.
 */
export class Coordinator {
  readonly workflows: ReadonlyMap<string, AnyWorkflow>
  readonly #store: Store
  readonly #options: CoordinatorOptions
  readonly #turns = new Turns()
  readonly #holder: string
  readonly #driven = new Map<string, Driver | null>()
  readonly #idle: (() => void)[] = []
  /** What was put off here, and until when. */
  readonly #later = new Map<string, number>()
  readonly #released: Bound[] = []
  #releasing: Promise<void> | null = null
  /** Look through all that is queued: at the start, and when another process may have made room. */
  #queued = true
  /** Runs that started or ended since the last look. */
  #moved = new Set<string>()
  /** When the files were last rid of what had been deleted. */
  #scrubbed = 0
  #rung = false
  #ticking = false
  #again = false
  #stopped = false
  #cancelAlarm: (() => void) | null = null
  #cancelSweep: (() => void) | null = null
  #forget: (() => void) | null = null

  constructor(options: CoordinatorOptions) {
    this.#options = options
    this.#store = options.store
    this.#holder = newId('proc', Date.now())
    const own = options.builtIn ? [options.builtIn] : []
    const workflows: readonly AnyWorkflow[] = [...options.workflows, ...own]
    this.workflows = new Map(workflows.map((w) => [w.workflow, w]))
    if (this.workflows.size < workflows.length) {
      throw new FactotumError(
        'company.duplicate_workflow',
        'Two workflows have the same name. Names are how runs find their code: rename one.',
      )
    }
  }

  async start(): Promise<void> {
    await this.#store.write([pruneLeases()])
    await syncSchedules(this.#store, this.workflows)
    this.#forget = this.#store.onCommit((rows) => this.#committed(rows))
    this.#store.engine.onBell(() => {
      this.#queued = true
      for (const driver of this.#driven.values()) driver?.bell()
      this.ring()
    })
    this.#sweep()
  }

  get hasPutOff(): boolean {
    return this.#later.size > 0
  }

  /** Look for work soon. */
  ring(): void {
    if (this.#rung || this.#stopped) return
    this.#rung = true
    setImmediate(() => {
      this.#rung = false
      void actingAlone(() => this.#tick())
    })
  }

  /** Resolves when nothing is due and nothing is driven. What waits for a time or a person does not count. */
  async idle(): Promise<void> {
    for (;;) {
      if (this.#driven.size > 0 || this.#rung || this.#ticking) {
        await new Promise<void>((resolve) => this.#idle.push(resolve))
        continue
      }
      const now = this.#store.clock.now()
      const due = await this.#store.first<{ n: number }>(work.dueNow(now, now))
      if (Number(due?.n) === 0 && !this.#rung && this.#driven.size === 0) return
      this.ring()
      await new Promise<void>((resolve) => this.#idle.push(resolve))
    }
  }

  /**
   * Idle, and nothing that is due is held by somebody else: a process that was killed holds its leases until they run
   * out, and what failed is tried again after a moment. Gives up waiting for what somebody keeps driving.
   */
  async settled(): Promise<void> {
    const until = this.#store.clock.now() + 2 * LEASE_MS
    for (;;) {
      await this.idle()
      const now = this.#store.clock.now()
      const due = await this.#store.first<{ n: number }>(work.allDue(now, now))
      if (Number(due?.n) === 0 || now >= until) return
      await pause(SETTLING_MS)
    }
  }

  /**
   * Lets go of everything. Calls that are out in the world get `grace_ms` to come back, for an answer that is lost is a
   * question to the operator; runs go on from their record when somebody takes them up.
   */
  async stop(grace_ms = 0): Promise<void> {
    this.#stopped = true
    this.#forget?.()
    this.#cancelAlarm?.()
    this.#cancelSweep?.()
    const until = Date.now() + grace_ms
    while (Date.now() < until && [...this.#driven.keys()].some((id) => id.startsWith('eff_'))) await pause(10)
    this.#options.abort?.()
    const error = new StoreError('store.closed', 'The coordinator stopped.')
    for (const driver of this.#driven.values()) driver?.release(error)
    while (this.#driven.size > 0 || this.#ticking) await new Promise<void>((resolve) => this.#idle.push(resolve))
    await this.#store.write([work.releaseAll(this.#holder)])
  }

  #committed(rows: readonly EventRow[]): void {
    let loud = false
    for (const row of rows) {
      if (QUIET.has(row.kind)) continue
      loud = true
      if (row.kind === 'wait.resolved@1') this.#driven.get(row.stream)?.bell()
      else if (STARTS_OR_ENDS.has(row.kind)) this.#moved.add(row.stream)
      if (row.kind === 'run.resumed@1' || row.kind === 'run.cancelled@1')
        this.#driven.get(row.stream)?.release(new StoreError('store.fenced', 'The operator took it over.'))
    }
    if (loud) this.ring()
  }

  async #tick(): Promise<void> {
    if (this.#stopped) return
    if (this.#ticking) {
      this.#again = true
      return
    }
    this.#ticking = true
    try {
      await this.#admit()
      const now = this.#store.clock.now()
      const free = MAX_DRIVEN - this.#driven.size
      const claimed =
        free <= 0 ? [] : (await this.#store.write([work.claim(this.#holder, now, now + LEASE_MS, free)]))[0]!
      for (const row of claimed as unknown as { id: string; epoch: number }[]) void this.#drive(row)
      if (claimed.length === free && free > 0) this.ring()
      // With no hands free, whoever is done rings.
      else if (free > 0) await this.#setAlarm(now)
    } catch (error) {
      this.report(error, 'coordinator')
      this.#alarmAt(this.#store.clock.now() + RETRY_MS)
    } finally {
      this.#ticking = false
      // A bell that rang meanwhile may be for something that this tick no longer saw.
      if (this.#again) this.ring()
      this.#again = false
      this.#wakeIdle()
    }
  }

  async #admit(): Promise<void> {
    const moved = [...this.#moved]
    this.#moved.clear()
    if (this.#queued) {
      this.#queued = false
      if ((await this.#store.first(anyQueued())) && (await admit(this.#store, this.workflows))) this.#queued = true
    } else if (moved.length > 0 && (await admitAfter(this.#store, this.workflows, moved))) this.#queued = true
  }

  async #setAlarm(now: number): Promise<void> {
    const next = (await this.#store.first<{ at: number | null }>(work.nextDue(now)))?.at ?? null
    if (next !== null) this.#alarmAt(next)
  }

  #alarmAt(at: number): void {
    this.#cancelAlarm?.()
    this.#cancelAlarm = this.#store.clock.alarm(at, () => this.ring())
  }

  /** What no bell told of: leases of the dead, other processes, expired values. And renews our own leases. */
  #sweep(): void {
    if (this.#stopped) return
    const now = this.#store.clock.now()
    for (const [id, at] of this.#later) if (at < now) this.#later.delete(id)
    const renew = [...this.#driven.keys()].map((id) => work.renewLease(now + LEASE_MS, id, this.#holder))
    this.#store
      .write([...renew, sweepExpired(now, MAX_SWEPT), sweepRequests(now, MAX_SWEPT)])
      .then((rows) => this.#scrub(now, rows.at(-2)!.length, rows.at(-1)!.length))
      .catch((error: unknown) => void (this.#stopped || this.report(error, 'sweep')))
    if (this.#store.engine.dialect === 'postgres') this.#queued = true
    this.ring()
    this.#cancelSweep = this.#store.clock.alarm(now + SWEEP_MS, () => this.#sweep(), 'upkeep')
  }

  /** Deletes what more has expired, then takes all that was deleted out of the files. */
  async #scrub(now: number, values: number, requests: number): Promise<void> {
    const answersWent = requests > 0
    while (Math.max(values, requests) === MAX_SWEPT && !this.#stopped) {
      const gone = await this.#store.write([sweepExpired(now, MAX_SWEPT), sweepRequests(now, MAX_SWEPT)])
      ;[values, requests] = [gone[0]!.length, gone[1]!.length]
    }
    const { engine } = this.#store
    const onPostgres = engine.dialect === 'postgres'
    if (this.#stopped || (onPostgres && now < this.#scrubbed + SCRUB_MS)) return
    // A day's answers are not moved for nothing: PostgreSQL tells by itself which table lost rows.
    const tables = answersWent || onPostgres ? [...EPHEMERAL_TABLES, ...REQUEST_TABLES] : EPHEMERAL_TABLES
    if (await engine.scrub(tables)) this.#scrubbed = now
  }

  async #drive(fence: Fence): Promise<void> {
    const { id } = fence
    this.#driven.set(id, null)
    this.#later.delete(id)
    try {
      const kind = id.slice(0, id.indexOf('_'))
      if (kind === 'run') await this.#driveRun(fence)
      else if (kind === 'sch') await fireSchedule(this.#store, this.workflows, fence)
      else {
        const driver = this.#options.drivers[kind]
        if (!driver) throw new FactotumError('work.unknown', `Nothing here drives ${id}. Update Factotum.`)
        const later = await driver(fence)
        if (later) return await this.#putOff(fence, later.at)
      }
      if (kind !== 'run') await this.#letGo(fence)
    } catch (error) {
      // A conflict or a fence means that somebody else was first, which is how it should be.
      const expected =
        error instanceof ConflictError ||
        (error instanceof StoreError && error.code === 'store.fenced') ||
        this.#stopped
      if (!expected) {
        this.report(error, id)
        this.#store.clock.alarm(this.#store.clock.now() + RETRY_MS, () => void this.#letGo(fence).catch(() => {}))
      } else await this.#letGo(fence).catch(() => {})
    } finally {
      this.#driven.delete(id)
      this.#wakeIdle()
    }
  }

  async #putOff(fence: Fence, at: number): Promise<void> {
    this.#later.set(fence.id, at)
    await this.#store.write([work.putOff(at, fence.id, fence.epoch)])
    this.#store.clock.alarm(at, () => this.ring())
  }

  /** Leases that end in one turn of the event loop are let go in one transaction. */
  #letGo(fence: Fence): Promise<void> {
    this.#released.push(work.releaseLease(fence.id, fence.epoch))
    this.#releasing ??= new Promise((resolve) => setImmediate(resolve)).then(async () => {
      this.#releasing = null
      // When this fails the leases run out by themselves: nobody renews what nobody drives.
      await this.#store.write(this.#released.splice(0))
      if (!this.#stopped) this.ring()
    })
    return this.#releasing
  }

  async #driveRun(fence: Fence): Promise<void> {
    const run = await this.#store.first<RunRow & { readonly inbox: number }>(runWithInbox(fence.id))
    if (!run) return
    const workflow = this.workflows.get(run.workflow)
    const driver = new Driver(this.#store, this.#turns, run, fence, run.inbox)
    // What a run did can be taken back whatever became of its code.
    const compensating = run.generation > 0 && (await readHistory(this.#store, run.id)).compensate
    const park = (code: string, message: string) =>
      stop(this.#store, run, fence, run.started_seq, 'parked', code, null, message)
    if (!workflow && !compensating)
      return park('run.workflow_missing', `This company has no workflow "${run.workflow}".`)
    if (workflow && workflow.version !== run.version && !compensating) {
      return park(
        'run.version',
        `It was started under version ${run.version} of "${run.workflow}"; the code is version ${workflow.version}.`,
      )
    }
    this.#driven.set(run.id, driver)
    const signal = run.signal === null ? undefined : await this.#store.first<SignalRow>(signalById(run.signal))
    const services = {
      store: this.#store,
      driver,
      execution: this.#options.execution,
      agents: this.#options.agents,
      trust: run.trust,
      parties: await partiesOfStart(this.#store, run),
      seen: {
        signals: run.signal === null ? [] : [run.signal],
        facts: [],
        decisions: [],
        messages: [],
        documents: [],
        spans: [],
      },
    }
    const input: unknown = JSON.parse(run.input ?? 'null') ?? JSON.parse(signal?.payload ?? 'null')
    const end = await driver.drive(() =>
      !workflow || compensating
        ? compensate(services)
        : workflow === this.#options.builtIn
          ? this.#options.builtIn.drive(services, input)
          : workflow.body(makeContext(services), input as never),
    )
    if (end.end === 'released') throw end.error
    await recordEnd(driver, end, wordOf(services))
  }

  /** Tells of what failed and will be tried again. */
  report(error: unknown, id: string): void {
    if (this.#options.onError) this.#options.onError(error, id)
    else process.stderr.write(`factotum: ${id}: ${errorMessage(error)}\n`)
  }

  #wakeIdle(): void {
    for (const wake of this.#idle.splice(0)) wake()
  }
}
