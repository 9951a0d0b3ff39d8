import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clock, exact, lasting, relative, snoozeTimes } from './time.ts'

const NOW = Date.UTC(2026, 10, 22, 14, 3, 7)

test('what was and what comes is told from now, and what is far away by its date', () => {
  assert.equal(relative(NOW - 20_000, NOW), 'just now')
  assert.equal(relative(NOW + 20_000, NOW), 'in 20 s')
  assert.equal(relative(NOW - 4 * 60_000, NOW), '4 min ago')
  assert.equal(relative(NOW + 3 * 3_600_000, NOW), 'in 3 h')
  assert.equal(relative(NOW - 2 * 86_400_000, NOW), '2 d ago')
  assert.equal(relative(NOW - 90 * 86_400_000, NOW), '24 Aug 2026')
})

test('an exact time has its day and its seconds', () => {
  assert.equal(exact(NOW, 'UTC'), 'Sun, 22 Nov 2026, 14:03:07')
  assert.equal(clock(NOW - 3_600_000, NOW, 'UTC'), '13:03')
  assert.equal(clock(NOW - 86_400_000, NOW, 'UTC'), '21 Nov 14:03')
})

test('how long something took has two units at most', () => {
  for (const [ms, text] of [
    [400, '400 ms'],
    [4_200, '4.2 s'],
    [12_000, '12 s'],
    [200_000, '3 min 20 s'],
    [180_000, '3 min'],
    [7_500_000, '2 h 5 min'],
    [3 * 86_400_000 + 4 * 3_600_000, '3 d 4 h'],
  ] as const)
    assert.equal(lasting(ms), text)
})

test('every time to snooze until is still to come, in order', () => {
  for (let day = 0; day < 7; day++) {
    const now = NOW + day * 86_400_000
    const times = snoozeTimes(now)
    assert.ok(times.every(({ until }) => until > now))
    assert.equal(new Date(times.at(-1)!.until).getDay(), 1)
  }
})
