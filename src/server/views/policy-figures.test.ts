import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onEachStore } from '../../../test/each-store.ts'
import { policyFolder, Shop } from '../../../test/shop.ts'
import { workflow, z } from '../../index.ts'
import { testCompany } from '../../testing.ts'

const POLICIES = `
@id("small") @reason("up to 10 runs") @cap("50 per day")
permit (principal, action == Action::"shop.order", resource) when { context.input.amount <= 10 };
@id("none-of-these") @reason("we do not sell mice")
forbid (principal, action == Action::"shop.order", resource) when { context.input.item == "mouse" };
@id("old") @expires("2020-01-01") permit (principal, action == Action::"shop.order", resource);
`

onEachStore('policies say what each came to, and what is approved so often that one could let it pass', async (url) => {
  const shop = new Shop()
  const buy = workflow('buy', { input: z.object({ item: z.string(), amount: z.int() }) }, (ctx, order) =>
    ctx.act(shop.order(), order),
  )
  await using c = await testCompany({
    ...(url ? { url } : {}),
    connectors: [shop.connector()],
    workflows: [buy],
    folder: await policyFolder(POLICIES),
  })
  await c.run(buy, { item: 'pen', amount: 1 })
  await c.run(buy, { item: 'mouse', amount: 1 }).catch(() => {})
  for (const item of ['desk', 'lamp', 'chair', 'door']) {
    await c.run(buy, { item, amount: 40 })
    const [gate] = (await c.ask('queue', {})).items
    await c.ask('decide', { id: gate!.id, outcome: item === 'door' ? 'reject' : 'approve', reason: 'so' })
  }
  const shown = await c.ask('policies', {})
  const of = (id: string) => {
    const { passed, asked, refused, expired } = shown.policies.find((p) => p.id === id)!
    return { passed, asked, refused, expired }
  }
  assert.deepEqual(of('small'), { passed: 1, asked: 0, refused: 0, expired: false })
  assert.deepEqual(of('none-of-these'), { passed: 0, asked: 0, refused: 1, expired: false })
  assert.equal(of('old').expired, true)
  assert.deepEqual(shown.byDefault, { passed: 0, asked: 4, refused: 0 })
  const [often, ...more] = shown.repeated
  assert.deepEqual(more, [])
  assert.deepEqual(
    { ...often, gate: 0 },
    { action: 'shop.order', workflow: 'buy', approved: 3, edited: 0, rejected: 1, gate: 0 },
  )
  assert.match((await c.ask('policyProposal', { id: often!.gate })).diff, /shop\.order/)
  assert.deepEqual([shown.current, shown.problems], [true, []])

  // What is wrong in the files is said, and what holds is shown.
  await writeFile(join(c.folder, 'policies/wrong.cedar'), 'permit (principal, action, resource')
  const wrong = await c.ask('policies', {})
  assert.equal(wrong.problems[0]!.file, 'policies/wrong.cedar')
  assert.equal(wrong.policies.length, 3)

  // What is older than 28 days no longer counts.
  await c.advance('27d')
  assert.equal((await c.ask('policies', {})).byDefault.asked, 4)
  await c.advance('2d')
  const later = await c.ask('policies', {})
  assert.deepEqual(later.byDefault, { passed: 0, asked: 0, refused: 0 })
  assert.deepEqual(later.repeated, [])
  assert.ok(later.policies.every(({ passed, asked, refused }) => passed + asked + refused === 0))
  await c.check()
})

onEachStore('workflows say which are paused, and what of them is not over', async (url) => {
  const wait = workflow('wait', {}, (ctx) => ctx.ask({ title: 'Go on?' }))
  const fail = workflow('fail', {}, (ctx) => ctx.step('boom', () => Promise.reject(new Error('boom'))))
  await using c = await testCompany({ workflows: [wait, fail], ...(url ? { url } : {}) })
  await c.run(wait, null)
  await c.run(fail, null).catch(() => {})
  await c.ask('pause', { scope: 'workflow:wait' })
  const of = (name: string, all: Awaited<ReturnType<typeof shown>>) => all.find((w) => w.name === name)!
  const shown = () => c.ask('workflows', {})
  const now = await shown()
  assert.deepEqual(of('wait', now), { name: 'wait', paused: true, open: 1, parked: 0, failed: 0 })
  assert.deepEqual(of('fail', now), { name: 'fail', paused: false, open: 0, parked: 0, failed: 1 })
})
