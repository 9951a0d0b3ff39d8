import assert from 'node:assert/strict'
import { test } from 'node:test'
import { daily } from './days.ts'

test('every day of the month is there, in the currency that most was spent in', () => {
  const row = (key: string, micros: number, currency = 'EUR') => ({ key, micros, currency })
  const { days, currency, values } = daily(
    [row('2026-02-03', 1_500_000), row('2026-02-03', 500_000), row('2026-02-04', 10, 'USD')],
    '2026-02',
  )
  assert.deepEqual([days.length, currency], [28, 'EUR'])
  assert.deepEqual(values.slice(0, 4), [0, 0, 2, 0])
})

test('a month without costs has its days all the same', () => {
  assert.equal(daily([], '2026-11').days.length, 30)
})
