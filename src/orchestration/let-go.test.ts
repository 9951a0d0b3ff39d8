import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { signal } from '../context/signals.ts'
import { FactotumError } from '../lib/errors.ts'
import { testCompany } from '../testing.ts'
import { workflow, type Context } from './workflow.ts'

const go = signal('go', z.object({ id: z.string() }), { match: (p) => p.id })

test('a workflow that awaits something foreign fails, saying what to do', async () => {
  const foreign = workflow('foreign', {}, async (ctx) => {
    await ctx.step('before', () => 1)
    await new Promise((resolve) => setTimeout(resolve, 1_000).unref())
    await ctx.step('after', () => 1)
  })
  await using company = await testCompany({ workflows: [foreign] })
  const row = await company.row(await company.run(foreign, null))
  assert.equal(row.state, 'failed')
  assert.equal(row.error_code, 'run.foreign_await')
  assert.match(row.error ?? '', /after "before".*ctx\.step/)
})

test('a step that is at work when the workflow returns is recorded before the run ends', async () => {
  let finish = (): void => {}
  const early = workflow('early', {}, async (ctx) => {
    void ctx.step('late', () => new Promise<void>((resolve) => (finish = resolve)))
    await ctx.step('quick', () => 1)
    setImmediate(() => finish())
    return 'returned'
  })
  await using company = await testCompany({ workflows: [early] })
  const run = await company.run(early, null)
  assert.equal(await company.result(run), 'returned')
  const story = await company.ask('run', { id: run })
  const ops = story.nodes.map((n) => `${n.kind} ${typeof n.body.op === 'string' ? n.body.op : ''}`)
  assert.deepEqual(ops, ['run.started@1 ', 'step.completed@1 quick', 'step.completed@1 late', 'run.completed@1 '])
  await company.check()
})

test('a call after the end is refused, naming the call', async () => {
  let kept: Context | undefined
  const leaking = workflow('leaking', {}, async (ctx) => {
    kept = ctx
    return ctx.step('only', () => 1)
  })
  await using company = await testCompany({ workflows: [leaking] })
  await company.run(leaking, null)
  await assert.rejects(
    kept!.step('too late', () => 1),
    (error: FactotumError) => {
      assert.equal(error.code, 'run.context_released')
      assert.match(error.message, /"too late"/)
      return true
    },
  )
})

test('a call that nobody awaits and that fails does not end the process', async () => {
  const rejections: unknown[] = []
  const hear = (reason: unknown) => rejections.push(reason)
  process.on('unhandledRejection', hear)
  try {
    const fail = () => {
      throw new FactotumError('x.failed', 'It failed.')
    }
    const careless = workflow('careless', {}, async (ctx) => {
      const later = ctx.step('fails first', fail)
      void ctx.step('never awaited', fail)
      void ctx.step('fine', () => 1)
      void ctx.step('fine', () => 2)
      void ctx.step('bad input', () => 2, { input: 1n })
      void ctx.scratch.set('k', 1, { ttl: '1s' })
      await ctx.waitFor(go, { match: 'x' })
      return later.catch((error: FactotumError) => error.code)
    })
    const released = workflow('released', {}, async (ctx) => {
      void ctx.step('a', () => 1).then(() => ctx.step('b', () => 1))
    })
    await using company = await testCompany({ workflows: [careless, released] })
    const run = await company.run(careless, null)
    await company.run(released, null)
    await company.send(go, { id: 'x' })
    assert.equal(await company.result(run), 'x.failed')
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.deepEqual(rejections, [])
    await company.check()
  } finally {
    process.off('unhandledRejection', hear)
  }
})
