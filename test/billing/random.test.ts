/**
 * Random runs against the faulty billing service, by a process that dies again and again: each charge happens once or is
 * with the operator, and the service's own books equal the ledger's.
 *
 * FACTOTUM_BILLING_SEED and FACTOTUM_BILLING_RUNS repeat a failure or look for more of them; see scripts/nightly.ts.
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { inFolder } from '../crash/folder.ts'
import { testDatabase } from '../postgres.ts'
import { examine } from './examine.ts'
import { Play } from './playing.ts'

const SEED = Number(process.env.FACTOTUM_BILLING_SEED ?? 20_261_102)
const RUNS = Number(process.env.FACTOTUM_BILLING_RUNS ?? 1_000)
/** Of one company. */
const TOGETHER = 100

async function play(t: TestContext, seed: number, runs: number, url?: string): Promise<string> {
  return inFolder(async (folder) => {
    const played = await Play.begin({ seed, runs, folder, ...(url === undefined ? {} : { url }) })
    const { world, operator, deaths } = played
    try {
      const { states, gates, entries } = await played.toItsEnd((company) => examine(world, operator, company))
      t.diagnostic(
        `seed ${seed}: ${runs} runs, ${deaths.length} deaths, duplicates ${world.duplicates}, ${entries} entries; ${states}; ${gates}`,
      )
      assert.ok(entries > 0, 'something happened')
      return `${deaths.length} deaths, ${states}, ${gates}`
    } catch (error) {
      const repeat = `FACTOTUM_BILLING_SEED=${seed} FACTOTUM_BILLING_RUNS=${runs}`
      const message = `${repeat}, duplicates ${world.duplicates}, ${deaths.length} deaths: ${(error as Error).message}`
      throw new Error(message, { cause: error })
    } finally {
      await world.close()
    }
  })
}

test(`${RUNS} random runs happen once or are with the operator (SQLite)`, async (t) => {
  let all = ''
  for (let done = 0; done < RUNS; done += TOGETHER)
    all += await play(t, SEED + done / TOGETHER, Math.min(TOGETHER, RUNS - done))
  if (RUNS < 10 * TOGETHER) return
  for (const must of [
    /[1-9]\d* deaths/,
    /undone/,
    /uncertain happened/,
    /uncertain retry/,
    /uncertain close/,
    /expired/,
  ])
    assert.match(all, must, 'what this test is about happened')
})

const FEWER = Math.min(Math.ceil(RUNS / 10), TOGETHER)
test(`${FEWER} of them (PostgreSQL)`, { skip: !process.env.DATABASE_URL }, async (t) => {
  const database = await testDatabase()
  try {
    await play(t, SEED, FEWER, database!.url)
  } finally {
    await database!.drop()
  }
})
