import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addDays, dayOf, daysOf, minutesOf, momentOf, weekdayOf } from './calendar.ts'

const iso = (at: number): string => new Date(at).toISOString().slice(0, 16)
const moment = (day: string, time: string, zone: string): string => iso(momentOf(day, minutesOf(time), zone))

void test('a day is the one that clocks in the zone show', () => {
  const at = Date.UTC(2026, 10, 30, 23, 30)
  assert.equal(dayOf(at, 'UTC'), '2026-11-30')
  assert.equal(dayOf(at, 'Europe/Vienna'), '2026-12-01')
  assert.equal(dayOf(at, 'America/New_York'), '2026-11-30')
  assert.equal(dayOf(Date.UTC(2026, 11, 31, 10, 0), 'Pacific/Kiritimati'), '2027-01-01')
})

void test('a time of day comes at its moment, also through the change to summer time and back', () => {
  assert.equal(moment('2026-03-28', '08:00', 'Europe/Vienna'), '2026-03-28T07:00')
  assert.equal(moment('2026-03-29', '08:00', 'Europe/Vienna'), '2026-03-29T06:00')
  assert.equal(moment('2026-10-25', '08:00', 'Europe/Vienna'), '2026-10-25T07:00')
  assert.equal(moment('2026-11-22', '24:00', 'Europe/Vienna'), '2026-11-22T23:00')
})

void test('a time that is skipped comes as much later, one that comes twice the first time', () => {
  assert.equal(moment('2026-03-29', '02:30', 'Europe/Vienna'), '2026-03-29T01:30')
  assert.equal(moment('2026-10-25', '02:30', 'Europe/Vienna'), '2026-10-25T00:30')
  // There midnight itself is skipped: the day begins at one.
  assert.equal(moment('2026-03-29', '00:00', 'Asia/Beirut'), '2026-03-28T22:00')
  assert.equal(dayOf(momentOf('2026-03-29', 0, 'Asia/Beirut'), 'Asia/Beirut'), '2026-03-29')
  // Half an hour forward and back.
  assert.equal(moment('2026-10-04', '02:15', 'Australia/Lord_Howe'), '2026-10-03T15:45')
  assert.equal(moment('2026-04-05', '01:45', 'Australia/Lord_Howe'), '2026-04-04T14:45')
})

void test('days follow each other', () => {
  assert.equal(addDays('2026-02-28', 1), '2026-03-01')
  assert.equal(addDays('2026-03-30', -1), '2026-03-29')
  assert.equal(daysOf('2028-02').length, 29)
  assert.equal(weekdayOf('2026-11-22'), 0)
})

void test('what is no time or zone is refused', () => {
  for (const time of ['8:00', '24:01', '12:60', 'noon', ''])
    assert.throws(() => minutesOf(time), { code: 'company.time' })
  assert.throws(() => dayOf(0, 'Europe/Atlantis'), { code: 'company.zone' })
})
