import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { z } from 'zod'
import { onEachStore } from '../../test/each-store.ts'
import { testCompany } from '../testing.ts'
import { workflow } from './workflow.ts'

const calls: string[] = []
let works = false
const step = (name: string) => () => void calls.push(name)

const chain = workflow('chain', { input: z.object({ who: z.string() }) }, async (ctx, { who }) => {
  await ctx.step('one', step('one'))
  const two = await ctx.step('two', () => {
    calls.push('two')
    return calls.length
  })
  await ctx.step('three', () => {
    calls.push('three')
    if (!works) throw new Error('three is broken')
  })
  await ctx.scratch.set('two', two)
  return { who, two: ctx.scratch.get('two') }
})

beforeEach(() => {
  calls.length = 0
  works = false
})

onEachStore('a failed run is retried from the step that failed; what succeeded is not done again', async (url) => {
  await using company = await testCompany({ workflows: [chain], ...(url ? { url } : {}) })
  const run = await company.run(chain, { who: 'ada' })
  const [gate] = await company.queue()
  assert.match(gate!.title, /chain failed at "three": three is broken/)
  assert.deepEqual(
    gate!.choices.map((c) => c.outcome),
    ['retry', 'restart', 'compensate', 'cancel'],
  )
  await company.decide('retry')
  assert.equal((await company.row(run)).state, 'failed')
  works = true
  await company.decide('retry')
  assert.deepEqual(await company.result(run), { who: 'ada', two: 2 })
  assert.deepEqual(calls, ['one', 'two', 'three', 'three', 'three'])
  await company.check()
})

onEachStore('a failed run is retried from an earlier step on', async (url) => {
  await using company = await testCompany({ workflows: [chain], ...(url ? { url } : {}) })
  const run = await company.run(chain, { who: 'ada' })
  works = true
  await company.ask('retry', { id: run, step: 'two' })
  await company.idle()
  assert.deepEqual(await company.result(run), { who: 'ada', two: 4 })
  assert.deepEqual(calls, ['one', 'two', 'three', 'two', 'three'])
  await company.check()
})

test('a retry from a step that is not on the record is refused', async () => {
  await using company = await testCompany({ workflows: [chain] })
  const run = await company.run(chain, { who: 'ada' })
  await assert.rejects(company.ask('retry', { id: run, step: 'nine' }), { code: 'run.no_such_step' })
  await company.ask('retry', { id: run, step: 'one' })
  await company.idle()
  works = true
  await company.ask('retry', { id: run })
  await company.idle()
  await assert.rejects(company.ask('retry', { id: run }), { code: 'run.not_stuck' })
  await assert.rejects(company.ask('cancel', { id: run }), { code: 'run.ended' })
})

onEachStore('a failed run is started over on edited input', async (url) => {
  await using company = await testCompany({ workflows: [chain], ...(url ? { url } : {}) })
  const run = await company.run(chain, { who: 'ada' })
  works = true
  await assert.rejects(company.ask('restart', { id: run, input: { who: 1 } }), { code: 'run.bad_input' })
  await company.ask('restart', { id: run, input: { who: 'eve' } })
  await company.idle()
  assert.deepEqual(await company.result(run), { who: 'eve', two: 5 })
  assert.deepEqual(calls, ['one', 'two', 'three', 'one', 'two', 'three'])
  await company.check()
})

test('a failed run is cancelled with a reason, and not without', async () => {
  await using company = await testCompany({ workflows: [chain] })
  const run = await company.run(chain, { who: 'ada' })
  await assert.rejects(company.decide('cancel'), { code: 'gate.needs_reason' })
  await company.decide('cancel', { reason: 'no use' })
  assert.equal((await company.row(run)).state, 'cancelled')
  assert.deepEqual(await company.queue(), [])
  await company.check()
})

test('an error between steps is nobody’s: a retry does not do the step before it again', async () => {
  let fixed = false
  const between = workflow('between', {}, async (ctx) => {
    await ctx.step('pay', step('pay'))
    if (!fixed) throw new TypeError('undefined is not a total')
    return 'ok'
  })
  await using company = await testCompany({ workflows: [between] })
  const run = await company.run(between, null)
  assert.match((await company.queue())[0]!.title, /^between failed: undefined/)
  fixed = true
  await company.decide('retry')
  assert.equal(await company.result(run), 'ok')
  assert.deepEqual(calls, ['pay'])
  await company.check()
})

test('a name used twice fails without doing the first again when it is retried', async () => {
  const twice = workflow('twice', {}, async (ctx) => {
    await ctx.step('pay', step('pay'))
    await ctx.step('pay', step('pay'))
  })
  await using company = await testCompany({ workflows: [twice] })
  await company.run(twice, null)
  await company.decide('retry')
  assert.deepEqual(calls, ['pay'])
})

onEachStore('an answer that comes while a run is stuck counts once it goes on', async (url) => {
  const both = workflow('both', {}, async (ctx) => {
    const [answer] = await Promise.all([
      ctx.ask<string>({ title: 'Which?', options: ['a', 'b'] }),
      ctx.step('breaks', () => {
        if (!works) throw new Error('no')
      }),
    ])
    return answer
  })
  await using company = await testCompany({ workflows: [both], ...(url ? { url } : {}) })
  const run = await company.run(both, null)
  const gates = await company.queue()
  await company.decide('answer', { gate: gates.find((g) => g.kind === 'question')!.id, value: 'b' })
  works = true
  await company.decide('retry')
  assert.equal(await company.result(run), 'b')
  await company.check()
})

test('scratch that a retried step sets again reads as the new value', async () => {
  const scratchy = workflow('scratchy', {}, async (ctx) => {
    await ctx.step('draw', step('draw'))
    await ctx.scratch.set('n', calls.length)
    await ctx.step('breaks', () => {
      if (!works) throw new Error('no')
    })
    return ctx.scratch.get('n')
  })
  await using company = await testCompany({ workflows: [scratchy] })
  const run = await company.run(scratchy, null)
  works = true
  await company.ask('retry', { id: run, step: 'draw' })
  await company.idle()
  assert.equal(await company.result(run), 2)
  await company.check()
})
