import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { signal } from '../context/signals.ts'
import { testCompany } from '../testing.ts'
import { workflow } from './workflow.ts'

const MANY = 5_000
const begin = signal('begin', z.object({ n: z.number() }))
const bodies = new Set<WeakRef<object>>()

const waits = workflow('waits', { on: begin }, async (ctx, { n }) => {
  bodies.add(new WeakRef(ctx))
  const answer = await ctx.ask<string>({ title: `Question ${n}`, options: ['yes'] })
  return `${n} ${answer}`
})

test('runs that wait at gates are rows: nobody drives them, and one is answered among thousands', async () => {
  await using company = await testCompany({ workflows: [waits] })
  await Promise.all(Array.from({ length: MANY }, (_, n) => company.send(begin, { n })))
  assert.deepEqual((await company.ask('status', {})).runs, { waiting: MANY })
  const { engine } = company.open.store
  const rows = await engine.queryText('select count(*) as n from lease where until > 0', [])
  assert.equal(Number(rows[0]!.n), 0)
  const asleep = await engine.queryText(`select count(*) as n from work where kind = 'run' and at is null`, [])
  assert.equal(Number(asleep[0]!.n), MANY)
  assert.equal(bodies.size, MANY)
  // Each was driven once, and a restart drives none.
  await company.close()
  const again = await testCompany({ workflows: [waits], folder: company.folder, clock: company.clock })
  await again.idle()
  assert.equal(bodies.size, MANY)
  const [gate] = await again.queue()
  await again.decide('answer', { gate: gate!.id, value: 'yes' })
  assert.equal(bodies.size, MANY + 1)
  assert.match(JSON.stringify(await again.result(gate!.run!)), /^"\d+ yes"$/)
  await again.close()
})
