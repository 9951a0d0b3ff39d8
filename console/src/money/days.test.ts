import assert from 'node:assert/strict'
import { test } from 'node:test'
import { daily, dayIn, ticks } from './days.ts'

test('every day of the month is there, in the currency that most was spent in', () => {
  const row = (key: string, micros: number, currency = 'EUR') => ({ key, micros, currency })
  const { days, currency, micros } = daily(
    [row('2026-02-03', 1_500_000), row('2026-02-03', 500_000), row('2026-02-04', 10, 'USD')],
    '2026-02',
  )
  assert.deepEqual([days.length, currency], [28, 'EUR'])
  assert.deepEqual(micros.slice(0, 4), [0, 0, 2_000_000, 0])
})

test('a month without costs has its days all the same', () => {
  assert.equal(daily([], '2026-11').days.length, 30)
})

test('the day is that of the zone of the company, and of the month alone', () => {
  const lateInLondon = Date.UTC(2026, 9, 31, 23, 30)
  assert.equal(dayIn('2026-10', 'Europe/London', lateInLondon), 31)
  assert.equal(dayIn('2026-11', 'Europe/Berlin', lateInLondon), 1)
  assert.equal(dayIn('2026-10', 'Europe/Berlin', lateInLondon), null)
})

test('the axis has round numbers, few of them, and holds the most', () => {
  assert.deepEqual(ticks(0), [0, 1])
  assert.deepEqual(ticks(4), [0, 1, 2, 3, 4])
  assert.deepEqual(ticks(9), [0, 2.5, 5, 7.5, 10])
  assert.deepEqual(ticks(1_840), [0, 500, 1_000, 1_500, 2_000])
  for (let most = 1; most < 1e9; most = most * 1.37 + 1) {
    const of = ticks(most)
    assert.ok(of.length >= 3 && of.length <= 5 && of.at(-1)! >= most && of.at(-2)! < most, `${most}: ${of.join()}`)
  }
})
