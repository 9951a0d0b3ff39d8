import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { onEachStore } from '../../test/each-store.ts'
import { Shop } from '../../test/shop.ts'
import { signal } from '../context/signals.ts'
import type { FactotumError } from '../lib/errors.ts'
import { testCompany, type TestCompany } from '../testing.ts'
import { workflow } from './workflow.ts'

let broken = true
const leaf = workflow('leaf', { input: z.object({ n: z.number() }) }, async (ctx, { n }) => {
  if (n < 0) {
    await ctx.step('breaks', () => {
      if (broken) throw new Error('negative')
    })
  }
  const answer = n === 0 ? await ctx.ask<string>({ title: 'Zero?', options: ['yes'] }) : 'ok'
  return { twice: n * 2, answer }
})
const parent = workflow('parent', { input: z.object({ n: z.number() }) }, async (ctx, input) => {
  try {
    return await ctx.child(leaf, input)
  } catch (error) {
    return { code: (error as FactotumError).code, message: (error as FactotumError).message }
  }
})
const grand = workflow('grand', { input: z.object({ n: z.number() }) }, (ctx, input) => ctx.child(parent, input))
const workflows = [leaf, parent, grand]

async function childOf(company: TestCompany, run: string): Promise<string> {
  return (await company.list('runs', {})).find((r) => r.parent === run)!.id
}

onEachStore('a child answers its parent, and is its own run', async (url) => {
  await using company = await testCompany({ workflows, ...(url ? { url } : {}) })
  const run = await company.run(grand, { n: 4 })
  assert.deepEqual(await company.result(run), { twice: 8, answer: 'ok' })
  assert.deepEqual((await company.ask('status', {})).runs, { done: 3 })
  await company.check()
})

test('a child that fails keeps its parent waiting until the operator has decided', async () => {
  await using company = await testCompany({ workflows })
  broken = true
  const run = await company.run(parent, { n: -1 })
  assert.equal((await company.row(run)).state, 'waiting')
  assert.equal((await company.row(await childOf(company, run))).state, 'failed')
  broken = false
  await company.decide('retry')
  assert.deepEqual(await company.result(run), { twice: -2, answer: 'ok' })
  await company.check()
})

onEachStore('a child that is cancelled tells its parent, with a code', async (url) => {
  await using company = await testCompany({ workflows, ...(url ? { url } : {}) })
  const run = await company.run(parent, { n: 0 })
  await company.ask('cancel', { id: await childOf(company, run) })
  await company.idle()
  const got = (await company.result(run)) as { code: string; message: string }
  assert.equal(got.code, 'run.child_ended')
  assert.match(got.message, /"leaf" was cancelled/)
  await company.check()
})

test('a failed child that is cancelled at its gate tells its parent', async () => {
  await using company = await testCompany({ workflows })
  broken = true
  const run = await company.run(parent, { n: -1 })
  await company.decide('cancel', { reason: 'no use' })
  assert.equal(((await company.result(run)) as { code: string }).code, 'run.child_ended')
  await company.check()
})

onEachStore('cancelling a run cancels what it waits for, down to the last grandchild and its gate', async (url) => {
  await using company = await testCompany({ workflows, ...(url ? { url } : {}) })
  const run = await company.run(grand, { n: 0 })
  assert.equal((await company.queue()).length, 1)
  await company.ask('cancel', { id: run, reason: 'changed my mind' })
  await company.idle()
  assert.deepEqual((await company.ask('status', {})).runs, { cancelled: 3 })
  assert.deepEqual(await company.queue(), [])
  await company.check()
})

test('cancelling a parent closes the gate of a child that had failed', async () => {
  await using company = await testCompany({ workflows })
  broken = true
  const run = await company.run(grand, { n: -1 })
  await company.ask('cancel', { id: run })
  assert.deepEqual((await company.ask('status', {})).runs, { cancelled: 3 })
  assert.deepEqual(await company.queue(), [])
  await company.check()
})

test('a failed parent that is cancelled at its gate takes its children with it', async () => {
  const both = workflow('both', {}, (ctx) =>
    Promise.all([
      ctx.child(leaf, { n: 0 }),
      ctx.step('breaks', () => {
        throw new Error('no')
      }),
    ]),
  )
  await using company = await testCompany({ workflows: [...workflows, both] })
  const run = await company.run(both, null)
  const gate = (await company.queue()).find((g) => g.run === run)!
  await company.decide('cancel', { gate: gate.id, reason: 'no use' })
  assert.deepEqual((await company.ask('status', {})).runs, { cancelled: 2 })
  assert.deepEqual(await company.queue(), [])
  await company.check()
})

test('a child is given only what its workflow takes', async () => {
  const wrong = workflow('wrong', {}, (ctx) => ctx.child(leaf, { n: 'x' as unknown as number }))
  await using company = await testCompany({ workflows: [...workflows, wrong] })
  const row = await company.row(await company.run(wrong, null))
  assert.equal(row.error_code, 'run.bad_input')
  assert.match(row.error ?? '', /"leaf".*at n/)
})

test('retrying a parent from a cancelled child starts a new one', async () => {
  const strict = workflow('strict', {}, (ctx) => ctx.child(leaf, { n: 0 }))
  await using company = await testCompany({ workflows: [...workflows, strict] })
  const run = await company.run(strict, null)
  await company.ask('cancel', { id: await childOf(company, run) })
  await company.idle()
  const row = await company.row(run)
  assert.deepEqual([row.state, row.error_code], ['failed', 'run.child_ended'])
  await company.decide('retry')
  await company.decide('answer', { value: 'yes' })
  assert.deepEqual(await company.result(run), { twice: 0, answer: 'yes' })
  await company.check()
})

test('what a child answers, and what a service tells, is trusted no more than what it rests on', async () => {
  const shop = new Shop()
  const heard = signal('heard', z.object({ item: z.string() }), { match: () => 'any' })
  const listen = workflow(
    'listen',
    { input: z.null() },
    async (ctx) => (await ctx.waitFor(heard, { match: 'any' }))!.item,
  )
  const parent = workflow('parent', {}, async (ctx) =>
    ctx.act(shop.order(), { item: await ctx.child(listen, null), amount: 1 }),
  )
  const reader = workflow('reader', {}, async (ctx) => {
    const found = await ctx.act(shop.look(), { item: 'tea', amount: 1 })
    return ctx.act(shop.order(), { item: found.output!.ref, amount: 1 })
  })
  const plain = workflow('plain', {}, (ctx) => ctx.act(shop.order(), { item: 'tea', amount: 1 }))
  const workflows = [listen, parent, reader, plain]
  await using company = await testCompany({ workflows, connectors: [shop.connector()] })
  await company.run(parent, null)
  await company.send(heard, { item: 'what they say' }, { trust: 'outsider' })
  await company.run(reader, null)
  await company.run(plain, null)
  const orders = (await company.effects()).filter((e) => e.action === 'shop.order')
  assert.deepEqual(
    orders.map((e) => [e.workflow, e.trust]),
    [
      ['parent', 'outsider'],
      ['reader', 'outsider'],
      ['plain', 'operator'],
    ],
  )
  await company.check()
})
