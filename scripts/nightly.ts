/**
 * `npm run nightly`: looks for what the tests of every check have no time for: many random programs stopped at every
 * point, on SQLite and on PostgreSQL, and a server killed a thousand times. A failure prints what repeats it.
 *
 * FACTOTUM_CRASH_RUNS (default 500 programs), FACTOTUM_CRASH_SEED (default: the time), FACTOTUM_KILLS (default 1,000),
 * FACTOTUM_EFFECTS_RUNS (default 500 histories of effects), FACTOTUM_EFFECTS_SEED (default: the time),
 * FACTOTUM_BILLING_RUNS (default 20,000 runs), FACTOTUM_BILLING_SEED (default: the time), FACTOTUM_BILLING_KILLS (default 200).
 */
import './deps.ts'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const settings = {
  FACTOTUM_CRASH_RUNS: process.env.FACTOTUM_CRASH_RUNS ?? '500',
  FACTOTUM_CRASH_SEED: process.env.FACTOTUM_CRASH_SEED ?? String(Date.now() % 2 ** 31),
  FACTOTUM_KILLS: process.env.FACTOTUM_KILLS ?? '1000',
  FACTOTUM_BILLING_RUNS: process.env.FACTOTUM_BILLING_RUNS ?? '20000',
  FACTOTUM_BILLING_SEED: process.env.FACTOTUM_BILLING_SEED ?? String(Date.now() % 2 ** 31),
  FACTOTUM_BILLING_KILLS: process.env.FACTOTUM_BILLING_KILLS ?? '200',
  FACTOTUM_EFFECTS_RUNS: process.env.FACTOTUM_EFFECTS_RUNS ?? '500',
  FACTOTUM_EFFECTS_SEED: process.env.FACTOTUM_EFFECTS_SEED ?? String(Date.now() % 2 ** 31),
}
console.log(
  `Repeat it with: ${Object.entries(settings)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')} npm run nightly`,
)

const { status } = spawnSync(
  process.execPath,
  [`${root}scripts/test.ts`, 'test/crash', 'test/effects', 'test/billing', 'test/corpus.test.ts'],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...settings },
  },
)
process.exitCode = status ?? 1
