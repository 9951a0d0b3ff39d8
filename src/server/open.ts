import { chmod, mkdir } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Ephemeral } from '../context/ephemeral.ts'
import { Facts } from '../context/facts.ts'
import type { Recall } from '../context/recall/recall.ts'
import { type AnySignalKind } from '../context/signals.ts'
import type { AnyAction, Connector, Incoming, Unreadable } from '../execution/action.ts'
import { Dispatcher } from '../execution/dispatch.ts'
import type { Execution } from '../execution/execution.ts'
import { Probes, registerContractGates } from '../execution/probes.ts'
import { registerStoppedGates } from '../execution/settlement.ts'
import { verdictOf } from '../execution/verdicts.ts'
import { registerEffectGate } from '../execution/effects.ts'
import { wakeBehind } from '../execution/events.ts'
import { conflictGate, conflictMoot, registerConflictGates } from '../governance/conflicts.ts'
import { Gates } from '../governance/gates.ts'
import { loadPolicies, NO_POLICIES, type Policies } from '../governance/policy.ts'
import { Attention } from '../governance/attention/attention.ts'
import { readHours } from '../governance/attention/hours.ts'
import { effectMeter } from '../governance/spend/effects.ts'
import { Spend } from '../governance/spend/spend.ts'
import { Sealer } from '../governance/sealer.ts'
import { Witness } from '../governance/witness.ts'
import { receive, type Reception } from '../input/receive.ts'
import { routeSignal } from '../input/route.ts'
import { systemClock, type Clock } from '../lib/clock.ts'
import { errorMessage, FactotumError } from '../lib/errors.ts'
import { agentMeter } from '../orchestration/agents/meter.ts'
import { Agents } from '../orchestration/agents/registry.ts'
import { Learner } from '../orchestration/learned/learner.ts'
import { Coordinator } from '../orchestration/coordinator.ts'
import { registerStuckGates } from '../orchestration/operator.ts'
import { registerPlanGates } from '../orchestration/planner/gate.ts'
import { planning } from '../orchestration/planner/planner.ts'
import type { Registry } from '../orchestration/planner/registry.ts'
import { registerAnswerGates } from '../orchestration/verbs/agents.ts'
import { Past, type PastCompany, type When } from './as-of.ts'
import type { Company } from './company.ts'
import { finishErasure } from './forget/cleaning.ts'
import { bringUpToDate, openStore, work, type EventRow, type Store, type StoreOptions } from '../store/index.ts'
import { ALL_EVENTS, PROJECTIONS_VERSION } from './events.ts'
import { loadKeys, type Keys } from './keys.ts'
import { Snapshots } from './snapshots/snapshots.ts'
import { Push } from './push/push.ts'
import { recallOf } from './encoding.ts'
import { policyOptions } from './views/policies.ts'
import { digestLetter } from './views/digest.ts'

export interface OpenOptions {
  /** The company's folder, absolute. */
  readonly folder: string
  readonly company: Company
  /** `postgres://…` or a file; default: DATABASE_URL, else `data/company.db`. */
  readonly url?: string
  readonly clock?: Clock
  readonly onError?: (error: unknown, id: string) => void
  /** For tests that stop the process at a chosen commit. */
  readonly wrapEngine?: StoreOptions['wrapEngine']
  /** For tests: messages may go to a push service on this machine. */
  readonly pushToLoopback?: boolean
}

/** What came of reading a source, with what of it could not be read. */
export type Ingested = Readonly<Record<Reception, number>> & { readonly unreadable: readonly Unreadable[] }

/** A company whose store is open. `start` begins to drive it; without it, it can be read and decided on. */
export class OpenCompany {
  readonly folder: string
  readonly company: Company
  readonly store: Store
  readonly keys: Keys
  readonly gates: Gates
  readonly facts: Facts
  readonly spend: Spend
  readonly attention: Attention
  recall: Recall
  readonly execution: Execution
  /** What is asked before anything leaves; `loadPolicies` reads the company's files. */
  policies: Policies = NO_POLICIES
  readonly agents: Agents
  /** What may come in, by its kind. */
  readonly signals: ReadonlyMap<string, AnySignalKind>
  readonly ephemeral: Ephemeral
  readonly coordinator: Coordinator
  readonly sealer: Sealer
  readonly witness: Witness
  /** Copies of the company as it was, kept for a while. */
  readonly past: Past
  readonly snapshots: Snapshots
  readonly push: Push
  readonly #dispatcher: Dispatcher
  readonly #probes: Probes
  readonly #connections = new Map<string, unknown>()
  #started = false
  #closed = false
  /** Whether there is something to sign at the end: a command that only looked signs nothing that it found. */
  #toSeal = false

  constructor(options: OpenOptions, store: Store, keys: Keys) {
    this.folder = options.folder
    this.company = options.company
    this.store = store
    this.keys = keys
    const actions = actionsOf(this.company.connectors)
    const { connectors, workflows } = this.company
    const kinds = [...connectors.flatMap((one) => one.signals), ...workflows.flatMap((one) => one.on)]
    this.signals = new Map(kinds.map((kind) => [kind.signal, kind]))
    this.spend = new Spend(store, this.company.budgets, this.company.zone)
    this.ephemeral = new Ephemeral(store)
    this.attention = new Attention(store, readHours(this.company.attention, this.company.zone), {
      compose: (seq) => digestLetter(this, seq),
      send: (to, subject, text, key) => this.#sendMail(to, subject, text, key),
    })
    this.recall = recallOf(store, this.company.encoder, this.spend)
    this.execution = {
      store,
      recall: this.recall,
      actions,
      connectors: new Map(this.company.connectors.map((c) => [c.name, c])),
      connection: (name) => this.#connection(name),
      verdict: async (request) =>
        verdictOf(store, this.policies, await this.attention.isAway(store.clock.now()), request),
      policyVersion: () => this.policies.version,
      meter: effectMeter(this.spend),
    }
    this.#dispatcher = new Dispatcher(this.execution)
    this.#probes = new Probes(this.execution)
    this.agents = new Agents({
      execution: this.execution,
      agents: this.company.agents,
      models: this.company.models,
      meter: agentMeter(this.spend),
      classifier: () => new Learner(),
    })
    const registry: Registry = {
      actions,
      workflows: new Map(this.company.workflows.filter((w) => w.input).map((w) => [w.workflow, w])),
      agents: new Map(this.company.agents.map((a) => [a.agent, a])),
      zone: this.company.zone,
    }
    this.coordinator = new Coordinator({
      store,
      workflows: this.company.workflows,
      builtIn: planning(registry),
      execution: this.execution,
      agents: this.agents,
      drivers: {
        eff: (fence) => this.#dispatcher.drive(fence),
        prb: (fence) => this.#probes.drive(fence),
        sig: (fence) => routeSignal(store, this.coordinator.workflows, this.signals, fence),
        use: (fence) => this.spend.drive(fence),
        dig: (fence) => this.attention.drive(fence),
        era: (fence) => finishErasure(this, fence.id),
        snp: (fence) => this.snapshots.drive(fence),
      },
      abort: () => {
        this.#dispatcher.stop()
        this.agents.stop()
      },
      ...(options.onError ? { onError: options.onError } : {}),
    })
    this.facts = new Facts(store, this.company.entities, { open: conflictGate, close: conflictMoot })
    this.gates = new Gates(store)
    registerEffectGate(this.execution, this.gates)
    registerStoppedGates(this.execution, this.gates)
    registerContractGates(this.gates)
    registerAnswerGates(store, this.gates, this.agents)
    registerConflictGates(store, this.gates)
    registerPlanGates(store, this.gates, registry)
    registerStuckGates(store, this.gates, this.coordinator.workflows)
    this.past = new Past(store, this.company.zone, (then) => {
      const company = new OpenCompany(options, then, keys)
      company.policies = this.policies
      company.recall = this.recall.asOf(then)
      return company
    })
    this.snapshots = new Snapshots(this)
    this.push = new Push({
      store,
      attention: this.attention,
      key: keys.push,
      loopback: options.pushToLoopback ?? false,
      report: (error) => this.coordinator.report(error, 'notifications'),
    })
    this.witness = new Witness(this.company.witness, store.clock, keys.signer.verifier.name, (to, subject, text) =>
      this.#sendMail(to, subject, text),
    )
    this.sealer = new Sealer(store, keys.signer, (sealed) => {
      // A command that opens the company for a moment leaves the copying to the process that drives it.
      if (this.#started) this.witness.sealed(sealed)
    })
    store.onCommit((rows) => {
      this.#toSeal = true
      if (this.#started && this.coordinator.hasPutOff) this.#lookAgain(rows)
    })
  }

  /** Reads the company's policies anew. Throws `policy.invalid`, and then those that held before hold on. */
  async loadPolicies(): Promise<void> {
    this.policies = await loadPolicies(this.folder, policyOptions(this.company))
  }

  get started(): boolean {
    return this.#started
  }

  async start(): Promise<void> {
    for (const connector of this.company.connectors) {
      this.#connections.set(connector.name, await connector.open({ dataFolder: join(this.folder, 'data') }))
    }
    this.#toSeal = true
    this.sealer.start()
    await this.#dispatcher.start()
    await this.#probes.start()
    await this.attention.sync()
    await this.snapshots.sync()
    await this.coordinator.start()
    this.recall.start((error) => this.coordinator.report(error, 'the index of passages'))
    await this.push.start()
    this.#started = true
  }

  /**
   * Takes in everything at `path` that a connector understands. Throws where the path cannot be read, and
   * `ingest.unreadable` where something below it could not, when everything else is in.
   */
  async ingest(path: string): Promise<Record<Reception, number>> {
    const source = this.company.connectors.find((c) => c.ingest)
    if (!source?.ingest)
      throw new FactotumError(
        'ingest.no_connector',
        'This company has no connector that reads files. Add one to company.ts, such as mail.outbox({ from: "you@example.org" }).',
      )
    const { unreadable, ...counts } = await this.#takeIn(source, source.ingest.read(this.#pathOf(path)))
    if (unreadable.length > 0)
      throw new FactotumError(
        'ingest.unreadable',
        `${unreadable.length} could not be read, and everything else is in (${counts.new} new, ${counts.duplicate} known already, ${counts.quarantined} set aside): ${unreadable
          .slice(0, MAX_NAMED)
          .map((u) => u.unreadable)
          .join(' ')}`,
      )
    return counts
  }

  /** Reads the inboxes that connectors watch. One that cannot be read is told of and keeps nothing else from going on. */
  async readInboxes(): Promise<Ingested> {
    const total = { new: 0, duplicate: 0, quarantined: 0 }
    const unreadable: Unreadable[] = []
    for (const connector of this.company.connectors) {
      if (connector.inbox === undefined || !connector.ingest) continue
      const path = this.#pathOf(connector.inbox)
      const taken = await this.#takeIn(connector, withFailure(path, connector.ingest.read(path)))
      for (const key of Object.keys(total) as Reception[]) total[key] += taken[key]
      unreadable.push(...taken.unreadable)
    }
    return { ...total, unreadable }
  }

  #pathOf(path: string): string {
    return isAbsolute(path) ? path : resolve(this.folder, path)
  }

  /** Ends only when everything that was begun is durable or refused; throws the first failure then. */
  async #takeIn(source: Connector, items: AsyncIterable<Incoming | Unreadable>): Promise<Ingested> {
    const counts = { new: 0, duplicate: 0, quarantined: 0 }
    const unreadable: Unreadable[] = []
    const failures: unknown[] = []
    const pending = new Set<Promise<void>>()
    let bytes = 0
    try {
      for await (const item of items) {
        if ('unreadable' in item) {
          unreadable.push(item)
          continue
        }
        const size = item.attachments.reduce((sum, a) => sum + a.length, item.raw.length)
        const one = receive(this.store, source.name, source.ingest!.kind, item)
          .then(
            (reception) => void counts[reception]++,
            (error: unknown) => void failures.push(error),
          )
          .finally(() => {
            pending.delete(one)
            bytes -= size
          })
        pending.add(one)
        bytes += size
        // Many at a time share an fsync; a bound keeps a folder of any size from filling the memory.
        while (pending.size >= MAX_INGESTING || bytes > MAX_INGESTING_BYTES) await Promise.race(pending)
        if (failures.length > 0) break
      }
    } finally {
      await Promise.all(pending)
    }
    if (failures.length > 0) throw failures[0]
    return { ...counts, unreadable }
  }

  /** The company as it was, for reading: see `Past.at`. */
  asOf(when: When): Promise<PastCompany> {
    return this.past.at(when)
  }

  describeConnectors(): { name: string; to: string }[] {
    return this.company.connectors.map((c) => ({
      name: c.name,
      to: this.#connections.has(c.name) ? c.describe(this.#connections.get(c.name)) : 'not open',
    }))
  }

  /** Lets go of everything, also after a start that failed; what was committed here is signed. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await using last = new AsyncDisposableStack()
    last.defer(() => this.store.close())
    last.defer(() => this.past.close())
    for (const connector of this.company.connectors)
      if (this.#connections.has(connector.name))
        last.defer(() => connector.close(this.#connections.get(connector.name)))
    if (this.#started) await this.coordinator.stop(STOP_GRACE_MS)
    if (this.#started) await within(PUSH_GRACE_MS, this.push.stop())
    await this.recall.stop()
    if (this.#toSeal) await this.sealer.stop()
    if (this.#started) await within(WITNESS_GRACE_MS, this.witness.flush())
    this.#started = false
  }

  #connection(name: string): unknown {
    if (!this.#connections.has(name))
      throw new FactotumError('connector.not_open', `The connector "${name}" is not open.`)
    return this.#connections.get(name)
  }

  /** Effects that were put off are looked at now: those behind one that ended, and all when a service changed its state. */
  #lookAgain(rows: readonly EventRow[]): void {
    const wakes = rows.flatMap((row) =>
      row.kind === 'effect.settled@1'
        ? [wakeBehind(row.stream, row.stream)]
        : row.kind === 'service.state@1'
          ? [work.lookAgain()]
          : [],
    )
    if (wakes.length === 0) return
    this.store.write(wakes).then(
      () => this.coordinator.ring(),
      () => {},
    )
  }

  /**
   * The one call to an action that is no effect, with no verdict, gate or record of its own: a checkpoint is the record
   * itself, holds nothing that anyone decides, and goes where `company.ts` says. As an effect it would be an event that
   * makes the next checkpoint necessary. The digest goes the same way, for reasons of its own: see `Attention`.
   */
  async #sendMail(to: string, subject: string, body: string, key = subject): Promise<void> {
    const send = actionsOf(this.company.connectors).get('mail.send')
    if (!send)
      throw new FactotumError(
        'company.no_mail',
        'Checkpoints and digests cannot be mailed: this company has no mail connector. Add one to company.ts.',
      )
    const now = this.store.clock.now()
    await send.run({ to, subject, body } as never, {
      key,
      token: 1,
      laneToken: null,
      proposedAt: now,
      connection: this.#connection('mail'),
      signal: AbortSignal.timeout(send.timeoutMs),
    })
  }
}

/** Of many files that cannot be read, so many are named in an error. */
const MAX_NAMED = 10
const MAX_INGESTING = 200
const MAX_INGESTING_BYTES = 32 * 1024 * 1024
/** How long a stop waits for calls under way: most mail servers answer well within it. */
const STOP_GRACE_MS = 10_000
/** And to tell devices of what came last: what is not told is told at the next start. */
const PUSH_GRACE_MS = 5_000
/** And for the last copy of a checkpoint: the next seal copies a newer one. */
const WITNESS_GRACE_MS = 10_000

async function within(ms: number, work: Promise<void>): Promise<void> {
  const over = new AbortController()
  const late = delay(ms, undefined, { signal: over.signal }).catch(() => {})
  await Promise.race([work, late]).finally(() => over.abort())
}

/** What a source throws, as the last thing that it gives. */
async function* withFailure(
  name: string,
  items: AsyncIterable<Incoming | Unreadable>,
): AsyncGenerator<Incoming | Unreadable> {
  try {
    yield* items
  } catch (error) {
    yield { name, unreadable: errorMessage(error) }
  }
}

function actionsOf(connectors: readonly Connector[]): ReadonlyMap<string, AnyAction> {
  return new Map(connectors.flatMap((c) => c.actions.map((a) => [a.action, a] as const)))
}

/** Opens a company's store and puts its parts together. Throws `store.locked` where another process has it. */
export async function openCompany(options: OpenOptions): Promise<OpenCompany> {
  const data = join(options.folder, 'data')
  // The database, its log, the mails that were sent: for nobody but the owner, also where an earlier version made it.
  await mkdir(data, { recursive: true, mode: 0o700 })
  await chmod(data, 0o700)
  const keys = await loadKeys(join(data, 'keys'), ledgerName(options.company.name))
  const store = await openStore({
    url: options.url ?? process.env.DATABASE_URL ?? join(data, 'company.db'),
    secret: keys.secret,
    clock: options.clock ?? systemClock,
    ...(options.wrapEngine ? { wrapEngine: options.wrapEngine } : {}),
  })
  const company = new OpenCompany(options, store, keys)
  try {
    await bringUpToDate(store, ALL_EVENTS, PROJECTIONS_VERSION, (events) => {
      process.stderr.write(`factotum: the tables are of an older version and are rebuilt from ${events} events\n`)
    })
    await company.loadPolicies()
  } catch (error) {
    await company.close()
    throw error
  }
  return company
}

/** A name without spaces or plus signs, as signed notes want it. */
function ledgerName(company: string): string {
  const slug = company
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-|-$/g, '')
  return `factotum/${slug || 'company'}`
}
