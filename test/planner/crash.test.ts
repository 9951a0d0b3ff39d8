/** A plan of three effects: wherever the process dies, each happens once, and what was approved is what ran. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GateRow } from '../../src/governance/gates.ts'
import { company as declare } from '../../src/server/company.ts'
import { operate } from '../../src/server/operations.ts'
import { sql } from '../../src/store/index.ts'
import { scriptedModel } from '../../src/testing.ts'
import { inFolder } from '../crash/folder.ts'
import { lives } from '../crash/lives.ts'
import { assertOver, business, sound } from '../crash/state.ts'
import { answers, CHASE, GOAL, Office } from './office.ts'

const openGates = sql(`select * from gate where state = 'open' order by opened_seq, id`)
const runs = sql('select result from run')

async function play(at: number, single: boolean, folder: string) {
  const office = new Office()
  const ending = await lives(
    {
      folder,
      company: (life) => {
        office.around = (name, happen) => life.outside(name, happen)
        // A model that is asked again may say something else: what it said first is on the record, or nobody heard it.
        const model = scriptedModel([() => answers({ ...CHASE, summary: `As planned in life ${life.points.length}.` })])
        return declare({ name: 'Plan', connectors: office.connectors(), models: { heavy: model } })
      },
      async begin(company) {
        if (!(await company.store.first(runs()))) await operate(company, 'do', { goal: GOAL })
      },
      async act(company) {
        const gate = await company.store.first<GateRow>(openGates())
        if (!gate) return false
        await operate(company, 'decide', { id: gate.id, outcome: 'approve', binding: gate.binding ?? undefined })
        return true
      },
    },
    [{ at, single }],
    async (company) => {
      await sound(company)
      assertOver(await business(company))
      const rows = await company.store.read<{ result: string }>(runs())
      return rows.map((row) => (JSON.parse(row.result) as { state: string }).state)
    },
  )
  const where = `${single ? 'single' : 'grouped'}, died ${ending.deaths.join() || 'never'} (point ${at})`
  assert.deepEqual(ending.value, ['done'], where)
  assert.deepEqual(
    office.letters.map((l) => l.to),
    ['ada@example.org', 'cem@example.org', 'dee@example.org'],
    where,
  )
  return ending
}

// Before and after every commit and call; of what a group commit holds together, every third.
for (const [single, by] of [
  [true, 1],
  [false, 3],
] as const) {
  test(`each effect of a plan happens once, wherever it is stopped (${single ? 'commits one by one' : 'group commit'})`, async (t) => {
    let at = 1
    while ((await inFolder((folder) => play(at, single, folder))).deaths.length > 0) at += by
    t.diagnostic(`${at - 1} points`)
    assert.ok(at > 40, `only ${at} points`)
  })
}
