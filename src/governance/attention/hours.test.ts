import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseUntil } from './away.ts'
import { nextDigest, quietUntil, readHours, type AttentionOptions } from './hours.ts'

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString().slice(0, 16))
const at = (text: string): number => Date.parse(`${text}Z`)
const VIENNA = 'Europe/Vienna'

function quiet(now: string, options: AttentionOptions['quiet'], zone = VIENNA): string | null {
  return iso(quietUntil(readHours(options ? { quiet: options } : {}, zone), at(now)))
}

void test('quiet hours end when clocks in the zone say so', () => {
  const night = { from: '20:00', to: '07:00' }
  assert.equal(quiet('2026-11-22T18:59', night), null)
  assert.equal(quiet('2026-11-22T19:00', night), '2026-11-23T06:00')
  assert.equal(quiet('2026-11-23T05:59', night), '2026-11-23T06:00')
  assert.equal(quiet('2026-11-23T06:00', night), null)
  assert.equal(quiet('2026-11-22T19:00', undefined), null)
})

void test('a night in which the clocks change is an hour longer or shorter', () => {
  const night = { from: '20:00', to: '07:00' }
  assert.equal(quiet('2026-03-28T19:30', night), '2026-03-29T05:00')
  assert.equal(quiet('2026-10-24T18:30', night), '2026-10-25T06:00')
})

void test('quiet hours of some days, and those that follow on each other, are one', () => {
  const night = { from: '20:00', to: '07:00', days: ['mon', 'tue', 'wed', 'thu'] } as const
  const weekend = { from: '18:00', to: '24:00', days: ['fri'] } as const
  const off = { from: '00:00', to: '24:00', days: ['sat', 'sun'] } as const
  const all = [night, weekend, off]
  // Friday 27 November, 17:30 and 18:30 in Vienna; until Monday begins.
  assert.equal(quiet('2026-11-27T16:30', all), null)
  assert.equal(quiet('2026-11-27T17:30', all), '2026-11-29T23:00')
  assert.equal(quiet('2026-11-27T05:30', all), '2026-11-27T06:00')
  assert.equal(quiet('2026-11-30T05:00', all), null)
  // The same time twice is a whole day round.
  assert.equal(quiet('2026-11-23T07:30', { from: '08:00', to: '08:00', days: ['mon'] }), '2026-11-24T07:00')
})

void test('the next digest comes at its local time, or when the quiet hours that it fell in are over', () => {
  const next = (now: string, options: AttentionOptions, zone = VIENNA) => {
    const hours = readHours(options, zone)
    return iso(nextDigest({ ...hours, digest: hours.digest! }, at(now)))
  }
  const digest = { at: '08:00' }
  assert.equal(next('2026-11-22T06:59', { digest }), '2026-11-22T07:00')
  assert.equal(next('2026-11-22T07:00', { digest }), '2026-11-23T07:00')
  assert.equal(next('2026-03-28T12:00', { digest }), '2026-03-29T06:00')
  assert.equal(next('2026-10-24T12:00', { digest }), '2026-10-25T07:00')
  assert.equal(next('2026-03-28T12:00', { digest: { at: '02:30' } }), '2026-03-29T01:30')
  assert.equal(next('2026-11-22T06:59', { digest: { at: '08:00', zone: 'America/New_York' } }), '2026-11-22T13:00')
  assert.equal(next('2026-11-22T06:59', { digest, quiet: { from: '20:00', to: '09:30' } }), '2026-11-22T08:30')
})

void test('hours that could not be kept are refused', () => {
  const refused = (options: AttentionOptions, code: string) =>
    assert.throws(() => readHours(options, 'UTC'), { code }, JSON.stringify(options))
  refused({ digest: { at: '8' } }, 'company.time')
  refused({ digest: { at: '08:00', zone: 'Vienna' } }, 'company.zone')
  refused({ quiet: { from: '20:00', to: '7' } }, 'company.time')
  refused({ quiet: { from: '20:00', to: '07:00', days: ['monday' as never] } }, 'company.attention')
  refused({ quiet: { from: '00:00', to: '24:00' } }, 'company.attention')
  refused({ askAgain: 0 }, 'company.attention')
  refused({ askAgain: 'soon' as never }, 'duration.invalid')
  assert.throws(() => readHours({}, 'Vienna'), { code: 'company.zone' })
})

void test('a return is a day or a time of the zone', () => {
  assert.equal(iso(parseUntil('2026-12-01', VIENNA)), '2026-11-30T23:00')
  assert.equal(iso(parseUntil('2026-12-01T18:30', VIENNA)), '2026-12-01T17:30')
  assert.equal(iso(parseUntil('2026-07-01', VIENNA)), '2026-06-30T22:00')
  for (const text of ['tomorrow', '2026-13-01', '2026-02-30', '2026-12-01T25:00', '2026-12-01T18:00+02:00', ''])
    assert.throws(() => parseUntil(text, VIENNA), { code: 'away.bad_time' }, text)
})
