import { testDatabase } from '../test/postgres.ts'
import { bareCalls, EffectsLoad, outside, type Settled, type Way } from './effects-load.ts'
import { benchFolder } from './folder.ts'
import { median, round, withLimit, type Bench, type BenchOptions, type Row } from './report.ts'

interface Case {
  readonly store: 'SQLite' | 'PostgreSQL'
  readonly http: boolean
  readonly way: Way
  readonly atOnce: number
}

const WAYS: readonly Way[] = ['read', 'permitted', 'approved']
const AT_ONCE = [1, 200]

function cases(): Case[] {
  const stores = process.env.DATABASE_URL ? (['SQLite', 'PostgreSQL'] as const) : (['SQLite'] as const)
  return stores.flatMap((store) =>
    [false, true].flatMap((http) => WAYS.flatMap((way) => AT_ONCE.map((atOnce) => ({ store, http, way, atOnce })))),
  )
}

async function measure({ store, http, way, atOnce }: Case, options: BenchOptions): Promise<Row> {
  const [rounds, ms] = options.quick ? [1, 500] : [3, 1_500]
  await using folder = await benchFolder()
  await using service = await outside(http)
  const database = store === 'PostgreSQL' ? await testDatabase() : undefined
  const load = await EffectsLoad.open(folder.path, service.call, way, database?.url)
  try {
    const settled: Settled[] = []
    const bare: number[] = []
    await load.run(atOnce, ms / 2)
    await bareCalls(service.call, atOnce, ms / 2)
    for (let i = 0; i < rounds; i++) {
      settled.push(await load.run(atOnce, ms))
      bare.push(await bareCalls(service.call, atOnce, ms / 2))
    }
    const of = (pick: (s: Settled) => number) => median(settled.map(pick))
    const name = `${store} ${http ? 'HTTP' : 'in process'} ${way} c=${atOnce}`
    const row = {
      ...withLimit(
        name,
        'effects/s',
        of((s) => s.perSecond),
        median(bare),
      ),
      p50_ms: round(of((s) => s.p50)),
      p99_ms: round(of((s) => s.p99)),
      cpu_ms: round(of((s) => s.cpuMs)),
    }
    options.note(`${row.case}: ${row.value} of ${row.limit} effects/s`)
    return row
  } finally {
    await load.close()
    await database?.drop()
  }
}

export const bench: Bench = {
  name: 'effects',
  says:
    'Effects from proposal to durable outcome, c at a time: reads, writes that a policy lets run, and writes that are\n' +
    'approved at a gate as soon as it opens; on SQLite, and on PostgreSQL where DATABASE_URL is set.\n' +
    'Limit: the same call of the same connector in a loop in this process, c at a time, of which nothing is recorded.',
  async run(options) {
    const rows: Row[] = []
    for (const one of cases()) rows.push(await measure(one, options))
    return rows
  },
}
