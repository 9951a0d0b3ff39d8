import { setTimeout as delay } from 'node:timers/promises'
import { jsonCopy, shortHash, type Json } from '../lib/json.ts'
import { NO_EVIDENCE } from '../context/decisions.ts'
import { gateOpened, type Choice, type Gates } from '../governance/gates.ts'
import { pauseEvent } from '../governance/pause.ts'
import { eventKind, sql, work, type Fence } from '../store/index.ts'
import type { Connector } from './action.ts'
import type { Execution } from './execution.ts'

const EVERY_MS = 24 * 60 * 60_000
/** A service that could not be asked is asked again after so long; whether it works at all is seen by its calls. */
const AGAIN_MS = 60 * 60_000
const ANSWER_MS = 30_000

const CHOICES: readonly Choice[] = [
  { outcome: 'accept', label: 'It is fine: this is how the service is now' },
  { outcome: 'pause', label: 'Let nothing leave through this connector until I have looked' },
]

const putContract = sql(
  `insert into service (connector, state, code, until, contract, changed_at) values (?, 'working', null, null, ?, ?)
   on conflict (connector) do update set contract = excluded.contract`,
)

/** What a service says of itself, and when it is asked again. */
const serviceProbed = eventKind<
  { readonly connector: string; readonly hash: string | null; readonly nextAt: number },
  { readonly contract: Json }
>('service.probed@1', (e) => [
  ...(e.body.hash === null
    ? []
    : [putContract(e.body.connector, e.private && JSON.stringify(e.private.contract), e.at)]),
  work.reviveWork(probeId(e.body.connector), 'probe', e.body.nextAt),
])

/** The connector is gone, or no longer says what its service offers. */
const probeEnded = eventKind<{ readonly connector: string }>('service.unwatched@1', (e) => [
  work.endWork(probeId(e.body.connector)),
])

function probeId(connector: string): string {
  return `prb_${connector}`
}

const watched = sql(`select id from work where kind = 'probe'`)
const contractOf = sql('select contract from service where connector = ?')

/** Asks each service once a day what it offers, and tells the operator what changed. */
export class Probes {
  readonly #execution: Execution

  constructor(execution: Execution) {
    this.#execution = execution
  }

  /** Looks after the connectors that can be asked. Called at the start. */
  async start(): Promise<void> {
    const { store, connectors } = this.#execution
    const known = new Set((await store.read<{ id: string }>(watched())).map((row) => row.id))
    for (const connector of connectors.values()) {
      if (!connector.probe || known.has(probeId(connector.name))) continue
      const body = { connector: connector.name, hash: null, nextAt: store.clock.now() }
      await store.commit({ key: store.newId('prb'), events: [serviceProbed(`service:${connector.name}`, body)] })
    }
  }

  async drive(fence: Fence): Promise<{ readonly at: number } | void> {
    const { store, connectors } = this.#execution
    const name = fence.id.slice('prb_'.length)
    const connector = connectors.get(name)
    if (!connector?.probe) {
      await store.commit({
        key: store.newId('prb'),
        events: [probeEnded(`service:${name}`, { connector: name })],
        fence,
      })
      return
    }
    let contract: Json
    try {
      contract = jsonCopy(
        await within(ANSWER_MS, connector.probe(this.#execution.connection(name))),
        'The answer of a probe',
      )
    } catch {
      return { at: store.clock.now() + AGAIN_MS }
    }
    await this.#record(connector, contract, fence)
  }

  async #record(connector: Connector, contract: Json, fence: Fence): Promise<void> {
    const { store } = this.#execution
    const { name } = connector
    const row = await store.first<{ contract: string | null }>(contractOf(name))
    const before = row?.contract == null ? undefined : (JSON.parse(row.contract) as Json)
    const hash = shortHash(contract)
    const probed = serviceProbed(
      `service:${name}`,
      { connector: name, hash, nextAt: store.clock.now() + EVERY_MS },
      { private: { contract } },
    )
    const changed = before !== undefined && shortHash(before) !== hash
    const gate = gateOpened(
      store.newId('gate'),
      {
        kind: 'contract',
        subject: `service:${name}`,
        run: null,
        template: CHOICES,
        evidence: NO_EVIDENCE,
        binding: null,
        risk: null,
        reason: 'the service says something else of itself than when it was last asked',
      },
      {
        private: {
          title: `${name} changed: ${connector.target ?? name}`,
          proposal: changed ? { was: before, is: contract } : contract,
        },
        cause: { index: 0 },
      },
    )
    await store.commit({ key: store.newId('prb'), events: changed ? [probed, gate] : [probed], fence })
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const over = new AbortController()
  const late = delay(ms, undefined, { signal: over.signal, ref: false }).then(() => Promise.reject(new Error('late')))
  late.catch(() => {})
  return Promise.race([work, late]).finally(() => over.abort())
}

/** What the operator's word on a service that changed leads to. */
export function registerContractGates(gates: Gates): void {
  gates.on('contract', async (gate, decision) => ({
    events:
      decision.outcome === 'pause'
        ? [
            pauseEvent(
              `connector:${gate.subject.slice('service:'.length)}`,
              'its service changed',
              decision.by ?? 'operator',
            ),
          ]
        : [],
    guards: [],
  }))
}

export const PROBE_EVENTS = [serviceProbed, probeEnded]
