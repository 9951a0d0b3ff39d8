/**
 * Random programs, stopped at random points and driven on, end as they do when nothing stops them.
 *
 * FACTOTUM_CRASH_SEED and FACTOTUM_CRASH_RUNS repeat a failure or look for more of them; see scripts/nightly.ts.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { testDatabase } from '../postgres.ts'
import { inFolder } from './folder.ts'
import type { Fate } from './life.ts'
import { playProgram, type Played, type Playing } from './playing.ts'
import { hasRaces, programs, type Program } from './program.ts'
import { assertSame } from './state.ts'

const SEED = Number(process.env.FACTOTUM_CRASH_SEED ?? 20_261_102)
const RUNS = Number(process.env.FACTOTUM_CRASH_RUNS ?? 0)

interface Effort {
  readonly programs: number
  /** Points at which each program is stopped once, drawn from all. */
  readonly points: number
  /** No new program is begun after this long, but one is always played to its end. */
  readonly limit_ms: number
  readonly play: (program: Program, how: Pick<Playing, 'fates' | 'hasty'>) => Promise<Played>
}

/** A sequence of its own for each salt, so that a counterexample is one pair of program and salt. */
function drawing(salt: number): (below: number) => number {
  let state = salt >>> 0
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 4_294_967_296) * below)
  }
}

async function check(effort: Effort, program: Program, salt: number): Promise<number> {
  const draw = drawing(salt)
  const single = draw(2) === 0
  const hasty = draw(2) === 0 && !hasRaces(program.ops)
  const calm = await effort.play(program, { fates: [{ at: -1, single }], hasty })
  const total = calm.points.length
  let deaths = 0
  const compare = async (fates: readonly Fate[]) => {
    const hit = await effort.play(program, { fates, hasty })
    deaths += hit.deaths.length
    const where = `${single ? 'single' : 'grouped'} commits${hasty ? ', hasty' : ''}, died ${hit.deaths.join('; ')} (${fates.map((f) => f.at).join(', ')} of ${total} points)`
    assertSame(hit.value, calm.value, where)
    assert.deepEqual(sorted(hit.world.doneFor), sorted(calm.world.doneFor), `done in the world, ${where}`)
    for (const [key, n] of hit.world.done) assert.equal(n, 1, `${key} was done ${n} times, ${where}`)
    for (const [label, n] of hit.world.worked) {
      const most = (calm.world.worked.get(label) ?? 0) + hit.deaths.length
      assert.ok(n <= most, `step ${label} ran ${n} times, ${where}`)
    }
  }
  const points =
    effort.points >= total
      ? Array.from({ length: total }, (_, i) => i + 1)
      : Array.from({ length: effort.points }, () => 1 + draw(total))
  for (const at of new Set(points)) await compare([{ at, single }])
  // Again and again, each time a little further on: what a restart does can be interrupted too.
  await compare(Array.from({ length: 12 }, () => ({ at: 8 + draw(16), single })))
  return deaths
}

function sorted(map: ReadonlyMap<string, number>): [string, number][] {
  return [...map].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

async function explore(effort: Effort): Promise<string> {
  let played = 0
  let deaths = 0
  const until = performance.now() + effort.limit_ms
  const property = fc.asyncProperty(
    programs,
    fc.noShrink(fc.integer({ min: 0, max: 2 ** 31 - 1 })),
    async (program, salt) => {
      // Looked at between programs, never within one: the library's own limit fails a test whose first program is slow.
      if (played > 0 && performance.now() > until) return
      deaths += await check(effort, program, salt)
      played++
    },
  )
  await fc.assert(property, {
    seed: SEED,
    numRuns: effort.programs,
    endOnFailure: false,
  })
  return `${played} programs, ${deaths} deaths, seed ${SEED}`
}

test('random programs end the same wherever they are stopped', async (t) => {
  t.diagnostic(
    await explore({
      programs: RUNS || 150,
      points: RUNS ? 1_000 : 10,
      limit_ms: RUNS ? 2 ** 31 - 1 : 70_000,
      play: (program, how) => inFolder((folder) => playProgram(program, { ...how, folder })),
    }),
  )
})

test('random programs end the same on PostgreSQL', async (t) => {
  if (!process.env.DATABASE_URL) return t.skip('no PostgreSQL')
  t.diagnostic(
    await explore({
      programs: RUNS ? Math.ceil(RUNS / 10) : 4,
      points: RUNS ? 20 : 3,
      limit_ms: RUNS ? 2 ** 31 - 1 : 30_000,
      async play(program, how) {
        const database = (await testDatabase())!
        try {
          return await inFolder((folder) => playProgram(program, { ...how, folder, url: database.url }))
        } finally {
          await database.drop()
        }
      },
    }),
  )
})
