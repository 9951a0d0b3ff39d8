import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onEachStore } from '../../../test/each-store.ts'
import { costsBy, forecast, forecastMonth, totalCosts } from './costs.ts'
import { EUR, useOf, World } from './world.fixture.ts'

const DAY_MS = 86_400_000

onEachStore('adds up by what it is asked to, with what is open and what nobody knows', async (url) => {
  await using w = await World.open(url)
  await w.spend.reserveNow(useOf('a', 3, { agent: 'triage', tier: 'light', tokens: 100 }))
  await w.spend.settleNow('use_a', { micros: 2 * EUR, tokens: 80 }, 'decided')
  await w.spend.reserveNow(useOf('b', 1, { agent: 'draft', tier: 'heavy', tokens: 10 }))
  await w.spend.reserveNow(
    useOf('c', 0, { agent: 'draft', tier: 'light', meter: 'imputed', currency: null, tokens: 7 }),
  )
  w.clock.advance(DAY_MS)
  await w.driveDue()
  await w.spend.reserveNow(useOf('d', 4, { agent: 'triage', tier: 'heavy' }))
  const of = async (by: Parameters<typeof costsBy>[1], from = '2026-11-01', to = '2026-11-30') =>
    (await costsBy(w.store, by, from, to)).map(
      (r) => `${r.key} ${r.meter} ${r.currency} ${r.micros / EUR} ${r.tokens} ${r.uses}`,
    )
  assert.deepEqual(await of('agent'), [
    'triage billed EUR 6 80 2',
    'draft billed EUR 1 10 1',
    'draft imputed XXX 0 7 1',
  ])
  assert.deepEqual(await of('outcome'), [
    'null billed EUR 4 0 1',
    'decided billed EUR 2 80 1',
    'unknown billed EUR 1 10 1',
    'unknown imputed XXX 0 7 1',
  ])
  assert.deepEqual(await of('day'), [
    '2026-11-02 billed EUR 3 90 2',
    '2026-11-02 imputed XXX 0 7 1',
    '2026-11-03 billed EUR 4 0 1',
  ])
  assert.deepEqual(await of('tier', '2026-11-03', '2026-11-03'), ['heavy billed EUR 4 0 1'])
  const [billed] = await totalCosts(w.store, '2026-11-01', '2026-11-30')
  assert.deepEqual(
    { ...billed },
    { meter: 'billed', currency: 'EUR', micros: 7 * EUR, tokens: 90, uses: 3, reserved: 4 * EUR, imputed: EUR },
  )
  assert.equal((await totalCosts(w.store, '2026-11-02', '2026-11-03', w.clock.now()))[0]!.micros, 4 * EUR)
})

onEachStore('forecasts a month by its weekdays, and nothing before a whole day is known', async (url) => {
  await using w = await World.open(url)
  await w.spend.reserveNow(useOf('first', 1))
  assert.deepEqual(await forecastMonth(w.store, w.clock.now(), 'UTC'), [])
  // Monday 2 November to Monday 16: an euro on each day.
  for (let day = 3; day <= 16; day++) {
    w.clock.advance(DAY_MS)
    await w.spend.reserveNow(useOf(`d${day}`, 1))
  }
  assert.deepEqual(await forecastMonth(w.store, w.clock.now(), 'UTC'), [
    { meter: 'billed', currency: 'EUR', micros: 29 * EUR },
  ])
})

void test('each day that is left takes the mean of its weekday', () => {
  // Monday 2 November on: 10 on each Monday, 1 on each Tuesday, today is Wednesday 11.
  const days = new Map([
    ['2026-11-02', 10],
    ['2026-11-03', 1],
    ['2026-11-09', 12],
    ['2026-11-10', 3],
    ['2026-11-11', 5],
  ])
  // Spent 31; Mondays 16, 23, 30 take 11, Tuesdays 17, 24 take 2; every other weekday was free until now.
  assert.equal(forecast(days, '2026-11-11', '2026-11-02'), 31 + 3 * 11 + 2 * 2)
  // A weekday that has not been takes the mean of all: Monday and Tuesday are known, 5.5 a day for the others.
  const two = new Map(days).set('2026-11-04', 0)
  two.delete('2026-11-09')
  two.delete('2026-11-10')
  two.delete('2026-11-11')
  const others = 4 * 5 + 1 - 1
  assert.equal(forecast(two, '2026-11-04', '2026-11-02'), 11 + 4 * 10 + 3 * 1 + others * 5.5)
  // What is spent today already is not forecast again.
  assert.equal(
    forecast(
      new Map([
        ['2026-11-29', 4],
        ['2026-11-30', 9],
      ]),
      '2026-11-30',
      '2026-11-29',
    ),
    13,
  )
})
