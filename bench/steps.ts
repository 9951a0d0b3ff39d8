import { benchFolder } from './folder.ts'
import { rawSqlite, type RawLoop } from './raw-sqlite.ts'
import { median, round, withLimit, type Bench, type BenchOptions, type Row } from './report.ts'
import { StepsLoad, type Measured } from './steps-load.ts'

export const CONCURRENT = [1, 50, 200, 1_000]

/** Measures the whole system and the raw loop in turn, so that whatever else the machine does hits both. */
export async function compare(name: string, load: StepsLoad, raw: RawLoop, runs: number, options: BenchOptions): Promise<Row> {
  const [rounds, ms] = options.quick ? [1, 500] : [5, 2_000]
  await load.run(runs, ms / 2)
  await raw.run(ms / 2)
  const measured: Measured[] = []
  const limits: number[] = []
  for (let i = 0; i < rounds; i++) {
    measured.push(await load.run(runs, ms))
    limits.push(await raw.run(ms))
  }
  const of = (pick: (m: Measured) => number) => median(measured.map(pick))
  return {
    ...withLimit(name, 'steps/s', of((m) => m.stepsPerSecond), median(limits)),
    p50_ms: round(of((m) => m.p50)),
    p99_ms: round(of((m) => m.p99)),
    loop_p99_ms: round(of((m) => m.loopP99)),
    loop_max_ms: round(Math.max(...measured.map((m) => m.loopMax))),
  }
}

export const bench: Bench = {
  name: 'steps',
  says: 'Durable, fsynced, ledgered steps of ten-step workflows, c runs at a time, on SQLite. Limit: a raw loop in this process that inserts equivalent rows, c a transaction.',
  async run(options) {
    const rows: Row[] = []
    for (const runs of CONCURRENT) {
      await using folder = await benchFolder()
      const load = await StepsLoad.open(folder.path)
      const raw = rawSqlite(`${folder.path}/raw.db`, runs)
      rows.push(await compare(`c=${runs}`, load, raw, runs, options))
      await load.close()
      raw.close()
      options.note(`c=${runs}: ${rows.at(-1)!.value} of ${rows.at(-1)!.limit} steps/s`)
    }
    return rows
  },
}
