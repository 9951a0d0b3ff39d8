import assert from 'node:assert/strict'
import { agent, workflow, z } from '../../src/index.ts'
import { testCompany } from '../../src/testing.ts'
import { onEachStore } from '../each-store.ts'
import { Customer, MINUTE } from './world.ts'

const ADA = 'ada@example.org'
const OTHER = 'ada@example.com'
const why = { reason: 'she said so on the phone' }

const sort = agent('sort', {
  instructions: 'What do they want?',
  output: z.enum(['refund', 'else']),
  tiers: [() => ({ value: 'refund', because: 'always' })],
})
const decide = workflow('decide', { input: z.string() }, async (ctx, who) => {
  await ctx.facts.about(Customer, who)
  return (await ctx.decide(sort, {})).id
})

/** A company that knows of Ada what is given and has decided by it; what of that is out of date after each step. */
async function decided(url: string | undefined, known: readonly (readonly [string, string, string])[]) {
  const c = await testCompany({ workflows: [decide], entities: [Customer], ...(url ? { url } : {}) })
  for (const who of [ADA, OTHER]) await c.run(decide, who)
  for (const [entity, attribute, value] of known) await c.ask('factAssert', { entity, attribute, value, ...why })
  c.clock.advance(MINUTE)
  await c.run(decide, ADA)
  c.clock.advance(MINUTE)
  const [newest] = await c.list('decisions', {})
  return {
    c,
    stale: async () => (await c.ask('decision', { id: newest!.id })).stale.map((s) => [s.of, s.was, s.now] as const),
  }
}

onEachStore('of a set only the value that is no longer in it makes a premise stale', async (url) => {
  const { c, stale } = await decided(url, [
    [ADA, 'tags', 'loud'],
    [ADA, 'tags', 'early'],
  ])
  await using _ = c
  const change = (how: 'factEnd' | 'factAssert', value: string) =>
    c.ask(how, { entity: ADA, attribute: 'tags', value, ...why })
  await change('factAssert', 'kind')
  assert.deepEqual(await stale(), [])
  c.clock.advance(MINUTE)
  await change('factEnd', 'loud')
  // What else is in the set has not taken its place.
  assert.deepEqual(await stale(), [['tags', 'loud', null]])
  c.clock.advance(MINUTE)
  await change('factAssert', 'loud')
  assert.deepEqual(await stale(), [])
  await c.ask('factCorrect', { entity: ADA, attribute: 'tags', value: 'late', was: 'early', ...why })
  assert.deepEqual(await stale(), [['tags', 'early', 'late']])
  await c.check()
})

onEachStore(
  'what counts for the whole makes a premise stale, or keeps it, whichever part it is said of',
  async (url) => {
    const { c, stale } = await decided(url, [
      [ADA, 'plan', 'free'],
      [ADA, 'phone', '1'],
    ])
    await using _ = c
    for (const [attribute, value] of [
      ['plan', 'pro'],
      ['phone', '1'],
    ])
      await c.ask('factAssert', { entity: OTHER, attribute: attribute!, value: value!, ...why })
    assert.deepEqual(await stale(), [])
    c.clock.advance(MINUTE)
    await c.ask('entityMerge', { into: ADA, member: OTHER, ...why })
    // Nothing of hers has ended: it no longer counts.
    assert.deepEqual(await stale(), [['plan', 'free', 'pro']])
    await c.ask('factEnd', { entity: ADA, attribute: 'phone', ...why })
    c.clock.advance(MINUTE)
    await c.ask('entitySplit', { member: OTHER, ...why })
    assert.deepEqual(await stale(), [['phone', '1', null]])
    await c.check()
  },
)

onEachStore('a value that the other part has as well still holds', async (url) => {
  const { c, stale } = await decided(url, [[ADA, 'phone', '1']])
  await using _ = c
  await c.ask('entityMerge', { into: ADA, member: OTHER, ...why })
  await c.ask('factAssert', { entity: OTHER, attribute: 'phone', value: '2', ...why })
  assert.deepEqual(await stale(), [['phone', '1', '2']])
  c.clock.advance(MINUTE)
  await c.ask('factAssert', { entity: OTHER, attribute: 'phone', value: '1', ...why })
  assert.deepEqual(await stale(), [])
  await c.check()
})
