import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { onEachStore } from '../../test/each-store.ts'
import { signal } from '../context/signals.ts'
import { testCompany, type TestCompany } from '../testing.ts'
import { workflow } from './workflow.ts'

const Job = z.object({ who: z.string(), n: z.number() })
const job = signal('job', Job)
let broken = false
const perCustomer = workflow('per-customer', { on: job, input: Job, lane: (j) => j.who }, async (ctx, j) => {
  await ctx.step('work', () => {
    if (broken) throw new Error('broken')
  })
  await ctx.ask<string>({ title: `${j.who} ${j.n}`, options: ['ok'] })
})
const limited = workflow('limited', { input: Job, limit: 2 }, (ctx, j) =>
  ctx.ask<string>({ title: `${j.who} ${j.n}`, options: ['ok'] }),
)

async function titles(company: TestCompany): Promise<string[]> {
  return (await company.queue()).map((g) => g.title).sort()
}

async function answer(company: TestCompany, title: string): Promise<void> {
  await company.decide('answer', { gate: (await company.queue()).find((g) => g.title === title)!.id, value: 'ok' })
}

onEachStore('one run at a time in a lane, first in first out, also across restarts', async (url) => {
  const options = { workflows: [perCustomer], ...(url ? { url } : {}) }
  await using first = await testCompany(options)
  let company = first
  for (let n = 1; n <= 4; n++) {
    for (const who of ['ada', 'eve']) await company.send(job, { who, n })
  }
  for (let n = 1; n <= 4; n++) {
    assert.deepEqual(await titles(company), [`ada ${n}`, ...(n === 1 ? ['eve 1'] : ['eve 1'])])
    if (n % 2) {
      await company.close()
      company = await testCompany({ ...options, folder: first.folder, clock: first.clock })
    }
    await answer(company, `ada ${n}`)
  }
  assert.deepEqual(await titles(company), ['eve 1'])
  assert.deepEqual((await company.ask('status', {})).runs, { done: 4, queued: 3, waiting: 1 })
  await company.check()
  await company.close()
})

test('a failed run keeps its lane until the operator has decided', async () => {
  await using company = await testCompany({ workflows: [perCustomer] })
  broken = true
  await company.send(job, { who: 'ada', n: 1 })
  broken = false
  await company.send(job, { who: 'ada', n: 2 })
  await company.send(job, { who: 'eve', n: 1 })
  assert.deepEqual((await company.ask('status', {})).runs, { failed: 1, queued: 1, waiting: 1 })
  const failure = (await company.queue()).find((g) => g.kind === 'failure')!
  await company.decide('cancel', { gate: failure.id, reason: 'x' })
  assert.deepEqual(await titles(company), ['ada 2', 'eve 1'])
  await company.check()
})

test('a cancelled run in the queue lets the one behind it pass', async () => {
  await using company = await testCompany({ workflows: [perCustomer] })
  const runs = [1, 2, 3].map((n) => company.run(perCustomer, { who: 'ada', n }))
  const [one, two] = await Promise.all(runs)
  await company.ask('cancel', { id: two! })
  await company.ask('cancel', { id: one! })
  await company.idle()
  assert.deepEqual(await titles(company), ['ada 3'])
})

onEachStore('a limit counts the runs that wait, and is not passed by many that start at once', async (url) => {
  await using company = await testCompany({ workflows: [limited], ...(url ? { url } : {}) })
  await Promise.all(Array.from({ length: 12 }, (_, n) => company.run(limited, { who: 'a', n: n + 10 })))
  for (let n = 10; n < 22; n += 2) {
    const open = await titles(company)
    assert.equal(open.length, 2)
    assert.deepEqual((await company.ask('status', {})).runs.waiting, 2)
    for (const title of open) await answer(company, title)
  }
  assert.deepEqual((await company.ask('status', {})).runs, { done: 12 })
  await company.check()
})

test('a workflow at its limit with a long queue does not hold up another workflow', async () => {
  await using company = await testCompany({ workflows: [limited, perCustomer] })
  await Promise.all(Array.from({ length: 450 }, (_, n) => company.run(limited, { who: 'a', n })))
  await company.run(perCustomer, { who: 'ada', n: 1 })
  assert.ok((await titles(company)).includes('ada 1'))
})

test('lanes that come free while others are being let in are noticed', async () => {
  const quick = workflow('quick', { input: Job, lane: (j) => j.who }, (ctx) => ctx.step('one', () => 1))
  await using company = await testCompany({ workflows: [quick] })
  await Promise.all(Array.from({ length: 300 }, (_, n) => company.run(quick, { who: String(n % 7), n })))
  assert.deepEqual((await company.ask('status', {})).runs, { done: 300 })
})
