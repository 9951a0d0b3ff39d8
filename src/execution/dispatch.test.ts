import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onEachStore } from '../../test/each-store.ts'
import { fails, Shop, type Behaviour } from '../../test/shop.ts'
import { workflow, z } from '../index.ts'
import { testCompany, type TestCompany } from '../testing.ts'
import { action } from './action.ts'

function company(shop: Shop, url?: string) {
  const order = workflow('order', {}, (ctx) => ctx.act(shop.order(), { item: 'tea', amount: 1 }))
  const pay = workflow('pay', {}, (ctx) => ctx.act(shop.pay(), { item: 'tea', amount: 1 }))
  const print = workflow('print', {}, (ctx) => ctx.act(shop.print(), { item: 'tea', amount: 1 }))
  const options = { workflows: [order, pay, print], connectors: [shop.connector()], ...(url ? { url } : {}) }
  return { order, pay, print, options }
}

const never: Behaviour = () => new Promise(() => {})
const odd: Behaviour = () => {
  throw new TypeError('socket hang up')
}

async function ended(c: TestCompany, run: string): Promise<{ state: string; reason: string | null }> {
  const { state, reason } = (await c.result(run)) as unknown as { state: string; reason: string | null }
  return { state, reason }
}

onEachStore('a transient failure is tried again under the same key with a growing token', async (url) => {
  const shop = new Shop()
  shop.script = [fails('transient'), fails('transient'), fails('transient')]
  const { print, options } = company(shop, url)
  await using c = await testCompany(options)
  const run = await c.run(print, null)
  await c.decide('approve')
  assert.equal((await c.effects())[0]!.state, 'retrying')
  await c.advance('1m')
  const [effect] = await c.effects()
  assert.deepEqual(
    shop.calls,
    [1, 2, 3, 4].map((n) => `shop.print ${effect!.key} ${n}`),
  )
  assert.equal((await ended(c, run)).state, 'succeeded')
  await c.check()
})

onEachStore('what never works is a dead letter after five tries; one more try is the operator’s', async (url) => {
  const shop = new Shop()
  shop.script = Array.from({ length: 5 }, () => fails('transient'))
  const { order, options } = company(shop, url)
  await using c = await testCompany(options)
  const run = await c.run(order, null)
  await c.decide('approve')
  await c.advance('1h')
  assert.equal(shop.calls.length, 5)
  assert.equal((await c.queue())[0]!.kind, 'dead_letter')
  await c.decide('retry')
  assert.match(shop.calls[5]!, / 6$/)
  assert.equal((await ended(c, run)).state, 'succeeded')
  await c.check()
})

onEachStore(
  'a refusal is a dead letter at once, and closing it is a failure that the run goes on with',
  async (url) => {
    const shop = new Shop()
    shop.script = [fails('domain', 'shop.no_such_item')]
    const { order, options } = company(shop, url)
    await using c = await testCompany(options)
    const run = await c.run(order, null)
    await c.decide('approve')
    const [gate] = await c.queue()
    assert.deepEqual([gate!.kind, gate!.choices.map((x) => x.outcome)], ['dead_letter', ['retry', 'close']])
    assert.equal(shop.calls.length, 1)
    await assert.rejects(c.decide('close'), { code: 'gate.needs_reason' })
    await c.decide('close', { reason: 'sold out' })
    assert.deepEqual(await ended(c, run), { state: 'failed', reason: 'sold out' })
    await c.check()
  },
)

const UNKNOWN: readonly (readonly [string, Behaviour])[] = [
  ['an error nobody knows', odd],
  ['no answer in time', never],
  ['an error that says uncertain', fails('uncertain')],
]

for (const [what, behaviour] of UNKNOWN) {
  test(`${what}: found outside is a success, with what was found`, async () => {
    const shop = new Shop()
    shop.script = [behaviour]
    shop.found = { found: 'yes', output: { ref: 'found it' } }
    const { order, options } = company(shop)
    await using c = await testCompany(options)
    const run = await c.run(order, null)
    await c.decide('approve')
    assert.deepEqual(((await c.result(run)) as unknown as { output: unknown }).output, { ref: 'found it' })
    assert.equal(shop.calls.length, 2)
    await c.check()
  })

  test(`${what}: certainly absent is tried again`, async () => {
    const shop = new Shop()
    shop.script = [behaviour]
    shop.found = { found: 'no' }
    const { order, options } = company(shop)
    await using c = await testCompany(options)
    const run = await c.run(order, null)
    await c.decide('approve')
    await c.advance('1m')
    assert.equal((await ended(c, run)).state, 'succeeded')
    assert.equal(shop.calls.filter((call) => call.startsWith('shop.order')).length, 2)
  })

  test(`${what}: absent so soon proves nothing, for it may still be on its way`, async () => {
    const shop = new Shop()
    shop.script = [behaviour]
    shop.found = { found: 'no' }
    shop.also = { absentAfter: '1m' }
    const { order, options } = company(shop)
    await using c = await testCompany(options)
    const run = await c.run(order, null)
    await c.decide('approve')
    await c.advance('1h')
    assert.equal(shop.calls.filter((call) => call.startsWith('shop.order')).length, 1)
    assert.equal((await c.queue())[0]!.kind, 'uncertain')
    // It came after all: whoever says "try again" is not believed against what is seen.
    shop.found = { found: 'yes', output: { ref: 'came late' } }
    await c.decide('retry')
    await c.advance('1m')
    assert.deepEqual(((await c.result(run)) as unknown as { output: unknown }).output, { ref: 'came late' })
    assert.equal(shop.calls.filter((call) => call.startsWith('shop.order')).length, 1)
    await c.check()
  })

  test(`${what}: nobody can tell, so it is the operator's and not sent again`, async () => {
    const shop = new Shop()
    shop.script = [behaviour]
    const { print, options } = company(shop)
    await using c = await testCompany(options)
    const run = await c.run(print, null)
    await c.decide('approve')
    await c.advance('1h')
    assert.equal(shop.calls.length, 1)
    const [gate] = await c.queue()
    assert.deepEqual([gate!.kind, gate!.choices.map((x) => x.outcome)], ['uncertain', ['happened', 'retry', 'close']])
    await c.decide('happened')
    assert.equal((await ended(c, run)).state, 'succeeded')
    assert.equal(shop.calls.length, 1)
    await c.check()
  })

  test(`${what}: a service that honours the key is tried again with it`, async () => {
    const shop = new Shop()
    shop.script = [behaviour]
    const { pay, options } = company(shop)
    await using c = await testCompany(options)
    const run = await c.run(pay, null)
    await c.decide('approve')
    await c.advance('1m')
    const [effect] = await c.effects()
    assert.deepEqual(
      shop.calls,
      [1, 2].map((n) => `shop.pay ${effect!.key} ${n}`),
    )
    assert.equal((await ended(c, run)).state, 'succeeded')
  })
}

test('a search outside that fails tells nothing', async () => {
  const shop = new Shop()
  shop.script = [odd]
  const connector = shop.connector()
  const lost = {
    ...connector,
    actions: connector.actions.map((a) =>
      a.reconcile ? { ...a, reconcile: () => Promise.reject(new Error('down')) } : a,
    ),
  }
  const { order, options } = company(shop)
  await using c = await testCompany({ ...options, connectors: [lost] })
  await c.run(order, null)
  await c.decide('approve')
  assert.equal((await c.queue())[0]!.kind, 'uncertain')
})

test('an answer that cannot be recorded is one that nobody has', async () => {
  const shop = new Shop()
  const cyclic: { ref: string; self?: unknown } = { ref: 'x' }
  cyclic.self = cyclic
  shop.script = [() => cyclic]
  const { print, options } = company(shop)
  await using c = await testCompany(options)
  await c.run(print, null)
  await c.decide('approve')
  await c.advance('1m')
  assert.equal(shop.calls.length, 1)
  assert.equal((await c.queue())[0]!.kind, 'uncertain')
  await c.check()
})

test('a call that was under way when the process was stopped is looked for by the next', async () => {
  const shop = new Shop()
  shop.script = [
    (ctx) => new Promise((_, reject) => ctx.signal.addEventListener('abort', () => reject(new Error('aborted')))),
  ]
  const { order, options } = company(shop)
  await using first = await testCompany(options)
  const run = await first.run(order, null)
  const gate = (await first.queue())[0]!.id
  await first.ask('decide', { id: gate, outcome: 'approve' })
  while (shop.calls.length === 0) await new Promise((resolve) => setImmediate(resolve))
  shop.found = { found: 'yes', output: { ref: 'was there' } }
  await first.close()
  const again = await testCompany({ ...options, folder: first.folder, clock: first.clock })
  await again.idle()
  assert.deepEqual(((await again.result(run)) as unknown as { output: unknown }).output, { ref: 'was there' })
  assert.equal(shop.calls.filter((call) => call.startsWith('shop.order')).length, 1)
  await again.close()
})

onEachStore('a lost answer stays uncertain however the tries after it fail', async (url) => {
  const LATER: readonly (readonly Behaviour[])[] = [
    Array.from({ length: 4 }, () => odd),
    Array.from({ length: 4 }, () => fails('transient')),
    [fails('domain')],
  ]
  for (const later of LATER) {
    const shop = new Shop()
    shop.script = [odd, ...later]
    const { pay, options } = company(shop, url)
    const c = await testCompany(options)
    const run = await c.run(pay, null)
    await c.decide('approve')
    assert.equal((await c.effects()).at(-1)!.state, 'retrying')
    await c.advance('1h')
    assert.equal(shop.calls.length, 1 + later.length)
    assert.equal((await c.queue())[0]!.kind, 'uncertain')
    await c.decide('happened')
    assert.equal((await ended(c, run)).state, 'succeeded')
    await c.check()
    await c.close()
    if (url) return
  }
})

test('what is found to be absent is certain, whatever was lost before', async () => {
  const shop = new Shop()
  shop.script = [odd, odd, odd, odd, odd]
  shop.found = { found: 'no' }
  const { order, options } = company(shop)
  await using c = await testCompany(options)
  await c.run(order, null)
  await c.decide('approve')
  await c.advance('1h')
  assert.equal((await c.queue())[0]!.kind, 'dead_letter')
  await c.check()
})

test('an answer that does not fit its schema is one that nobody understands', async () => {
  const shop = new Shop()
  shop.script = [() => ({ reference: 7 }) as never, () => ({ ref: 7 }) as never]
  shop.found = { found: 'yes', output: { ref: 7 } as never }
  const { print, order, options } = company(shop)
  await using c = await testCompany(options)
  await c.run(print, null)
  await c.decide('approve')
  const [gate] = await c.queue()
  assert.deepEqual([gate!.kind, gate!.reason], ['uncertain', 'action.bad_output'])
  await c.decide('happened')
  await c.run(order, null)
  await c.decide('approve')
  assert.equal((await c.queue())[0]!.kind, 'uncertain')
  await c.check()
})

/** Starts an order whose call never comes back and listens to nothing, and stops the company meanwhile. */
async function brokenOff(shop: Shop, name: 'order' | 'print') {
  shop.script = [never]
  const { [name]: workflow, options } = company(shop)
  const slow = shop.connector()
  const actions = slow.actions.map((a) => ({ ...a, timeoutMs: 600_000 }))
  const first = await testCompany({ ...options, connectors: [{ ...slow, actions }] })
  const run = await first.run(workflow, null)
  await first.ask('decide', { id: (await first.queue())[0]!.id, outcome: 'approve' })
  while (shop.calls.length === 0) await new Promise((resolve) => setImmediate(resolve))
  await first.open.coordinator.stop(20)
  await first.close()
  return { first, run, options: { ...options, folder: first.folder, clock: first.clock } }
}

test('a call that does not listen does not hold up the stop, and the next process recovers', async () => {
  const shop = new Shop()
  const { run, options } = await brokenOff(shop, 'order')
  shop.found = { found: 'yes', output: { ref: 'was there' } }
  await using again = await testCompany(options)
  await again.idle()
  assert.deepEqual(((await again.result(run)) as unknown as { output: unknown }).output, { ref: 'was there' })
})

test('what may have been sent is uncertain where its connector is gone', async () => {
  const shop = new Shop()
  const { options } = await brokenOff(shop, 'print')
  const without = await testCompany({ ...options, connectors: [] })
  await without.idle()
  const [gate] = await without.queue()
  assert.deepEqual([gate!.kind, gate!.reason], ['uncertain', 'action.unknown'])
  await without.decide('happened')
  assert.equal((await without.effects())[0]!.state, 'succeeded')
  await without.close()
})

test('a key that the service may have forgotten is not used again: the operator is asked', async () => {
  const shop = new Shop()
  shop.script = [fails('uncertain')]
  const { pay, options } = company(shop)
  const before = await testCompany(options)
  await before.run(pay, null)
  await before.decide('approve')
  assert.deepEqual([(await before.effects())[0]!.state, shop.calls.length], ['retrying', 1])
  await before.close()
  before.clock.advance(30 * 24 * 60 * 60_000)
  await using c = await testCompany({ ...options, folder: before.folder, clock: before.clock })
  await c.idle()
  assert.deepEqual([(await c.effects())[0]!.state, shop.calls.length], ['uncertain', 1])
  assert.deepEqual([(await c.queue())[0]!.kind, (await c.queue())[0]!.reason], ['uncertain', 'effect.key_too_old'])
  await c.check()
})

test('cancelling a run stops a retry that certainly did nothing so far', async () => {
  const shop = new Shop()
  shop.script = [fails('transient')]
  const { pay, options } = company(shop)
  await using c = await testCompany(options)
  const run = await c.run(pay, null)
  await c.decide('approve')
  assert.equal((await c.effects())[0]!.state, 'retrying')
  await c.ask('cancel', { id: run })
  await c.advance('1h')
  assert.deepEqual([(await c.effects())[0]!.state, shop.calls.length], ['cancelled', 1])
  await c.check()
})

test('what cannot be taken back waits a moment also where its author did not say so', () => {
  const define = (risk: 'compensable' | 'irreversible') =>
    action('a.b', { risk, input: z.null(), output: z.null(), title: () => 'b', run: async () => null }).holdMs
  assert.deepEqual([define('compensable'), define('irreversible')], [0, 10_000])
})
