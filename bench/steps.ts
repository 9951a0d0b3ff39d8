import { benchFolder } from './folder.ts'
import { rawSqlite, type RawLoop } from './raw-sqlite.ts'
import { median, round, withLimit, type Bench, type BenchOptions, type Row } from './report.ts'
import { StepsLoad, type Measured } from './steps-load.ts'

export const CONCURRENT = [1, 50, 200, 1_000]

export interface Limits {
  readonly runs: RawLoop
  readonly steps: RawLoop
}

/** Measures the whole system and the raw loops in turn, so that whatever else the machine does hits all of them. */
export async function compare(load: StepsLoad, raw: Limits, runs: number, options: BenchOptions): Promise<Row> {
  const [rounds, ms] = options.quick ? [1, 500] : [5, 1_500]
  await load.run(runs, ms / 2)
  await raw.runs.run(ms / 2)
  await raw.steps.run(ms / 2)
  const measured: Measured[] = []
  const limits: number[] = []
  const strict: number[] = []
  for (let i = 0; i < rounds; i++) {
    measured.push(await load.run(runs, ms))
    limits.push(await raw.runs.run(ms))
    strict.push(await raw.steps.run(ms))
  }
  const of = (pick: (m: Measured) => number) => median(measured.map(pick))
  const value = of((m) => m.stepsPerSecond)
  const row = {
    ...withLimit(`c=${runs}`, 'steps/s', value, median(limits)),
    p50_ms: round(of((m) => m.p50)),
    p99_ms: round(of((m) => m.p99)),
    loop_p99_ms: round(of((m) => m.loopP99)),
    loop_max_ms: round(Math.max(...measured.map((m) => m.loopMax))),
    // Only the rows of steps, as if runs neither started nor ended.
    steps_only_limit: round(median(strict)),
    steps_only_ratio: round(value / median(strict)),
  }
  options.note(`${row.case}: ${row.value} of ${row.limit} steps/s`)
  return row
}

export const bench: Bench = {
  name: 'steps',
  says:
    'Durable, fsynced, ledgered steps of ten-step workflows, c runs at a time, through the whole system on SQLite.\n' +
    'Limit: a raw loop in this process that writes the same rows, c a transaction, through prepared statements.',
  async run(options) {
    const rows: Row[] = []
    for (const runs of CONCURRENT) {
      await using folder = await benchFolder()
      const load = await StepsLoad.open(folder.path)
      const raw = {
        runs: rawSqlite(`${folder.path}/raw-runs.db`, runs, 'runs'),
        steps: rawSqlite(`${folder.path}/raw-steps.db`, runs, 'steps'),
      }
      rows.push(await compare(load, raw, runs, options))
      await load.close()
      await raw.runs.close()
      await raw.steps.close()
    }
    return rows
  },
}
