import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onEachStore } from '../../test/each-store.ts'
import { fails, openShop, policyFolder, reopenShop, Shop, slow, states, told } from '../../test/shop.ts'
import type { TestCompany } from '../testing.ts'

const RUN_ALL = '@id("all") permit (principal, action, resource);'

async function bought(shop: Shop, url: string | undefined, ...items: string[]): Promise<TestCompany> {
  const c = await openShop(shop, url, { folder: await policyFolder(RUN_ALL) })
  await c.run(
    shop.buy(),
    items.map((item) => ({ item })),
  )
  return c
}

const firstEffect = async (c: TestCompany) => (await c.effects())[0]!.id
const runOf = async (c: TestCompany) => (await c.effects())[0]!.run

async function undo(c: TestCompany, id: string) {
  const { binding } = await c.ask('undoPlan', { id })
  const done = await c.ask('undo', { id, binding })
  await c.idle()
  return done
}

onEachStore('an effect is taken back by an effect of its own', async (url) => {
  const shop = new Shop()
  await using c = await bought(shop, url, 'tea')
  const id = await firstEffect(c)
  const plan = await c.ask('undoPlan', { id })
  assert.deepEqual(
    plan.steps.map((s) => [s.effect, s.title, s.state, s.how]),
    [[id, 'shop.order 1 tea', 'succeeded', 'undo']],
  )
  const done = await undo(c, id)
  assert.deepEqual([done.cancelled, done.undoing.length, shop.called('undo')], [[], 1, ['undo tea ref-tea 1']])
  const [effect, taking] = await c.effects()
  assert.deepEqual(
    [effect!.state, taking!.state, taking!.undoes, taking!.approved_by],
    ['undone', 'succeeded', id, 'operator'],
  )
  assert.notEqual(taking!.key, effect!.key)
  await c.check()
})

onEachStore('what was confirmed is what was shown, or nothing is done', async (url) => {
  const shop = new Shop()
  await using c = await bought(shop, url, 'tea')
  const id = await firstEffect(c)
  await assert.rejects(c.ask('undo', { id, binding: 'something else' }), { code: 'undo.changed' })
  const { binding } = await c.ask('undoPlan', { id })
  const both = await Promise.allSettled([c.ask('undo', { id, binding }), c.ask('undo', { id, binding })])
  await c.idle()
  const lost = both.filter((b) => b.status === 'rejected').map((b) => (b.reason as { code: string }).code)
  assert.deepEqual(lost, ['undo.changed'])
  await assert.rejects(c.ask('undo', { id, binding }), { code: 'undo.changed' })
  assert.equal(shop.called('undo').length, 1)
  await c.check()
})

test('what is undone stays so: not twice, and an undo is not taken back', async () => {
  const shop = new Shop()
  await using c = await bought(shop, undefined, 'tea')
  const id = await firstEffect(c)
  await undo(c, id)
  const { steps } = await c.ask('undoPlan', { id })
  assert.deepEqual([steps[0]!.how, steps[0]!.why], ['leave', 'It was taken back already.'])
  await assert.rejects(undo(c, id), { code: 'undo.nothing' })
  const taking = (await c.effects())[1]!.id
  await assert.rejects(undo(c, taking), (error: Error & { code: string }) => {
    assert.equal(error.code, 'undo.nothing')
    assert.match(error.message, /undo/)
    assert.doesNotMatch(error.message, /did nothing outside/)
    return true
  })
  await assert.rejects(undo(c, 'eff_nobody'), { code: 'id.not_found' })
  assert.equal(shop.called('undo').length, 1)
})

onEachStore('a run is taken back newest first, and one after the other', async (url) => {
  const shop = new Shop()
  shop.timeout = '1m'
  const call = slow()
  await using c = await bought(shop, url, 'a', 'b', 'c')
  shop.undoScript = [call.behaviour]
  const run = await runOf(c)
  const { binding, steps, ends } = await c.ask('undoPlan', { id: run })
  assert.deepEqual([steps.map((s) => s.title.at(-1)), ends], [['c', 'b', 'a'], []])
  await c.ask('undo', { id: run, binding })
  await call.begun
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(shop.called('undo'), ['undo c ref-c 1'])
  call.answer()
  await c.advance('1m')
  assert.deepEqual(shop.called('undo'), ['undo c ref-c 1', 'undo b ref-b 1', 'undo a ref-a 1'])
  assert.deepEqual(await states(c), { a: 'undone', b: 'undone', c: 'undone' })
  await c.check()
})

onEachStore('an undo that fails is a dead letter, holds up those after it, and is tried again', async (url) => {
  const shop = new Shop()
  await using c = await bought(shop, url, 'a', 'b')
  shop.undoScript = [fails('domain')]
  await undo(c, await runOf(c))
  await c.advance('2m')
  assert.deepEqual(await states(c), { a: 'undoing', b: 'undo_failed' })
  const [gate] = await c.queue()
  assert.deepEqual([gate!.kind, gate!.title], ['dead_letter', 'Take back: shop.order 1 b'])
  const { steps } = await c.ask('undoPlan', { id: await runOf(c) })
  assert.deepEqual(
    steps.map((s) => s.how),
    ['leave', 'leave'],
    'what is a dead letter is decided there, once',
  )
  await c.decide('retry')
  await c.advance('1m')
  assert.deepEqual(await states(c), { a: 'undone', b: 'undone' })
  assert.deepEqual(shop.called('undo').length, 3)
  await c.check()
})

onEachStore('a dead undo that is closed can be begun anew, and is then not tried again itself', async (url) => {
  const shop = new Shop()
  await using c = await bought(shop, url, 'a')
  shop.undoScript = [fails('domain')]
  const id = await firstEffect(c)
  await undo(c, id)
  await c.decide('close', { reason: 'another way' })
  assert.deepEqual(await states(c), { a: 'undo_failed' })
  await undo(c, id)
  assert.deepEqual([await states(c), await c.queue()], [{ a: 'undone' }, []])
  const keys = (await c.effects()).map((e) => e.key)
  assert.equal(new Set(keys).size, 3)
  await c.check()
})

for (const [outcome, state, calls] of [
  ['happened', 'undone', 1],
  ['retry', 'undone', 2],
  ['close', 'undo_failed', 1],
] as const)
  onEachStore(`an undo of which nobody knows whether it happened: "${outcome}"`, async (url) => {
    const shop = new Shop()
    await using c = await bought(shop, url, 'a')
    shop.undoScript = [fails('uncertain')]
    const id = await firstEffect(c)
    await undo(c, id)
    assert.deepEqual(await states(c), { a: 'undo_uncertain' })
    const { steps } = await c.ask('undoPlan', { id })
    assert.deepEqual([steps[0]!.how, shop.called('undo').length], ['leave', 1])
    await c.decide(outcome, outcome === 'close' ? { reason: 'enough' } : {})
    assert.deepEqual([await states(c), shop.called('undo').length], [{ a: state }, calls])
    await c.check()
  })

for (const [found, state, calls] of [
  ['yes', 'undone', 1],
  ['no', 'undone', 2],
  ['unknown', 'undo_uncertain', 1],
] as const)
  onEachStore(`an undo whose answer was lost is looked for outside: ${found}`, async (url) => {
    const shop = new Shop()
    shop.also = { reconcileUndo: async () => (found === 'yes' ? { found, output: null } : { found }) }
    await using c = await bought(shop, url, 'a')
    shop.undoScript = [fails('uncertain')]
    await undo(c, await firstEffect(c))
    await c.advance('1m')
    assert.deepEqual([await states(c), shop.called('undo').length], [{ a: state }, calls])
    await c.check()
  })

onEachStore('what has not left is cancelled, and never does', async (url) => {
  const shop = new Shop()
  await using c = await openShop(shop, url)
  const run = await c.run(shop.buy(), [{ item: 'tea', hold: '1h' }])
  await c.decide('approve')
  const id = await firstEffect(c)
  assert.deepEqual(
    (await c.ask('undoPlan', { id })).steps.map((s) => s.how),
    ['cancel'],
  )
  const done = await undo(c, id)
  assert.deepEqual([done.cancelled, done.undoing], [[id], []])
  await c.advance('2h')
  assert.deepEqual([(await told(c, run)).state, shop.calls], ['cancelled', []])
  await c.check()
})

onEachStore(
  'a run that is under way is ended first: nothing comes after, and what it did is taken back',
  async (url) => {
    const shop = new Shop()
    await using c = await bought(shop, url, 'a')
    const run = await c.run(shop.buy(), [{ item: 'b' }, { item: 'c', hold: '1h' }, { item: 'd' }])
    const plan = await c.ask('undoPlan', { id: run })
    assert.deepEqual([plan.ends, plan.steps.map((s) => s.how)], [[run], ['cancel', 'undo']])
    const done = await undo(c, run)
    assert.deepEqual([done.cancelled.length, done.undoing.length], [1, 1])
    await c.advance('2h')
    assert.equal((await c.row(run)).state, 'cancelled')
    assert.deepEqual(await states(c), { a: 'succeeded', b: 'undone', c: 'cancelled' })
    await c.check()
  },
)

test('of a run that is under way, what is to be tried again is not, and is told once', async () => {
  const shop = new Shop()
  await using c = await bought(shop, undefined, 'a')
  shop.script = [fails('transient')]
  const run = await c.run(shop.buy(), [{ verb: 'print', item: 'b' }])
  const id = (await c.effects())[1]!.id
  const done = await undo(c, run)
  assert.deepEqual([done.cancelled, done.undoing], [[id], []])
  await c.advance('5m')
  assert.equal((await states(c)).b, 'cancelled')
  assert.equal(shop.called('shop.print').length, 1)
  await c.check()
})

test('what cannot be taken back, or not yet, is left, and why', async () => {
  const shop = new Shop()
  const call = slow()
  shop.timeout = '1m'
  await using c = await bought(shop, undefined)
  shop.script = [() => ({ ref: 'x' }), fails('uncertain'), fails('domain'), fails('uncertain'), call.behaviour]
  for (const verb of ['print', 'print', 'order', 'pay', 'print']) {
    await c.ask('start', { workflow: 'buy', input: [{ verb, item: verb }] })
    if (shop.script.length > 1) await c.idle()
  }
  await call.begun
  const whys: [string, string][] = []
  for (const e of await c.effects()) whys.push([e.state, (await c.ask('undoPlan', { id: e.id })).steps[0]!.why])
  assert.deepEqual(whys.map(([state]) => state).sort(), ['dispatched', 'failed', 'retrying', 'succeeded', 'uncertain'])
  const why = Object.fromEntries(whys)
  assert.match(why['succeeded']!, /cannot be taken back/)
  assert.match(why.uncertain!, /Nobody knows yet/)
  assert.match(why.failed!, /dead letter/)
  assert.match(why.retrying!, /may have happened/)
  assert.match(why.dispatched!, /under way/)
  for (const e of await c.effects()) await assert.rejects(undo(c, e.id), { code: 'undo.nothing' })
  call.answer()
  await c.idle()
})

test('what only the operator knows to have happened has no answer to be taken back by', async () => {
  const shop = new Shop()
  await using c = await bought(shop, undefined)
  shop.script = [fails('uncertain')]
  await c.run(shop.buy(), [{ item: 'a' }])
  await c.decide('happened')
  const id = await firstEffect(c)
  assert.match((await c.ask('undoPlan', { id })).steps[0]!.why, /no answer/)
  await assert.rejects(undo(c, id), { code: 'undo.nothing' })
  assert.deepEqual(shop.called('undo'), [])
})

onEachStore('an undo outlives the process, and is not done twice', async (url) => {
  const shop = new Shop()
  await using first = await bought(shop, url, 'a', 'b')
  await first.ask('pause', {})
  await undo(first, await runOf(first))
  await using c = await reopenShop(first, shop, url, '1h')
  await c.ask('resume', {})
  await c.advance('2m')
  assert.deepEqual(shop.called('undo'), ['undo b ref-b 1', 'undo a ref-a 1'])
  assert.deepEqual(await states(c), { a: 'undone', b: 'undone' })
  await c.check()
})

test('an undo that is stopped before it leaves can be asked for again', async () => {
  const shop = new Shop()
  await using c = await bought(shop, undefined, 'a')
  await c.ask('pause', {})
  const id = await firstEffect(c)
  await undo(c, id)
  await c.ask('cancel', { id: (await c.effects())[1]!.id })
  await c.ask('resume', {})
  await c.idle()
  assert.deepEqual([await states(c), shop.called('undo')], [{ a: 'undo_failed' }, []])
  await undo(c, id)
  assert.deepEqual([await states(c), shop.called('undo').length], [{ a: 'undone' }, 1])
  await c.check()
})

test('cancelling a run while it compensates leaves nothing half taken back for ever', async () => {
  const { workflow } = await import('../index.ts')
  const { testCompany } = await import('../testing.ts')
  const shop = new Shop()
  const trip = workflow('trip', {}, async (ctx) => {
    await ctx.act(shop.order(), { item: 'flight', amount: 1 })
    await ctx.sleep('1m')
    return ctx.compensate()
  })
  await using c = await testCompany({
    workflows: [trip],
    connectors: [shop.connector()],
    folder: await policyFolder(RUN_ALL),
  })
  const run = await c.run(trip, null)
  await c.ask('pause', {})
  await c.advance('1m')
  assert.deepEqual(await states(c), { flight: 'undoing' })
  await c.ask('cancel', { id: run })
  await c.ask('resume', {})
  await c.idle()
  assert.notEqual((await states(c)).flight, 'undoing')
  await undo(c, run)
  assert.deepEqual(await states(c), { flight: 'undone' })
  await c.check()
})
