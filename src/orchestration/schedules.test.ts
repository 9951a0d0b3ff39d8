import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { onEachStore } from '../../test/each-store.ts'
import { FakeClock, testCompany, type TestCompany } from '../testing.ts'
import { workflow, type Schedule, type Tick } from './workflow.ts'

function ticking(schedule: Schedule | null, name = 'tick') {
  return workflow<Tick, number>(name, schedule ? { schedule } : {}, async (_ctx, tick) => tick.scheduledFor)
}

/** An hour at a time, for the company looks around every ten seconds of its clock. */
async function days(company: TestCompany, n: number): Promise<void> {
  for (let hour = 0; hour < n * 24; hour++) {
    company.clock.advance(3_600_000)
    await company.idle()
  }
}

/** When each run was scheduled for, in the order of the runs. */
async function ticks(company: TestCompany): Promise<string[]> {
  const runs = (await company.list('runs', { limit: 1_000 })).toReversed()
  return Promise.all(runs.map(async (r) => new Date(Number(await company.result(r.id))).toISOString().slice(0, 16)))
}

onEachStore('a schedule keeps its local time through the change to summer time and back', async (url) => {
  const nine = ticking({ cron: '0 9 * * *', zone: 'Europe/Vienna' })
  const options = url ? { url } : {}
  await using spring = await testCompany({
    workflows: [nine],
    clock: new FakeClock(Date.UTC(2026, 2, 27, 12)),
    ...options,
  })
  await days(spring, 3)
  assert.deepEqual(await ticks(spring), ['2026-03-28T08:00', '2026-03-29T07:00', '2026-03-30T07:00'])
  await spring.check()
  if (url) return
  await using autumn = await testCompany({ workflows: [nine], clock: new FakeClock(Date.UTC(2026, 9, 23, 12)) })
  await days(autumn, 3)
  assert.deepEqual(await ticks(autumn), ['2026-10-24T07:00', '2026-10-25T08:00', '2026-10-26T08:00'])
})

test('a time that the change skips or repeats comes once on that day', async () => {
  const night = ticking({ cron: '30 2 * * *', zone: 'Europe/Vienna' })
  for (const [from, dates] of [
    [Date.UTC(2026, 2, 28, 12), ['2026-03-29', '2026-03-30']],
    [Date.UTC(2026, 9, 24, 12), ['2026-10-25', '2026-10-26']],
  ] as const) {
    await using company = await testCompany({ workflows: [night], clock: new FakeClock(from) })
    await days(company, 2)
    assert.deepEqual(
      (await ticks(company)).map((t) => t.slice(0, 10)),
      dates,
    )
  }
})

const CATCH_UP: readonly (readonly [NonNullable<Schedule['catchUp']>, readonly string[]])[] = [
  ['none', []],
  ['latest', ['2026-11-05T08:00']],
  ['all', ['2026-11-03T08:00', '2026-11-04T08:00', '2026-11-05T08:00']],
]

for (const [catchUp, caught] of CATCH_UP) {
  test(`after three days down, catch-up ${catchUp} runs ${caught.length} of the missed ticks`, async () => {
    const daily = ticking({ cron: '0 8 * * *', catchUp })
    await using first = await testCompany({ workflows: [daily], clock: new FakeClock(Date.UTC(2026, 10, 2, 9)) })
    await first.close()
    first.clock.advance(3 * 86_400_000)
    const again = await testCompany({ workflows: [daily], folder: first.folder, clock: first.clock })
    await again.idle()
    assert.deepEqual(await ticks(again), caught)
    await days(again, 1)
    assert.deepEqual(await ticks(again), [...caught, '2026-11-06T08:00'])
    await again.check()
    await again.close()
  })
}

test('a schedule that is changed runs by the new one, one that is removed no more', async () => {
  await using first = await testCompany({
    workflows: [ticking({ cron: '0 8 * * *' })],
    clock: new FakeClock(Date.UTC(2026, 10, 2, 9)),
  })
  await first.close()
  const options = { folder: first.folder, clock: first.clock }
  const changed = await testCompany({ ...options, workflows: [ticking({ cron: '0 20 * * *' })] })
  await days(changed, 1)
  assert.deepEqual(await ticks(changed), ['2026-11-02T20:00'])
  await changed.close()
  const removed = await testCompany({ ...options, workflows: [ticking(null)] })
  await days(removed, 3)
  assert.deepEqual(await ticks(removed), ['2026-11-02T20:00'])
  await removed.close()
  const back = await testCompany({ ...options, workflows: [ticking({ cron: '0 20 * * *' })] })
  await days(back, 1)
  assert.deepEqual(await ticks(back), ['2026-11-02T20:00', '2026-11-06T20:00'])
  await back.check()
  await back.close()
})

for (const schedule of [
  { cron: 'every day' },
  { cron: '61 * * * *' },
  { cron: '0 9 * * *', zone: 'Europe/Atlantis' },
  { cron: '0 0 31 2 *' },
]) {
  test(`"${schedule.cron}" in ${schedule.zone ?? 'UTC'} is refused when the company starts`, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'factotum-'))
    try {
      await assert.rejects(
        testCompany({ workflows: [ticking(schedule)], folder }),
        (error: Error & { code: string }) => {
          assert.equal(error.code, 'schedule.invalid')
          assert.ok(error.message.includes(schedule.cron))
          return true
        },
      )
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
}

test('a year of minutes missed is caught up with one run, soon', async () => {
  const minutely = ticking({ cron: '* * * * *', catchUp: 'latest' })
  await using first = await testCompany({ workflows: [minutely], clock: new FakeClock(Date.UTC(2025, 10, 2, 9)) })
  await first.close()
  first.clock.advance(365 * 86_400_000)
  const again = await testCompany({ workflows: [minutely], folder: first.folder, clock: first.clock })
  await again.idle()
  assert.deepEqual(await ticks(again), ['2026-11-02T09:00'])
  await again.close()
})
