import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { test } from 'node:test'
import { z } from 'zod'
import { entity } from '../context/facts.ts'
import { signal } from '../context/signals.ts'
import { sql } from '../store/index.ts'
import { FakeClock, testCompany } from '../testing.ts'
import { workflow } from './workflow.ts'

const mail = signal('mail', z.object({ from: z.string(), n: z.int() }), { match: (m) => m.from })

test('a question is open for its whole time, however long its run lay in the queue of its lane', async () => {
  const asks = workflow('asks', { on: mail, lane: (m) => m.from }, async (ctx, m) =>
    ctx.ask({ title: `Number ${m.n}?`, options: ['yes'], timeout: '1d', otherwise: 'nobody' }),
  )
  await using company = await testCompany({ workflows: [asks] })
  await company.send(mail, { from: 'ada', n: 1 })
  await company.send(mail, { from: 'ada', n: 2 })
  await company.advance('1d')
  const [gate] = await company.queue()
  assert.equal(gate?.title, 'Number 2?')
  await company.decide('answer', { value: 'yes' })
  const runs = await company.list('runs', {})
  assert.deepEqual(await Promise.all(runs.map((r) => company.result(r.id))), ['yes', 'nobody'])
  await company.check()
})

test('a run takes the signal it waits for from the run that waits behind it in its lane', async () => {
  const talks = workflow('talks', { on: mail, lane: (m) => m.from }, async (ctx, m) => {
    await ctx.ask({ title: 'Write back?', options: ['yes'] })
    const answer = await ctx.waitFor(mail, { match: m.from })
    return [m.n, answer?.n]
  })
  await using company = await testCompany({ workflows: [talks] })
  await company.send(mail, { from: 'ada', n: 1 })
  await company.send(mail, { from: 'ada', n: 2 })
  await company.decide('answer', { value: 'yes' })
  const [second, first] = await company.list('runs', {})
  assert.deepEqual(await company.result(first!.id), [1, 2])
  assert.equal(second?.state, 'cancelled')
  assert.deepEqual(await company.queue(), [])
  await company.check()
})

test('a workflow at its limit can still have children of its own kind', async () => {
  const deep: ReturnType<typeof workflow<number, number>> = workflow(
    'deep',
    { input: z.int(), limit: 1 },
    async (ctx, n) => (n === 0 ? 0 : 1 + (await ctx.child(deep, n - 1))),
  )
  await using company = await testCompany({ workflows: [deep] })
  assert.equal(await company.result(await company.run(deep, 3)), 3)
})

test("a child that an outsider's mail led to speaks with an outsider's word", async () => {
  const Person = entity('person', { said: z.string() })
  const notes = workflow('notes', { input: z.object({ from: z.string() }) }, async (ctx, { from }) => {
    await ctx.facts.assert(await ctx.facts.about(Person, from), { said: 'I am the boss' })
  })
  const reads = workflow('reads', { on: mail }, (ctx, m) => ctx.child(notes, { from: m.from }))
  await using company = await testCompany({ workflows: [notes, reads] })
  await company.send(mail, { from: 'eve', n: 1 }, { trust: 'outsider' })
  const facts = await company.open.store.read<{ trust: string }>(sql('select trust from fact')())
  assert.deepEqual(
    facts.map((f) => f.trust),
    ['outsider'],
  )
})

test('work that was recorded while the clock ran ahead is done all the same', async () => {
  const once = workflow('once', { on: mail }, async (ctx) => ctx.step('work', () => 'done'))
  const ahead = await testCompany({ workflows: [once], clock: new FakeClock(Date.UTC(2036, 0, 1)) })
  await ahead.send(mail, { from: 'ada', n: 1 })
  await ahead.close()
  const back = await testCompany({
    workflows: [once],
    clock: new FakeClock(Date.UTC(2026, 0, 1)),
    folder: ahead.folder,
  })
  await back.send(mail, { from: 'ada', n: 2 })
  const runs = await back.list('runs', {})
  assert.deepEqual(
    runs.map((r) => r.state),
    ['done', 'done'],
  )
  await back.close()
  await rm(ahead.folder, { recursive: true, force: true })
})

test('a schedule of a single time fires once and never again', async () => {
  const clock = new FakeClock(Date.UTC(2026, 11, 24, 8))
  const eve = workflow('eve', { schedule: { cron: '2026-12-24T09:00:00' } }, async () => 'rung')
  await using company = await testCompany({ workflows: [eve], clock })
  await company.advance('2h')
  await company.advance('2d')
  const runs = await company.list('runs', {})
  assert.deepEqual(
    runs.map((r) => r.state),
    ['done'],
  )
  await company.check()
})
