import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onEachStore } from '../../test/each-store.ts'
import { signal, workflow, z } from '../index.ts'
import { testCompany, type TestCompany } from '../testing.ts'
import { receive, sendSignal } from './receive.ts'

const order = signal('order', z.object({ n: z.number(), who: z.string() }), { match: (o) => o.who })
const handle = workflow('handle', { on: order }, async (_ctx, o) => o.n)
const also = workflow('also', { on: order }, async (_ctx, o) => -o.n)

const states = async (company: TestCompany) => (await company.ask('status', {})).signals

onEachStore('the same signal twice is one, and starts each workflow that reacts to it once', async (url) => {
  await using company = await testCompany({ workflows: [handle, also], ...(url ? { url } : {}) })
  await Promise.all([1, 2, 3].map(() => company.send(order, { n: 1, who: 'a' }, { id: 'o1' })))
  await company.send(order, { n: 1, who: 'a' }, { id: 'o1' })
  assert.deepEqual(await states(company), { routed: 1 })
  const runs = await company.list('runs', {})
  assert.deepEqual(
    (await Promise.all(runs.map((r) => company.result(r.id)))).map(Number).toSorted((a, b) => a - b),
    [-1, 1],
  )
  await company.check()
})

onEachStore('the same id with other content is set aside, and starts nothing', async (url) => {
  await using company = await testCompany({ workflows: [handle], ...(url ? { url } : {}) })
  await company.send(order, { n: 1, who: 'a' }, { id: 'o1' })
  await company.send(order, { n: 1_000_000, who: 'a' }, { id: 'o1' })
  await company.send(order, { n: 1_000_000, who: 'a' }, { id: 'o1' })
  assert.deepEqual(await states(company), { quarantined: 1, routed: 1 })
  const [aside] = await company.open.store.engine.queryText(`select reason from signal where state = 'quarantined'`, [])
  assert.match(String(aside!.reason), /may be forged/)
  assert.equal((await company.list('runs', {})).length, 1)
  await company.check()
})

onEachStore('what was set aside is released by the operator, and handled once', async (url) => {
  await using company = await testCompany({ workflows: [handle], ...(url ? { url } : {}) })
  await company.send(order, { n: 1, who: 'a' }, { id: 'o1' })
  await company.send(order, { n: 2, who: 'a' }, { id: 'o1' })
  const [aside] = await company.list('signals', { state: 'quarantined' })
  const { id } = aside!
  const shown = await company.ask('signal', { id })
  assert.deepEqual([shown.releasable, shown.handledBy], [true, ['handle']])
  const both = await Promise.allSettled(
    [1, 2].map(() => company.ask('release', { id, reason: 'A second order, I rang.' })),
  )
  assert.ok(both.some(({ status }) => status === 'fulfilled'))
  await company.idle()
  const after = await company.ask('signal', { id })
  assert.deepEqual([after.state, after.reason, after.releasable], ['routed', null, false])
  assert.equal(await company.result(after.runs[0]!.id), 2)
  assert.equal(after.runs.length, 1)
  await assert.rejects(company.ask('release', { id }), { code: 'signal.not_aside' })
  const chain = await company.ask('why', { id: after.runs[0]!.id })
  const released = chain.find((link) => link.kind === 'signal.released@1')!
  assert.deepEqual([released.actor, released.private], ['operator', { reason: 'A second order, I rang.' }])
  await company.check()
})

onEachStore('what is released goes to the run that waits for it', async (url) => {
  const waits = workflow('waits', {}, async (ctx) => (await ctx.waitFor(order, { match: 'ada' }))!.n)
  await using company = await testCompany({ workflows: [handle, waits], ...(url ? { url } : {}) })
  await company.send(order, { n: 1, who: 'ada' }, { id: 'o1' })
  await company.send(order, { n: 2, who: 'ada' }, { id: 'o1' })
  const run = await company.run(waits, null)
  const [aside] = await company.list('signals', { state: 'quarantined' })
  await company.ask('release', { id: aside!.id })
  await company.idle()
  assert.equal(await company.result(run), 2)
  await company.check()
})

test('what cannot be read stays aside, and what to do with it is said', async () => {
  await using company = await testCompany({ workflows: [handle] })
  const raw = Buffer.from('no order')
  await receive(company.open.store, 'test', order, {
    externalId: 'x',
    name: 'x',
    payload: { size: 8 },
    content: 'x',
    trust: 'outsider',
    raw,
    attachments: [],
    defect: 'It is no order.',
  })
  const [aside] = await company.list('signals', { state: 'quarantined' })
  assert.equal((await company.ask('signal', { id: aside!.id })).releasable, false)
  await assert.rejects(company.ask('release', { id: aside!.id }), (error: Error & { code: string }) => {
    assert.equal(error.code, 'signal.unreadable')
    assert.match(error.message, /--out FILE/)
    return true
  })
  assert.deepEqual(await states(company), { quarantined: 1 })
})

test('a signal that does not look like its kind is refused with where', async () => {
  await using company = await testCompany({ workflows: [handle] })
  await assert.rejects(company.send(order, { n: 'one', who: 'a' }), (error: Error & { code: string }) => {
    assert.equal(error.code, 'signal.bad_payload')
    assert.match(error.message, /at n/)
    return true
  })
  assert.deepEqual(await states(company), {})
})

test('a lane that cannot be told sets the signal aside with the reason', async () => {
  const picky = workflow(
    'picky',
    {
      on: order,
      lane: (o) => {
        if (o.who === 'nobody') throw new TypeError('who is nobody?')
        return o.who
      },
    },
    async () => 'done',
  )
  await using company = await testCompany({ workflows: [picky] })
  await company.send(order, { n: 1, who: 'nobody' })
  await company.send(order, { n: 2, who: 'ada' })
  assert.deepEqual(await states(company), { quarantined: 1, routed: 1 })
  const [aside] = await company.open.store.engine.queryText(`select reason from signal where state = 'quarantined'`, [])
  assert.match(String(aside!.reason), /who is nobody\?/)
  await company.check()
})

onEachStore(
  'a message that could not be routed is released once its workflow is mended, and is said once',
  async (url) => {
    const note = signal('note', z.object({ from: z.string(), text: z.string() }), {
      message: ({ from, text }) => ({ party: from, subject: 'A note', text, ids: [`${from}-${text}`] }),
    })
    let isMended = false
    const lane = ({ from }: { from: string }) => {
      if (!isMended) throw new TypeError('no lane')
      return from
    }
    const read = workflow('read', { on: note, lane }, async (_ctx, { text }) => text)
    await using company = await testCompany({ workflows: [read], ...(url ? { url } : {}) })
    await company.send(note, { from: 'ada@example.org', text: 'hello' })
    const [aside] = await company.list('signals', { state: 'quarantined' })
    const { id } = aside!
    await company.ask('release', { id })
    await company.idle()
    const again = await company.ask('signal', { id })
    assert.deepEqual([again.state, again.reason], ['quarantined', 'It could not be routed: no lane'])
    isMended = true
    await company.ask('release', { id })
    await company.idle()
    const { state, runs, conversation } = await company.ask('signal', { id })
    assert.equal(state, 'routed')
    assert.equal(await company.result(runs[0]!.id), 'hello')
    const { lines } = await company.ask('conversation', { id: conversation! })
    assert.equal(lines.filter((line) => line.kind === 'message').length, 1)
    await company.check()
  },
)

onEachStore('what nobody reacts to is kept', async (url) => {
  const loner = signal('loner', z.object({ text: z.string() }))
  await using company = await testCompany({ workflows: [handle], ...(url ? { url } : {}) })
  await company.send(loner, { text: 'hello' })
  await company.send(loner, { text: 'nul \0 and \ud800 half' })
  assert.deepEqual(await states(company), { kept: 2 })
  await company.check()
})

onEachStore('a wait goes before a workflow that would start', async (url) => {
  const waits = workflow('waits', {}, async (ctx) => (await ctx.waitFor(order, { match: 'ada' }))!.n)
  await using company = await testCompany({ workflows: [handle, waits], ...(url ? { url } : {}) })
  const run = await company.run(waits, null)
  await company.send(order, { n: 1, who: 'ada' })
  await company.send(order, { n: 2, who: 'ada' })
  assert.equal(await company.result(run), 1)
  assert.deepEqual(await states(company), { delivered: 1, routed: 1 })
  await company.check()
})

test('a signal that was taken in just before the process stopped is handled once by the next', async () => {
  await using first = await testCompany({ workflows: [handle] })
  await sendSignal(first.open.store, 'test', order, { n: 7, who: 'x' })
  await first.close()
  const again = await testCompany({ workflows: [handle], folder: first.folder, clock: first.clock })
  await again.idle()
  const runs = await again.list('runs', {})
  assert.deepEqual(await Promise.all(runs.map((r) => again.result(r.id))), [7])
  await again.close()
})
