import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { signal } from '../context/signals.ts'
import { Shop } from '../../test/shop.ts'
import { testCompany } from '../testing.ts'
import { agent } from './agent.ts'
import { workflow } from './workflow.ts'

test('a retry keeps what another branch did beside the step that failed: nothing is sent, decided or asserted twice', async () => {
  const shop = new Shop()
  let works = false
  let ruled = 0
  let fail: (error: Error) => void = () => {}
  const judge = agent('judge', {
    output: z.enum(['good']),
    tiers: [
      () => {
        ruled++
        return { value: 'good' as const }
      },
    ],
  })
  const both = workflow('both', {}, async (ctx) => {
    const results = await Promise.allSettled([
      ctx.step('bad', () => (works ? 'mended' : new Promise((_, reject) => (fail = reject)))),
      (async () => {
        await ctx.step('load', () => 'loaded')
        await ctx.decide(judge, null)
        return ctx.act(shop.print(), { item: 'letter', amount: 1 })
      })(),
    ])
    const [bad, other] = results
    if (bad.status === 'rejected') throw bad.reason
    return [bad.value, other.status]
  })
  await using company = await testCompany({ workflows: [both], connectors: [shop.connector()] })
  const started = company.open.store
  const run = company.run(both, null)
  // The step fails first; the branch beside it goes on from there.
  while ((await started.engine.head()) < 3) await new Promise(setImmediate)
  fail(new Error('broken'))
  const id = await run
  await company.decide('approve', { gate: (await company.queue()).find((g) => g.kind === 'effect')!.id })
  assert.equal((await company.row(id)).state, 'failed')
  assert.equal(shop.calls.length, 1)
  works = true
  await company.decide('retry')
  assert.deepEqual(await company.result(id), ['mended', 'fulfilled'])
  assert.equal(shop.calls.length, 1)
  assert.equal(ruled, 1)
  await company.check()
})

test('what follows from the step that failed is done again: the branch that mended it does not count any more', async () => {
  let works = false
  const calls: string[] = []
  const mending = workflow('mending', {}, async (ctx) => {
    try {
      await ctx.step('risky', () => {
        if (!works) throw new Error('broken')
      })
    } catch (error) {
      await ctx.step('clean up', () => void calls.push('clean up'))
      throw error
    }
    return ctx.step('go on', () => 'done')
  })
  await using company = await testCompany({ workflows: [mending] })
  const id = await company.run(mending, null)
  works = true
  await company.decide('retry')
  assert.equal(await company.result(id), 'done')
  assert.deepEqual(calls, ['clean up'])
  await company.check()
})

test('a signal that a run had taken is there for it again when it starts over', async () => {
  const paid = signal('paid', z.object({ id: z.string() }), { match: (p) => p.id })
  let works = false
  const waits = workflow('waits', {}, async (ctx) => {
    const got = await ctx.waitFor(paid, { match: 'x' })
    await ctx.step('use', () => {
      if (!works) throw new Error('broken')
    })
    return got
  })
  await using company = await testCompany({ workflows: [waits] })
  const id = await company.run(waits, null)
  await company.send(paid, { id: 'x' })
  assert.equal((await company.row(id)).state, 'failed')
  works = true
  await company.decide('restart')
  assert.deepEqual(await company.result(id), { id: 'x' })
  await company.check()
})
