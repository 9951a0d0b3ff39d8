import { mkdir } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'
import { CONVERSATION_EVENTS } from '../context/conversations.ts'
import { DECISION_EVENTS } from '../context/decisions.ts'
import { FACT_EVENTS } from '../context/facts.ts'
import { SIGNAL_EVENTS, type AnySignalKind } from '../context/signals.ts'
import type { AnyAction, Connector } from '../execution/action.ts'
import { Dispatcher, registerStoppedGates } from '../execution/dispatch.ts'
import { registerEffectGate } from '../execution/effects.ts'
import { EFFECT_EVENTS } from '../execution/events.ts'
import { GATE_EVENTS, Gates } from '../governance/gates.ts'
import { Sealer } from '../governance/sealer.ts'
import { Witness } from '../governance/witness.ts'
import { receive, type Reception } from '../input/receive.ts'
import { routeSignal } from '../input/route.ts'
import { systemClock, type Clock } from '../lib/clock.ts'
import { FactotumError } from '../lib/errors.ts'
import { Coordinator } from '../orchestration/coordinator.ts'
import { ORCHESTRATION_EVENTS } from '../orchestration/events.ts'
import { registerStuckGates } from '../orchestration/operator.ts'
import { registerAnswerGates } from '../orchestration/verbs/agents.ts'
import { openStore, WAIT_EVENTS, type AnyEventKind, type Store, type StoreOptions } from '../store/index.ts'
import type { Company } from './company.ts'
import { loadKeys, type Keys } from './keys.ts'

/** Every kind of event that this program writes, with its projection: what a rebuild needs. */
export const ALL_EVENTS: readonly AnyEventKind[] = [
  ...WAIT_EVENTS,
  ...SIGNAL_EVENTS,
  ...FACT_EVENTS,
  ...DECISION_EVENTS,
  ...CONVERSATION_EVENTS,
  ...GATE_EVENTS,
  ...EFFECT_EVENTS,
  ...ORCHESTRATION_EVENTS,
]

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
}

/** A company whose store is open. `start` begins to drive it; without it, it can be read and decided on. */
export class OpenCompany {
  readonly folder: string
  readonly company: Company
  readonly store: Store
  readonly keys: Keys
  readonly gates: Gates
  readonly coordinator: Coordinator
  readonly sealer: Sealer
  readonly witness: Witness
  readonly #dispatcher: Dispatcher
  readonly #connections = new Map<string, unknown>()
  #started = false

  constructor(options: OpenOptions, store: Store, keys: Keys) {
    this.folder = options.folder
    this.company = options.company
    this.store = store
    this.keys = keys
    const actions = actionsOf(this.company.connectors)
    const signals = new Map<string, AnySignalKind>()
    for (const kind of [
      ...this.company.connectors.flatMap((c) => c.signals),
      ...this.company.workflows.flatMap((w) => w.on),
    ])
      signals.set(kind.signal, kind)
    this.#dispatcher = new Dispatcher({ store, actions, connection: (name) => this.#connection(name) })
    this.coordinator = new Coordinator({
      store,
      workflows: this.company.workflows,
      actions,
      drivers: {
        eff: (fence) => this.#dispatcher.drive(fence),
        sig: (fence) => routeSignal(store, this.coordinator.workflows, signals, fence),
      },
      abort: () => this.#dispatcher.stop(),
      ...(options.onError ? { onError: options.onError } : {}),
    })
    this.gates = new Gates(store)
    registerEffectGate(store, this.gates, actions)
    registerStoppedGates(store, this.gates, actions)
    registerAnswerGates(store, this.gates)
    registerStuckGates(store, this.gates, this.coordinator.workflows)
    this.witness = new Witness(this.company.witness, store.clock, keys.signer.verifier.name, (to, subject, text) =>
      this.#sendMail(to, subject, text),
    )
    this.sealer = new Sealer(store, keys.signer, (sealed) => this.witness.sealed(sealed))
  }

  get started(): boolean {
    return this.#started
  }

  async start(): Promise<void> {
    for (const connector of this.company.connectors) {
      this.#connections.set(connector.name, await connector.open({ dataFolder: join(this.folder, 'data') }))
    }
    this.sealer.start()
    await this.coordinator.start()
    this.#started = true
  }

  /** Takes in everything at `path` that a connector understands. */
  async ingest(
    path: string,
    onEach: (name: string, reception: Reception) => void = () => {},
  ): Promise<Record<Reception, number>> {
    const source = this.company.connectors.find((c) => c.ingest)
    if (!source?.ingest)
      throw new FactotumError(
        'ingest.no_connector',
        'This company has no connector that reads files. Add one to company.ts, such as mail.outbox({ from: "you@example.org" }).',
      )
    const counts = { new: 0, duplicate: 0, quarantined: 0 }
    const pending = new Set<Promise<void>>()
    for await (const incoming of source.ingest.read(isAbsolute(path) ? path : resolve(this.folder, path))) {
      const one = receive(this.store, source.name, source.ingest.kind, incoming).then((reception) => {
        counts[reception]++
        onEach(incoming.name, reception)
      })
      const tracked = one.finally(() => pending.delete(tracked))
      pending.add(tracked)
      // Many at a time share an fsync; a bound keeps a folder of any size from filling the memory.
      if (pending.size >= MAX_INGESTING) await Promise.race(pending)
    }
    await Promise.all(pending)
    return counts
  }

  /** Reads the inboxes that connectors watch. */
  async readInboxes(): Promise<Record<Reception, number>> {
    const total = { new: 0, duplicate: 0, quarantined: 0 }
    for (const connector of this.company.connectors) {
      if (connector.inbox === undefined) continue
      const counts = await this.ingest(connector.inbox)
      for (const key of Object.keys(total) as Reception[]) total[key] += counts[key]
    }
    return total
  }

  describeConnectors(): { name: string; to: string }[] {
    return this.company.connectors.map((c) => ({
      name: c.name,
      to: this.#connections.has(c.name) ? c.describe(this.#connections.get(c.name)) : 'not open',
    }))
  }

  async close(): Promise<void> {
    if (this.#started) {
      this.#started = false
      await this.coordinator.stop(STOP_GRACE_MS)
      await this.sealer.stop()
      await this.witness.flush()
      for (const connector of this.company.connectors) await connector.close(this.#connections.get(connector.name))
    }
    await this.store.close()
  }

  #connection(name: string): unknown {
    if (!this.#connections.has(name))
      throw new FactotumError('connector.not_open', `The connector "${name}" is not open.`)
    return this.#connections.get(name)
  }

  async #sendMail(to: string, subject: string, body: string): Promise<void> {
    const send = actionsOf(this.company.connectors).get('mail.send')
    if (!send)
      throw new FactotumError('witness.no_mail', 'Checkpoints cannot be mailed: this company has no mail connector.')
    const now = this.store.clock.now()
    await send.run({ to, subject, body } as never, {
      key: `${subject}`,
      token: 1,
      proposedAt: now,
      connection: this.#connection('mail'),
      signal: AbortSignal.timeout(send.timeoutMs),
    })
  }
}

const MAX_INGESTING = 200
/** How long a stop waits for calls under way: most mail servers answer well within it. */
const STOP_GRACE_MS = 10_000

function actionsOf(connectors: readonly Connector[]): ReadonlyMap<string, AnyAction> {
  return new Map(connectors.flatMap((c) => c.actions.map((a) => [a.action, a] as const)))
}

/** Opens a company's store and puts its parts together. Throws `store.locked` where another process has it. */
export async function openCompany(options: OpenOptions): Promise<OpenCompany> {
  const data = join(options.folder, 'data')
  await mkdir(data, { recursive: true })
  const keys = await loadKeys(join(data, 'keys'), ledgerName(options.company.name))
  const store = await openStore({
    url: options.url ?? process.env.DATABASE_URL ?? join(data, 'company.db'),
    secret: keys.secret,
    clock: options.clock ?? systemClock,
    ...(options.wrapEngine ? { wrapEngine: options.wrapEngine } : {}),
  })
  return new OpenCompany(options, store, keys)
}

/** A name without spaces or plus signs, as signed notes want it. */
function ledgerName(company: string): string {
  const slug = company
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-|-$/g, '')
  return `factotum/${slug || 'company'}`
}
