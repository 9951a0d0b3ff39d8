import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { onEachStore } from '../../test/each-store.ts'
import { sessionOwner, unchanged, valueIn } from '../context/ephemeral.ts'
import { entity } from '../context/facts.ts'
import { signal } from '../context/signals.ts'
import type { FactotumError } from '../lib/errors.ts'
import { testCompany, type TestCompany } from '../testing.ts'
import { workflow } from './workflow.ts'

const options = (url: string | undefined) => (url ? { url } : {})
const said = signal('said', z.object({ chat: z.string(), text: z.string() }), { match: (p) => p.chat })
const go = signal('go', z.object({ id: z.string() }), { match: (p) => p.id })
const Customer = entity('customer', { plan: z.string() })

const listens = workflow('listens', { on: said }, async (ctx, { chat, text }) => {
  await ctx.session(chat).set('last', { text }, { ttl: '2h' })
})
const chatInput = z.object({ chat: z.string(), keep: z.boolean().default(false) })
const reads = workflow('reads', { input: chatInput }, async (ctx, { chat, keep }) => {
  const last = (await ctx.session(chat).get('last', { keep })) ?? null
  await ctx.waitFor(go, { match: 'on' })
  return last
})

async function held(company: TestCompany): Promise<string[]> {
  const rows = await company.open.store.engine.queryText('select owner, name, value from ephemeral order by name', [])
  return rows.map((r) => `${String(r.owner).replace(/[:_].*/, '')} ${String(r.name)} ${String(r.value)}`)
}

/** The process ends and another one takes over. */
async function reopened(company: TestCompany, again: Parameters<typeof testCompany>[0]): Promise<TestCompany> {
  await company.close()
  return testCompany({ ...again, folder: company.folder, clock: company.clock })
}

onEachStore(
  'a value of a run is there as long as the run, across processes and months, and gone with it',
  async (url) => {
    const note = workflow('note', {}, async (ctx) => {
      await ctx.scratch.set('a', { n: 1 })
      const seen = [ctx.scratch.get('a')]
      await ctx.scratch.set('a', { n: 2 })
      seen.push(ctx.scratch.get('a'), ctx.scratch.get('b') ?? null)
      await ctx.waitFor(go, { match: 'on' })
      seen.push(ctx.scratch.get('a'))
      return seen
    })
    const given = { workflows: [note], ...options(url) }
    await using first = await testCompany(given)
    const run = await first.run(note, null)
    await first.close()
    first.clock.advance(90 * 86_400_000)
    const again = await reopened(first, given)
    await again.advance('1m')
    assert.deepEqual(await held(again), ['run a {"n":1}', 'run a {"n":2}'])
    await again.send(go, { id: 'on' })
    assert.deepEqual(await again.result(run), [{ n: 1 }, { n: 2 }, null, { n: 2 }])
    assert.deepEqual(await held(again), [])
    await again.check()
    await again.close()
  },
)

onEachStore('a time to live is strict: what was not read before is simply not there any more', async (url) => {
  const short = workflow('short', {}, async (ctx) => {
    await ctx.scratch.set('short', 'x', { ttl: '1h' })
    await ctx.scratch.set('long', 'y', { ttl: '1d' })
    // What a step did is on record: driven again, nobody asks what it had read.
    const used = await ctx.step('use', () => `${String(ctx.scratch.get('short'))}!`)
    await ctx.sleep('2h')
    return [used, ctx.scratch.get('short') ?? null, ctx.scratch.get('long')]
  })
  const given = { workflows: [short], ...options(url) }
  await using first = await testCompany(given)
  const run = await first.run(short, null)
  await first.advance('61m')
  assert.deepEqual(await held(first), ['run long "y"'])
  const again = await reopened(first, given)
  await again.advance('1h')
  assert.deepEqual(await again.result(run), ['x!', null, 'y'])
  await again.check()
  await again.close()
})

test('an expired value is not answered before the sweep has come by either', async () => {
  const late = workflow('late', {}, async (ctx) => {
    await ctx.scratch.set('a', 1, { ttl: '5s' })
    return ctx.step('wait', async () => {
      company.clock.advance(5_000)
      return ctx.scratch.get('a') ?? null
    })
  })
  await using company = await testCompany({ workflows: [late] })
  assert.equal(await company.result(await company.run(late, null)), null)
  await company.open.ephemeral.set('desk', 'a', 1, { trust: 'operator', ttl: '5s' })
  company.clock.advance(5_000)
  assert.equal(await company.open.ephemeral.get('desk', 'a'), undefined)
  assert.deepEqual(await company.open.ephemeral.list(), [])
})

onEachStore('a run that would have to guess what it had read is parked, and can start over', async (url) => {
  let round = 0
  const guess = workflow('guess', {}, async (ctx) => {
    await ctx.scratch.set('a', await ctx.step('round', () => ++round), { ttl: '1h' })
    const read = ctx.scratch.get('a')
    try {
      await ctx.waitFor(go, { match: 'on' })
      // An author who catches everything does not make it go on.
      return [read, ctx.scratch.get('a') ?? null]
    } catch {
      return 'caught'
    }
  })
  const given = { workflows: [guess], ...options(url) }
  await using company = await testCompany(given)
  const run = await company.run(guess, null)
  await company.advance('2h')
  await company.send(go, { id: 'on' })
  const row = await company.row(run)
  assert.deepEqual([row.state, row.error_code], ['parked', 'scratch.gone'])
  const gate = (await company.queue())[0]!
  assert.match(gate.title, /"scratch:a" read a value that has expired since/)
  await company.decide('restart')
  assert.deepEqual(await company.result(run), [2, 2])
  assert.deepEqual(await held(company), [])
  await company.check()
})

onEachStore('a session outlives runs, and each run reads again what it has read, whoever wrote since', async (url) => {
  const given = { workflows: [listens, reads], ...options(url) }
  await using first = await testCompany(given)
  const none = await first.run(reads, { chat: 'ada', keep: false })
  await first.send(said, { chat: 'ada', text: 'one' })
  const one = await first.run(reads, { chat: 'ada', keep: false })
  await first.send(said, { chat: 'ada', text: 'two' })
  const two = await first.run(reads, { chat: 'ada', keep: false })
  await first.open.ephemeral.delete('ada', 'last')
  const gone = await first.run(reads, { chat: 'ada', keep: false })
  const again = await reopened(first, given)
  for (const _ of [none, one, two, gone]) await again.send(go, { id: 'on' })
  assert.deepEqual(await Promise.all([none, one, two, gone].map((r) => again.result(r))), [
    null,
    { text: 'one' },
    { text: 'two' },
    null,
  ])
  assert.deepEqual(await held(again), [])
  await again.check()
  await again.close()
})

onEachStore('what a run has read of a session expires with it, unless the run keeps it', async (url) => {
  await using company = await testCompany({ workflows: [listens, reads], ...options(url) })
  await company.send(said, { chat: 'ada', text: 'one' })
  const strict = await company.run(reads, { chat: 'ada', keep: false })
  const keeps = await company.run(reads, { chat: 'ada', keep: true })
  await company.advance('3h')
  assert.deepEqual(await held(company), ['run last {"text":"one"}'])
  await company.send(go, { id: 'on' })
  await company.send(go, { id: 'on' })
  const row = await company.row(strict)
  assert.deepEqual([row.state, row.error_code], ['parked', 'scratch.gone'])
  assert.deepEqual(await company.result(keeps), { text: 'one' })
  await company.check()
})

onEachStore('clearing a session takes with it what runs have read of it, and nothing of others', async (url) => {
  await using company = await testCompany({ workflows: [listens, reads], ...options(url) })
  await company.send(said, { chat: 'ada', text: 'one' })
  await company.send(said, { chat: 'eve', text: 'other' })
  const run = await company.run(reads, { chat: 'ada', keep: true })
  assert.deepEqual(await company.ask('scratchClear', { owner: 'ada' }), { cleared: 2 })
  assert.deepEqual(
    (await company.list('scratch', {})).map((h) => [h.session, h.name]),
    [['eve', 'last']],
  )
  await company.send(go, { id: 'on' })
  assert.equal((await company.row(run)).error_code, 'scratch.gone')
  await company.decide('cancel', { reason: 'cleared' })
  await company.ask('scratchClear', {})
  assert.deepEqual(await company.list('scratch', {}), [])
  await company.check()
})

test('who reads a value is believed no more than who set it, and so is a fact that is made of it', async () => {
  const learns = workflow('learns', { input: chatInput }, async (ctx, { chat }) => {
    const ada = await ctx.facts.about(Customer, 'ada@example.org')
    const { text } = (await ctx.session(chat).get('last')) as { text: string }
    await ctx.scratch.set('copy', text)
    await ctx.session(chat).set('mine', text)
    await ctx.facts.assert(ada, { plan: String(ctx.scratch.get('copy')) })
  })
  await using company = await testCompany({ workflows: [listens, learns] })
  await company.send(said, { chat: 'ada', text: 'pro' }, { trust: 'outsider' })
  await company.open.ephemeral.set('ada', 'own', 1, { trust: 'operator' })
  await company.result(await company.run(learns, { chat: 'ada', keep: false }))
  const facts = await company.open.store.engine.queryText('select trust from fact', [])
  assert.deepEqual(
    facts.map((f) => f.trust),
    ['outsider'],
  )
  assert.deepEqual(
    (await company.list('scratch', { owner: 'ada' })).map((h) => [h.name, h.trust]),
    [
      ['last', 'outsider'],
      ['mine', 'outsider'],
      ['own', 'operator'],
    ],
  )
})

test('a list is a reading: the same again, and believed as little as its least', async () => {
  const lists = workflow('lists', { input: chatInput }, async (ctx, { chat }) => {
    const names = (await ctx.session(chat).list()).map((v) => `${v.name} ${v.trust}`)
    await ctx.waitFor(go, { match: 'on' })
    await ctx.session(chat).set('seen', names)
    return [names, (await ctx.session('empty').list()).length]
  })
  await using company = await testCompany({ workflows: [listens, lists] })
  await company.open.ephemeral.set('ada', 'own', 1, { trust: 'operator' })
  await company.send(said, { chat: 'ada', text: 'hi' }, { trust: 'outsider' })
  const run = await company.run(lists, { chat: 'ada', keep: false })
  await company.open.ephemeral.delete('ada', 'own')
  await company.send(go, { id: 'on' })
  assert.deepEqual(await company.result(run), [['last outsider', 'own operator'], 0])
  assert.equal((await company.open.ephemeral.get('ada', 'seen'))?.trust, 'outsider')
})

test('text that was recalled keeps its mark', async () => {
  const marks = workflow('marks', {}, async (ctx) => {
    await ctx.scratch.set('past', { passages: [{ recalled: true, text: 'said before' }] })
    await ctx.session('s').set('past', ctx.scratch.get('past'))
    await ctx.session('s').set('own', { text: 'said now' })
    return ctx.session('s').get('past')
  })
  await using company = await testCompany({ workflows: [marks] })
  assert.deepEqual(await company.result(await company.run(marks, null)), {
    passages: [{ recalled: true, text: 'said before' }],
  })
  assert.deepEqual(
    (await company.list('scratch', { owner: 's' })).map((h) => [h.name, h.recalled]),
    [
      ['own', false],
      ['past', true],
    ],
  )
})

onEachStore('values have a size, a number and a longest life', async (url) => {
  const fill = workflow('fill', {}, async (ctx) => {
    const refusals: string[] = []
    const refused = async (set: () => Promise<void>) => {
      try {
        await set()
      } catch (error) {
        refusals.push((error as FactotumError).code)
      }
    }
    await refused(() => ctx.scratch.set('a', 'x'.repeat(65_535)))
    await refused(() => ctx.scratch.set('a', 1, { ttl: '31d' }))
    await refused(() => ctx.session('s').set('b'.repeat(201), 1))
    await refused(() => ctx.session('s').set('new', 1))
    await refused(() => ctx.session('s').set('n7', 'again'))
    await ctx.scratch.set('fits', 'x'.repeat(65_534))
    return refusals
  })
  await using company = await testCompany({ workflows: [fill], ...options(url) })
  const { ephemeral } = company.open
  for (let i = 0; i < 1_000; i++) await ephemeral.set('s', `n${i}`, i, { trust: 'operator' })
  await assert.rejects(ephemeral.set('s', 'new', 1, { trust: 'operator' }), { code: 'scratch.too_many' })
  assert.deepEqual(await company.result(await company.run(fill, null)), [
    'scratch.too_large',
    'scratch.too_long',
    'scratch.bad_name',
    'scratch.too_many',
  ])
  assert.equal((await ephemeral.get('s', 'n7'))?.value, 'again')
  await company.check()
})

/** Every file below a folder that holds one of the texts. */
function filesWith(folder: string, canaries: readonly string[]): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .flatMap((file) => {
      const bytes = readFileSync(file)
      return canaries.filter((canary) => bytes.includes(canary)).map((canary) => `${file}: ${canary}`)
    })
}

const swept = async (company: TestCompany) => {
  await company.advance('11s')
  // The sweep is under way: nothing waits for it but the next turn.
  await new Promise((resolve) => setTimeout(resolve, 50))
}

test('no byte of a value is on disk once it has expired or its run has ended, and the ledger never had one', async () => {
  const canary = (what: string, n: number) => `canary-${what}-${n}-`.padEnd(24 + ((n * 337) % 9_000), `${what}${n}`)
  const writes = workflow('writes', { input: z.object({ n: z.number() }) }, async (ctx, { n }) => {
    await ctx.scratch.set('run', canary('run', n))
    await ctx.scratch.set('ttl', canary('ttl', n), { ttl: '1h' })
    await ctx.session(`canary-key-${n}@example.org`).set('session', canary('session', n), { ttl: '1h' })
    await ctx.session(`canary-key-${n}@example.org`).get('session')
    await ctx.session(`canary-key-${n}@example.org`).list()
    await ctx.waitFor(go, { match: String(n) })
  })
  await using company = await testCompany({ workflows: [writes] })
  const runs = 60
  for (let n = 0; n < runs; n++) {
    await company.run(writes, { n })
    // Others come and go between: values move from page to page.
    if (n % 3 === 2) await company.send(go, { id: String(n - 1) })
  }
  const all = Array.from({ length: runs }, (_, n) => [
    `canary-run-${n}-`,
    `canary-ttl-${n}-`,
    `canary-session-${n}-`,
    `canary-key-${n}@`,
  ]).flat()
  assert.ok(filesWith(company.folder, all).length > 0, 'they are there while they live')
  await company.advance('1h')
  await swept(company)
  const still = all.filter((c) => c.startsWith('canary-run'))
  assert.deepEqual(
    filesWith(
      company.folder,
      all.filter((c) => !still.includes(c)),
    ),
    [],
  )
  // Some end when they are asked again; those that would have to guess are ended.
  for (let n = 0; n < runs; n++) await company.send(go, { id: String(n) })
  for (const run of await company.list('runs', { state: 'parked', limit: 1_000 }))
    await company.ask('cancel', { id: run.id })
  await swept(company)
  assert.deepEqual(filesWith(company.folder, all), [])
  const events = await company.open.store.engine.queryText('select body, private from event', [])
  const ledger = events.map((e) => `${String(e.body)} ${String(e.private)}`).join('\n')
  assert.deepEqual(
    all.filter((c) => ledger.includes(c)),
    [],
  )
  await company.check()
})

onEachStore('what is set again under another label has changed, also where it is the same value', async (url) => {
  await using company = await testCompany({ workflows: [reads], ...options(url) })
  const { store, ephemeral } = company.open
  const owner = sessionOwner(store, 'chat')
  await ephemeral.set('chat', 'last', 'same', { trust: 'operator' })
  const row = await valueIn(store, owner, 'last')
  const { check } = unchanged(row!)
  await ephemeral.set('chat', 'last', 'same', { trust: 'operator' })
  assert.ok(await store.first(check))
  await ephemeral.set('chat', 'last', 'same', { trust: 'outsider' })
  assert.equal(await store.first(check), undefined)
})
