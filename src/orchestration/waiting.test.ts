import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { onEachStore } from '../../test/each-store.ts'
import { signal } from '../context/signals.ts'
import { testCompany } from '../testing.ts'
import { workflow } from './workflow.ts'

const paid = signal('paid', z.object({ invoice: z.string(), amount: z.number() }), { match: (p) => p.invoice })

const collect = workflow(
  'collect',
  { input: z.object({ name: z.string(), timeout: z.number().optional() }) },
  async (ctx, input) => {
    const timeout = input.timeout === undefined ? {} : { timeout: input.timeout }
    const got = await ctx.waitFor(paid, { match: 'i1', ...timeout })
    return { name: input.name, amount: got?.amount ?? null, at: ctx.now() }
  },
)

onEachStore('a signal that comes early is kept, and the oldest kept one is taken', async (url) => {
  await using company = await testCompany({ workflows: [collect], ...(url ? { url } : {}) })
  await company.send(paid, { invoice: 'i1', amount: 1 })
  await company.send(paid, { invoice: 'i1', amount: 2 })
  await company.send(paid, { invoice: 'other', amount: 9 })
  const amounts: unknown[] = []
  for (const name of ['a', 'b'])
    amounts.push(((await company.result(await company.run(collect, { name }))) as { amount: number }).amount)
  assert.deepEqual(amounts, [1, 2])
  const waiting = await company.run(collect, { name: 'c' })
  assert.equal((await company.row(waiting)).state, 'waiting')
  assert.deepEqual((await company.ask('status', {})).signals, { delivered: 2, kept: 1 })
  await company.check()
})

onEachStore('two runs that wait for the same are answered oldest first, a signal each', async (url) => {
  await using company = await testCompany({ workflows: [collect], ...(url ? { url } : {}) })
  const older = await company.run(collect, { name: 'older' })
  const newer = await company.run(collect, { name: 'newer' })
  await company.send(paid, { invoice: 'i1', amount: 1 })
  assert.equal((await company.row(newer)).state, 'waiting')
  await company.send(paid, { invoice: 'i1', amount: 2 })
  assert.equal(((await company.result(older)) as { amount: number }).amount, 1)
  assert.equal(((await company.result(newer)) as { amount: number }).amount, 2)
  await company.check()
})

test('many signals at once for many waits: each is delivered once', async () => {
  await using company = await testCompany({ workflows: [collect] })
  const runs = await Promise.all(Array.from({ length: 20 }, (_, i) => company.run(collect, { name: String(i) })))
  await Promise.all(Array.from({ length: 25 }, (_, i) => company.send(paid, { invoice: 'i1', amount: i })))
  const amounts = await Promise.all(runs.map(async (run) => ((await company.result(run)) as { amount: number }).amount))
  assert.equal(new Set(amounts).size, 20)
  assert.deepEqual((await company.ask('status', {})).signals, { delivered: 20, kept: 5 })
  await company.check()
})

onEachStore('a time-out answers null at its time, and a signal after it is kept', async (url) => {
  await using company = await testCompany({ workflows: [collect], ...(url ? { url } : {}) })
  const begun = company.clock.now()
  const run = await company.run(collect, { name: 'a', timeout: 60_000 })
  await company.advance('59s')
  assert.equal((await company.row(run)).state, 'waiting')
  await company.advance('1s')
  assert.deepEqual(await company.result(run), { name: 'a', amount: null, at: begun + 60_000 })
  await company.send(paid, { invoice: 'i1', amount: 1 })
  assert.deepEqual((await company.ask('status', {})).signals, { kept: 1 })
  await company.check()
})

test('a signal and a time-out at the same instant: one wins, and a signal that lost is kept', async () => {
  await using company = await testCompany({ workflows: [collect] })
  const runs = await Promise.all(
    Array.from({ length: 6 }, (_, i) => company.run(collect, { name: String(i), timeout: 60_000 })),
  )
  company.clock.advance(60_000)
  await Promise.all(runs.map((_, i) => company.send(paid, { invoice: 'i1', amount: i })))
  const answers = await Promise.all(
    runs.map(async (run) => ((await company.result(run)) as { amount: number | null }).amount),
  )
  const delivered = answers.filter((a) => a !== null).length
  const { signals } = await company.ask('status', {})
  assert.equal(signals.delivered ?? 0, delivered)
  assert.equal((signals.delivered ?? 0) + (signals.kept ?? 0), 6)
  await company.check()
})

test('a wait that was over when the process was down is over when it starts', async () => {
  await using first = await testCompany({ workflows: [collect] })
  const run = await first.run(collect, { name: 'a', timeout: 60_000 })
  await first.close()
  first.clock.advance(86_400_000)
  const again = await testCompany({ workflows: [collect], folder: first.folder, clock: first.clock })
  await again.idle()
  assert.equal(((await again.result(run)) as { amount: null }).amount, null)
  await again.close()
})

test('a signal that a cancelled run waited for is kept for the next', async () => {
  await using company = await testCompany({ workflows: [collect] })
  const run = await company.run(collect, { name: 'a' })
  await company.ask('cancel', { id: run })
  await company.send(paid, { invoice: 'i1', amount: 5 })
  assert.deepEqual((await company.ask('status', {})).signals, { kept: 1 })
  const next = await company.run(collect, { name: 'b' })
  assert.equal(((await company.result(next)) as { amount: number }).amount, 5)
  await company.check()
})
