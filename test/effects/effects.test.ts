/**
 * Random histories of effects, done to a model of a page or two and to a real company: after each command both must
 * have every effect in the same state, with the same tokens, and the world must have been told to do the same.
 *
 * FACTOTUM_EFFECTS_RUNS and FACTOTUM_EFFECTS_SEED look for more histories, or repeat one.
 */
import { test } from 'node:test'
import fc from 'fast-check'
import { inFolder } from '../crash/folder.ts'
import { testDatabase } from '../postgres.ts'
import { histories } from './commands.ts'
import { Model } from './model.ts'
import { Reality } from './reality.ts'

const SEED = Number(process.env.FACTOTUM_EFFECTS_SEED ?? 20_261_103)
const RUNS = Number(process.env.FACTOTUM_EFFECTS_RUNS ?? 0)
const COMMANDS = 100

async function explore(runs: number, open: (play: (url?: string) => Promise<void>) => Promise<void>): Promise<void> {
  await fc.assert(
    fc.asyncProperty(histories(COMMANDS), (commands) =>
      open((url) =>
        inFolder(async (folder) => {
          const model = new Model(0)
          const reality = new Reality(folder, url, model)
          await reality.open()
          try {
            await fc.asyncModelRun(() => ({ model, real: reality }), commands)
            await reality.sound()
          } finally {
            await reality.close()
          }
        }),
      ),
    ),
    { seed: SEED, numRuns: runs, endOnFailure: RUNS === 0 && process.env.FACTOTUM_EFFECTS_SEED === undefined },
  )
}

void test('effects do what the model says (SQLite)', () => explore(RUNS || 24, (play) => play()))

void test('effects do what the model says (PostgreSQL)', { skip: !process.env.DATABASE_URL }, () =>
  explore(RUNS || 5, async (play) => {
    const database = await testDatabase()
    try {
      await play(database!.url)
    } finally {
      await database!.drop()
    }
  }),
)
