import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { onEachStore } from '../../test/each-store.ts'
import { signal } from '../context/signals.ts'
import { testCompany, type TestCompany } from '../testing.ts'
import { workflow, type AnyWorkflow, type Context } from './workflow.ts'

const go = signal('go', z.object({ id: z.string() }), { match: (p) => p.id })

/** A workflow whose code is what the test says, under one name. */
function coded(body: (ctx: Context) => Promise<unknown>, version = 1) {
  return workflow('changing', { version }, body)
}

const before = coded(async (ctx) => {
  await ctx.step('load', () => 1, { input: { page: 1 } })
  await ctx.waitFor(go, { match: 'x' })
  return ctx.step('store', () => 'stored')
})

/** Starts a run under `before`, then opens the company with other code and lets the run go on. */
async function change(after: readonly AnyWorkflow[], url?: string): Promise<{ company: TestCompany; run: string }> {
  const options = url ? { url } : {}
  const first = await testCompany({ workflows: [before], ...options })
  const run = await first.run(before, null)
  await first.close()
  const company = await testCompany({ workflows: after, folder: first.folder, clock: first.clock, ...options })
  await company.send(go, { id: 'x' })
  return { company, run }
}

async function reopen(company: TestCompany, workflows: readonly AnyWorkflow[], url?: string): Promise<TestCompany> {
  await company.close()
  return testCompany({ workflows, folder: company.folder, clock: company.clock, ...(url ? { url } : {}) })
}

const CHANGES: readonly (readonly [string, () => AnyWorkflow, string])[] = [
  [
    'other declared input',
    () =>
      coded(async (ctx) => {
        await ctx.step('load', () => 1, { input: { page: 2 } })
        await ctx.waitFor(go, { match: 'x' })
      }),
    'load',
  ],
  [
    'another kind of call',
    () =>
      coded(async (ctx) => {
        await ctx.sleep(5, { name: 'load' })
        await ctx.waitFor(go, { match: 'x' })
      }),
    'load',
  ],
  [
    'another name',
    () =>
      coded(async (ctx) => {
        await ctx.step('fetch', () => 1, { input: { page: 1 } })
        await ctx.waitFor(go, { match: 'x' })
      }),
    'load',
  ],
  ['a call that is gone', () => coded(async () => 'at once'), 'load'],
  [
    'another match',
    () =>
      coded(async (ctx) => {
        await ctx.step('load', () => 1, { input: { page: 1 } })
        await ctx.waitFor(go, { match: 'y' })
      }),
    'go',
  ],
]

for (const [what, after, op] of CHANGES) {
  test(`a run whose code has ${what} is parked there, and goes on once the code is back`, async () => {
    const { company, run } = await change([after()])
    const row = await company.row(run)
    assert.deepEqual([row.state, row.error_code], ['parked', 'run.mismatch'])
    const [gate] = await company.queue()
    assert.match(gate!.title, new RegExp(`is parked at "${op}"`))
    assert.deepEqual(
      gate!.choices.map((c) => c.outcome),
      ['continue', 'restart', 'cancel'],
    )
    await using back = await reopen(company, [before])
    await back.decide('continue')
    assert.equal(await back.result(run), 'stored')
    await back.check()
  })
}

onEachStore('another version parks a run; the operator says that it goes on', async (url) => {
  const next = coded((ctx) => before.body(ctx, null), 2)
  const { company, run } = await change([next], url)
  assert.equal((await company.row(run)).error_code, 'run.version')
  await company.decide('continue')
  assert.equal(await company.result(run), 'stored')
  assert.equal((await company.row(run)).version, 2)
  await company.check()
  await company[Symbol.asyncDispose]()
})

test('a run whose workflow is gone is parked, goes nowhere without it, and starts over when it is back', async () => {
  const { company, run } = await change([])
  assert.equal((await company.row(run)).error_code, 'run.workflow_missing')
  await assert.rejects(company.decide('continue'), { code: 'run.workflow_missing' })
  await assert.rejects(company.decide('restart'), { code: 'run.workflow_missing' })
  await using back = await reopen(company, [before])
  // The signal that it had waited for before is there for it again.
  await back.decide('restart')
  assert.equal(await back.result(run), 'stored')
  await back.check()
})

test('a parked run is cancelled without its workflow', async () => {
  const { company, run } = await change([])
  await company.decide('cancel', { reason: 'gone for good' })
  assert.equal((await company.row(run)).state, 'cancelled')
  await company.check()
  await company[Symbol.asyncDispose]()
})

test('a failed run whose workflow is gone can still be compensated', async () => {
  const failing = workflow('failing', {}, async () => {
    throw new Error('no')
  })
  const first = await testCompany({ workflows: [failing] })
  const run = await first.run(failing, null)
  await using again = await reopen(first, [])
  await again.decide('compensate')
  assert.equal((await again.row(run)).state, 'cancelled')
  await again.check()
})
