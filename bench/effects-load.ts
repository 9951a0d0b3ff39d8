import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { z } from 'zod'
import { action, type Action, type ActionContext, type Connector } from '../src/execution/action.ts'
import type { Risk } from '../src/governance/policy.ts'
import { start } from '../src/orchestration/starting.ts'
import { workflow, type AnyWorkflow } from '../src/orchestration/workflow.ts'
import { company } from '../src/server/company.ts'
import { openCompany, type OpenCompany } from '../src/server/open.ts'
import type { EventRow } from '../src/store/index.ts'
import { percentile } from './report.ts'

const EFFECTS_PER_RUN = 10
const POLICY = `@id("bench")
permit (principal, action == Action::"bench.put", resource);
`

interface Put {
  readonly n: number
  readonly text: string
}
const input = z.object({ n: z.int(), text: z.string() })
const output = z.object({ ref: z.string() })
const put = (n: number): Put => ({ n, text: 'what a small effect says' })

export type Way = 'permitted' | 'read' | 'approved'

type Call = (put: Put, signal: AbortSignal) => Promise<{ ref: string }>

/** What is called: nothing at all, or a server over real HTTP on loopback. */
export async function outside(http: boolean): Promise<{ call: Call; [Symbol.asyncDispose](): Promise<void> }> {
  if (!http) return { call: async () => ({ ref: 'r' }), [Symbol.asyncDispose]: async () => {} }
  const worker = new Worker(new URL('./effects-service.ts', import.meta.url))
  const [port] = (await once(worker, 'message')) as [number]
  return {
    async call(body, signal) {
      const headers = { 'content-type': 'application/json' }
      const sent = { method: 'POST', headers, body: JSON.stringify(body), signal }
      return output.parse(await (await fetch(`http://127.0.0.1:${port}/`, sent)).json())
    },
    [Symbol.asyncDispose]: async () => void (await worker.terminate()),
  }
}

function verb(name: string, risk: Risk, call: Call): Action<Put, { ref: string }> {
  const title = ({ n }: Put) => `Put ${n}`
  return action(`bench.${name}`, { risk, input, output, title, run: (given, ctx) => call(given, ctx.signal) })
}

function connectorOf(actions: Connector['actions']): Connector {
  const nothing = async () => {}
  return { name: 'bench', actions, signals: [], open: nothing, close: nothing, describe: () => 'bench' }
}

const BARE: ActionContext = {
  key: 'k',
  token: 1,
  laneToken: null,
  proposedAt: 0,
  connection: undefined,
  signal: new AbortController().signal,
}

/** How often the bare call of a connector ends, a second: `atOnce` at a time. */
export async function bareCalls(call: Call, atOnce: number, ms: number): Promise<number> {
  const { run } = verb('put', 'compensable', call)
  let n = 0
  const from = performance.now()
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (performance.now() - from < ms) {
        await run(put(n), BARE)
        n++
        // A call that answers at once never lets anything else go on, the clock of the others included.
        if (n % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    }),
  )
  return (n * 1_000) / (performance.now() - from)
}

export interface Settled {
  readonly perSecond: number
  /** From the durable intent to the durable outcome. */
  readonly p50: number
  readonly p99: number
  /** Of this thread, for one effect with its part of the run: what the machine does besides does not change it much. */
  readonly cpuMs: number
}

/** A company under a load of `atOnce` effects at a time: runs of ten, one after the other; as one ends, the next is started. */
export class EffectsLoad {
  readonly #open: OpenCompany
  readonly #workflow: AnyWorkflow
  readonly #ends = new Map<string, () => void>()
  readonly #proposed = new Map<string, number>()
  #latencies: number[] = []

  private constructor(open: OpenCompany, ten: AnyWorkflow) {
    this.#open = open
    this.#workflow = ten
    open.store.onCommit((rows) => rows.forEach((row) => this.#heard(row)))
  }

  static async open(folder: string, call: Call, way: Way, url?: string): Promise<EffectsLoad> {
    const used = { permitted: verb('put', 'compensable', call), read: verb('get', 'read', call) }
    const ask = verb('ask', 'compensable', call)
    const actions = [used.permitted, used.read, ask]
    const one = way === 'approved' ? ask : used[way]
    const ten = workflow<null, number>('ten-effects', {}, async (ctx) => {
      for (let i = 0; i < EFFECTS_PER_RUN; i++) await ctx.act(one, put(i), { key: i })
      return EFFECTS_PER_RUN
    })
    await mkdir(join(folder, 'policies'), { recursive: true })
    await writeFile(join(folder, 'policies', 'bench.cedar'), POLICY)
    const open = await openCompany({
      folder,
      company: company({ name: 'Bench', workflows: [ten], connectors: [connectorOf(actions)] }),
      url: url ?? join(folder, 'company.db'),
    })
    await open.start()
    return new EffectsLoad(open, ten)
  }

  /** Keeps `atOnce` going for about `ms`, then lets the last ones end. All of their effects and time count. */
  async run(atOnce: number, ms: number): Promise<Settled> {
    this.#latencies = []
    const from = performance.now()
    const cpu = process.threadCpuUsage()
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        while (performance.now() - from < ms) await this.#one()
      }),
    )
    const seconds = (performance.now() - from) / 1_000
    const { user, system } = process.threadCpuUsage(cpu)
    const sorted = Float64Array.from(this.#latencies).sort()
    return {
      perSecond: sorted.length / seconds,
      p50: percentile(sorted, 0.5),
      p99: percentile(sorted, 0.99),
      cpuMs: (user + system) / 1_000 / sorted.length,
    }
  }

  close(): Promise<void> {
    return this.#open.close()
  }

  #heard({ kind, stream, body }: EventRow): void {
    if (kind === 'effect.proposed@1') this.#proposed.set(stream, performance.now())
    else if (kind === 'gate.opened@1') this.#approve(stream)
    else if (kind === 'run.completed@1') {
      this.#ends.get(stream)?.()
      this.#ends.delete(stream)
    } else if (kind === 'effect.settled@1') {
      if ((JSON.parse(body) as { state: string }).state !== 'succeeded') throw new Error(`${stream} did not succeed`)
      this.#latencies.push(performance.now() - this.#proposed.get(stream)!)
      this.#proposed.delete(stream)
    }
  }

  #approve(gate: string): void {
    this.#open.gates.decide(gate, { outcome: 'approve' }).catch((error: unknown) => {
      queueMicrotask(() => {
        throw error
      })
    })
  }

  async #one(): Promise<void> {
    const { store } = this.#open
    const { id, event } = start(store, { workflow: this.#workflow, input: null, actor: 'operator' })
    const ended = new Promise<void>((resolve) => this.#ends.set(id, resolve))
    await store.commit({ key: `start:${id}`, events: [event] })
    await ended
  }
}
