import assert from 'node:assert/strict'
import { test } from 'node:test'
import { humanDuration, milliseconds, type Duration } from './durations.ts'

test('durations are numbers with a unit', () => {
  const known: readonly (readonly [Duration, number])[] = [
    [5, 5],
    ['500ms', 500],
    ['1.5s', 1_500],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['3d', 259_200_000],
    ['1w', 604_800_000],
  ]
  for (const [text, ms] of known) assert.equal(milliseconds(text), ms)
})

test('anything else is refused', () => {
  for (const text of ['', '10', 'm', '-1s', '1 h', '1h30m', '1e3s', '٣s', Number.NaN, -1, Number.POSITIVE_INFINITY]) {
    assert.throws(() => milliseconds(text as Duration), { code: 'duration.invalid' })
  }
})

test('people read them in two units at most', () => {
  assert.deepEqual([0, 59_400, 3_600_000, 5_400_000, 90_000_000].map(humanDuration), [
    '0 s',
    '59 s',
    '1 h',
    '1 h 30 min',
    '1 d 1 h',
  ])
})
