/**
 * `npm run -s bench -- NAME [--json] [--quick] [--full]`: one benchmark, beside what the machine can do at best. Never a test:
 * two machines differ, and so does one from minute to minute. What counts is the ratio, measured at the same time.
 */
import { parseArgs } from 'node:util'
import { table, type Bench } from './report.ts'

const BENCHES: Readonly<Record<string, () => Promise<{ readonly bench: Bench }>>> = {
  steps: () => import('./steps.ts'),
  postgres: () => import('./postgres.ts'),
  ingest: () => import('./ingest.ts'),
  resume: () => import('./resume.ts'),
  memory: () => import('./memory.ts'),
  learned: () => import('./learned.ts'),
  recall: () => import('./recall.ts'),
  facts: () => import('./facts.ts'),
  effects: () => import('./effects.ts'),
  snapshot: () => import('./snapshot.ts'),
  stream: () => import('./stream.ts'),
  console: () => import('./console.ts'),
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean' }, quick: { type: 'boolean' }, full: { type: 'boolean' } },
})
const load = BENCHES[positionals[0] ?? '']
if (!load || positionals.length > 1) {
  process.stderr.write(`Usage: npm run -s bench -- ${Object.keys(BENCHES).join('|')} [--json] [--quick] [--full]\n`)
  process.exit(2)
}
const { bench } = await load()
const note = (line: string) => {
  if (!values.json) process.stderr.write(`  ${line}\n`)
}
const rows = await bench.run({ quick: values.quick ?? false, full: values.full ?? false, note })
process.stdout.write(
  values.json ? `${JSON.stringify({ bench: bench.name, rows })}\n` : `${bench.says}\n\n${table(rows)}\n`,
)
