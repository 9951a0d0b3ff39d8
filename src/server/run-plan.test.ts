/** What is shown before a run is set going again or ended, beside what then happens. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { onEachStore } from '../../test/each-store.ts'
import { fails, policyFolder, Shop } from '../../test/shop.ts'
import { signal } from '../context/signals.ts'
import { workflow } from '../orchestration/workflow.ts'
import { testCompany, type TestCompany } from '../testing.ts'
import type { Result } from './operations.ts'

const Plan = z.object({
  things: z.array(
    z.object({
      verb: z.enum(['order', 'print', 'step', 'later']),
      how: z.enum(['done', 'refused', 'unknown', 'asked']),
    }),
  ),
  /** After how many of them it fails. */
  broken: z.boolean(),
  name: z.string(),
})
type Things = z.infer<typeof Plan>

/** Each thing in turn; what is `later` is begun and not waited for. The last step fails where it is told to. */
function stage(shop: Shop) {
  const steps: string[] = []
  const all = workflow('all', { input: Plan }, async (ctx, { things, broken, name }) => {
    const later: Promise<unknown>[] = []
    for (const [n, { verb, how }] of things.entries()) {
      if (verb === 'step') {
        await ctx.step(`step-${n}`, () => void steps.push(`step-${n}`))
        continue
      }
      const item = `${how}-${n}`
      if (verb === 'later') later.push(ctx.act(shop.order(), { item, amount: 1 }, { key: n, hold: '1m' }))
      else await ctx.act(verb === 'print' ? shop.print() : shop.order(), { item, amount: 1 }, { key: n })
    }
    await ctx.step('last', () => {
      steps.push('last')
      if (broken) throw new Error('broken')
    })
    await Promise.all(later)
    return name
  })
  return { all, steps }
}

const RULES = '@id("all") permit (principal, action, resource) unless { context.input.item like "asked*" };'

async function open(url?: string) {
  const shop = new Shop()
  // What it does depends on what it is given: the same the second time.
  shop.also = {}
  const { all, steps } = stage(shop)
  const c = await testCompany({
    workflows: [all],
    connectors: [shop.connector()],
    folder: await policyFolder(RULES),
    ...(url === undefined ? {} : { url }),
  })
  return { c, shop, all, steps }
}

const story = async (c: TestCompany) => (await c.effects()).filter((e) => e.undoes === null)

/** Does what was shown, and looks whether it was so. */
async function holds(
  c: TestCompany,
  steps: string[],
  plan: Result<'runPlan'>,
  given: { input?: Things; step?: string },
) {
  const before = await story(c)
  steps.length = 0
  const { id, mode, binding } = plan
  const args = { id, binding, ...given }
  if (mode === 'cancel') await c.ask('cancel', args)
  else await c.ask(mode, args)
  const at = await story(c)
  const now = new Map(at.map((e) => [e.id, e]))
  for (const effect of plan.effects) {
    const { state } = now.get(effect.effect)!
    if (effect.becomes === 'dropped') assert.equal(state, 'cancelled', effect.why)
    else assert.equal(state, effect.state, 'what is not dropped is not touched')
  }
  for (const { id: gate } of plan.gates) assert.notEqual((await c.open.gates.get(gate)).state, 'open')
  await c.idle()
  // To its end: what comes after a gate that is asked again is reached once that is approved.
  for (;;) {
    const asked = (await c.queue()).find((g) => g.kind === 'effect')
    if (mode === 'cancel' || !asked) break
    await c.decide('approve', { gate: asked.id })
    await c.idle()
  }
  const ids = new Set(before.map((e) => e.id))
  const added = (await story(c)).filter((e) => !ids.has(e.id)).map((e) => e.op)
  for (const { step, becomes: then } of plan.effects) {
    if (then === 'recurs' || then === 'anew')
      assert.ok(added.includes(step), `${step} is proposed anew: ${added.join()}`)
    if (then === 'stays') assert.ok(!added.includes(step), `${step} is not proposed again`)
  }
  assert.ok(
    plan.kept.every((op) => !steps.includes(op)),
    'what keeps its record is not executed',
  )
  const own = plan.again.filter((op) => op.startsWith('step-') || op === 'last')
  assert.deepEqual(steps.toSorted(), own.toSorted(), 'what begins anew is executed')
  for (const run of plan.ends) assert.equal((await c.row(run)).state, 'cancelled')
}

onEachStore('a run restarted on other input: what recurs is named before, and happens', async (url) => {
  const { c, steps, shop, all } = await open(url)
  await using _ = c
  const things: Things['things'] = [
    { verb: 'order', how: 'done' },
    { verb: 'later', how: 'done' },
    { verb: 'step', how: 'done' },
  ]
  const id = await c.run(all, { things, broken: true, name: 'first' })
  const input = { things, broken: false, name: 'second' }
  const plan = await c.ask('runPlan', { id, mode: 'restart', input })
  assert.deepEqual(
    plan.effects.map((e) => [e.title, e.state, e.becomes]),
    [
      ['shop.order 1 done-1', 'held', 'dropped'],
      ['shop.order 1 done-0', 'succeeded', 'recurs'],
    ],
  )
  assert.match(plan.effects[1]!.why, /nobody is asked.*done twice/)
  assert.equal(plan.edited, true)
  const [, first] = shop.calls
  await holds(c, steps, plan, { input })
  assert.equal(shop.called('shop.order').length, 2, 'it was done twice, as was said')
  assert.notEqual(shop.calls.at(-1), first, 'under another key')
  await c.advance('2m')
  assert.equal(await c.result(id), 'second')
  await c.check()
})

onEachStore('a step done again with an edited input: what came before keeps its record', async (url) => {
  const { c, steps, all, shop } = await open(url)
  await using _ = c
  const things: Things['things'] = [
    { verb: 'order', how: 'done' },
    { verb: 'step', how: 'done' },
    { verb: 'order', how: 'done' },
  ]
  const id = await c.run(all, { things, broken: true, name: 'first' })
  const input = { things, broken: false, name: 'second' }
  const given = { step: 'step-1', input }
  const plan = await c.ask('runPlan', { id, mode: 'retry', ...given })
  assert.deepEqual(plan.kept, ['shop.order:0'])
  assert.deepEqual(plan.again, ['step-1', 'shop.order:2', 'last'])
  assert.deepEqual(
    plan.effects.map((e) => [e.step, e.becomes]),
    [
      ['shop.order:2', 'recurs'],
      ['shop.order:0', 'stays'],
    ],
  )
  await assert.rejects(c.ask('retry', { id, step: 'step-1', binding: plan.binding }), { code: 'run.changed' })
  await holds(c, steps, plan, given)
  assert.equal(await c.result(id), 'second')
  assert.equal(shop.called('shop.order').length, 3)
  const { nodes } = await c.ask('run', { id })
  const resumed = nodes.find((n) => n.kind === 'run.resumed@1')!
  assert.equal(resumed.body.edited, true)
  assert.equal(resumed.actor, 'operator')
  const chain = (await c.ask('why', { id: String(resumed.seq) })).map((l) => l.kind)
  assert.ok(chain.includes('gate.decided@1') && chain.includes('gate.opened@1'), chain.join())
  await assert.rejects(c.ask('runPlan', { id, mode: 'retry' }), { code: 'run.not_stuck' })
  await assert.rejects(c.ask('runPlan', { id, mode: 'cancel' }), { code: 'run.ended' })
  await c.check()
})

const told = signal('told', z.object({ word: z.string() }))

onEachStore("an outsider's word stays one, whatever the operator edits", async (url) => {
  const shop = new Shop()
  const tell = workflow('tell', { on: told }, async (ctx, { word }) => {
    await ctx.step('read', () => {
      if (word === 'bad') throw new Error('unreadable')
    })
    return ctx.act(shop.order(), { item: word, amount: 1 })
  })
  await using c = await testCompany({
    workflows: [tell],
    connectors: [shop.connector()],
    folder: await policyFolder(RULES),
    ...(url === undefined ? {} : { url }),
  })
  await c.send(told, { word: 'bad' }, { trust: 'outsider' })
  const [run] = await c.list('runs', {})
  const id = run!.id
  const plan = await c.ask('runPlan', { id, mode: 'retry' })
  assert.deepEqual(plan.input, { word: 'bad' })
  await assert.rejects(c.ask('runPlan', { id, mode: 'retry', input: { word: 7 } }), { code: 'run.bad_input' })
  const input = { word: 'good' }
  const { binding } = await c.ask('runPlan', { id, mode: 'retry', input })
  await c.ask('retry', { id, input, binding })
  await c.idle()
  const [effect] = await c.effects()
  assert.equal(effect!.trust, 'outsider')
  assert.equal((await c.row(id)).trust, 'outsider')
  assert.match(effect!.input!, /good/)
  await c.check()
})

onEachStore('what was put off comes back at once', async (url) => {
  const { c, all } = await open(url)
  await using _ = c
  await c.run(all, { things: [{ verb: 'order', how: 'asked' }], broken: false, name: 'x' })
  const [gate] = await c.queue()
  await assert.rejects(c.ask('wake', { id: gate!.id }), { code: 'gate.not_snoozed' })
  await c.ask('snooze', { id: gate!.id, until: c.clock.now() + 3_600_000 })
  assert.deepEqual((await c.ask('queue', {})).items, [])
  assert.equal((await c.ask('wake', { id: gate!.id })).title, gate!.title)
  const queue = await c.ask('queue', {})
  assert.deepEqual([queue.items.length, queue.snoozed], [1, 0])
  await c.check()
})

const THING = fc.record({
  verb: fc.constantFrom('order' as const, 'print' as const, 'step' as const, 'later' as const),
  how: fc.constantFrom('done' as const, 'refused' as const, 'unknown' as const, 'asked' as const),
})

test('whatever a run did, what is shown before is what happens', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(THING, { maxLength: 5 }),
      fc.constantFrom('retry' as const, 'restart' as const, 'cancel' as const),
      fc.nat(20),
      fc.array(fc.constantFrom('approve', 'leave'), { minLength: 5, maxLength: 5 }),
      async (things, mode, pick, said) => {
        const { c, shop, all, steps } = await open()
        await using _ = c
        shop.script = things
          .filter(({ verb, how }) => verb !== 'step' && verb !== 'later' && how !== 'asked')
          .map(({ how }) =>
            how === 'refused' ? fails('domain') : how === 'unknown' ? fails('uncertain') : () => ({ ref: 'r' }),
          )
        const id = await c.run(all, { things, broken: true, name: 'x' })
        for (let n = 0; n < 8; n++) {
          const waiting = (await c.queue()).find((g) => g.kind !== 'failure')
          if (!waiting || said[n % said.length] === 'leave') break
          const { kind } = waiting
          const outcome = kind === 'effect' ? 'approve' : 'close'
          await c.decide(outcome, { gate: waiting.id, reason: 'so' })
        }
        const stuck = (await c.row(id)).state === 'failed'
        const { nodes } = await c.ask('run', { id })
        const ops = [...new Set(nodes.map((n) => n.body.op).filter((op) => typeof op === 'string'))]
        const given = mode === 'retry' && pick > 4 && ops.length > 0 ? { step: ops[pick % ops.length]! } : {}
        const args = { id, mode, ...given }
        if (!stuck && mode !== 'cancel') return assert.rejects(c.ask('runPlan', args), { code: 'run.not_stuck' })
        const plan = await c.ask('runPlan', args)
        const head = await c.open.store.engine.head()
        assert.equal((await c.ask('runPlan', args)).binding, plan.binding)
        assert.equal(await c.open.store.engine.head(), head, 'looking changes nothing')
        shop.script = []
        await holds(c, steps, plan, given)
        await c.check()
      },
    ),
    { numRuns: 15 },
  )
})
