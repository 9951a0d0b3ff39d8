import { monitorEventLoopDelay } from 'node:perf_hooks'
import { start } from '../src/orchestration/starting.ts'
import { workflow, type AnyWorkflow } from '../src/orchestration/workflow.ts'
import { company } from '../src/server/company.ts'
import { openCompany, type OpenCompany } from '../src/server/open.ts'
import { STEPS_PER_RUN, stepResult } from './raw-rows.ts'
import { percentile } from './report.ts'

export interface Measured {
  readonly stepsPerSecond: number
  readonly p50: number
  readonly p99: number
  readonly loopP99: number
  readonly loopMax: number
}

/** Ten steps one after the other, each timed from the call to the delivery of its durable result. */
function tenSteps(latencies: number[]): AnyWorkflow {
  return workflow<null, number>('ten-steps', {}, async (ctx) => {
    for (let i = 0; i < STEPS_PER_RUN; i++) {
      const from = performance.now()
      await ctx.step('step', () => stepResult(i), { key: i })
      latencies.push(performance.now() - from)
    }
    return STEPS_PER_RUN
  })
}

/** A company under a load of `runs` runs at a time: as one ends, the next one is started. */
export class StepsLoad {
  readonly #open: OpenCompany
  readonly #workflow: AnyWorkflow
  readonly #latencies: number[]
  readonly #ends = new Map<string, () => void>()

  private constructor(open: OpenCompany, ten: AnyWorkflow, latencies: number[]) {
    this.#open = open
    this.#workflow = ten
    this.#latencies = latencies
    open.store.onCommit((rows) => {
      for (const row of rows) {
        if (row.kind !== 'run.completed@1') continue
        this.#ends.get(row.stream)?.()
        this.#ends.delete(row.stream)
      }
    })
  }

  static async open(folder: string, url?: string): Promise<StepsLoad> {
    const latencies: number[] = []
    const ten = tenSteps(latencies)
    const open = await openCompany({
      folder,
      company: company({ name: 'Bench', workflows: [ten] }),
      url: url ?? `${folder}/company.db`,
    })
    await open.start()
    return new StepsLoad(open, ten, latencies)
  }

  /** Keeps `runs` runs going for about `ms`, then lets the last ones end. All of their steps and time count. */
  async run(runs: number, ms: number): Promise<Measured> {
    this.#latencies.length = 0
    const loop = monitorEventLoopDelay({ resolution: 1 })
    loop.enable()
    const from = performance.now()
    await Promise.all(
      Array.from({ length: runs }, async () => {
        while (performance.now() - from < ms) await this.#one()
      }),
    )
    const seconds = (performance.now() - from) / 1_000
    loop.disable()
    const sorted = Float64Array.from(this.#latencies).sort()
    return {
      stepsPerSecond: sorted.length / seconds,
      p50: percentile(sorted, 0.5),
      p99: percentile(sorted, 0.99),
      loopP99: loop.percentile(99) / 1e6,
      loopMax: loop.max / 1e6,
    }
  }

  async #one(): Promise<void> {
    const { store } = this.#open
    const { id, event } = start(store, { workflow: this.#workflow, input: null, actor: 'operator' })
    const ended = new Promise<void>((resolve) => this.#ends.set(id, resolve))
    await store.commit({ key: `start:${id}`, events: [event] })
    await ended
  }

  close(): Promise<void> {
    return this.#open.close()
  }
}
