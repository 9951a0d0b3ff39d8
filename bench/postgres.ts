import { startPostgres, testDatabase } from '../test/postgres.ts'
import { benchFolder } from './folder.ts'
import { rawPostgres } from './raw-postgres.ts'
import type { Bench, BenchOptions, Row } from './report.ts'
import { StepsLoad } from './steps-load.ts'
import { compare, CONCURRENT } from './steps.ts'

/** A database of its own for each side, so that neither vacuums for the other. */
async function row(runs: number, options: BenchOptions): Promise<Row> {
  await using folder = await benchFolder()
  const databases = []
  for (let i = 0; i < 3; i++) databases.push((await testDatabase())!)
  const [ours, whole, strict] = databases.map((d) => d.url)
  const load = await StepsLoad.open(folder.path, ours)
  const raw = { runs: await rawPostgres(whole!, runs, 'runs'), steps: await rawPostgres(strict!, runs, 'steps') }
  try {
    return await compare(load, raw, runs, options)
  } finally {
    await load.close()
    await raw.runs.close()
    await raw.steps.close()
    for (const database of databases) await database.drop()
  }
}

export const bench: Bench = {
  name: 'postgres',
  says:
    'Durable, ledgered steps of ten-step workflows, c runs at a time, through the whole system on PostgreSQL (DATABASE_URL, else one\n' +
    'that is started). Limit: a raw loop in this process, one connection, set-based inserts of the same rows, c a transaction.',
  async run(options) {
    const server = process.env.DATABASE_URL ? undefined : await startPostgres()
    if (server) process.env.DATABASE_URL = server.url
    try {
      const rows: Row[] = []
      for (const runs of CONCURRENT) rows.push(await row(runs, options))
      return rows
    } finally {
      await server?.stop()
    }
  },
}
