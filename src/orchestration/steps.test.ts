import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onEachStore } from '../../test/each-store.ts'
import { FactotumError } from '../lib/errors.ts'
import { testCompany } from '../testing.ts'
import { signal } from '../context/signals.ts'
import { workflow } from './workflow.ts'
import { z } from 'zod'

const go = signal('go', z.object({ id: z.string() }), { match: (p) => p.id })

onEachStore('a step runs once, and its result comes back from the record', async (url) => {
  let calls = 0
  const once = workflow('once', {}, async (ctx) => {
    const drawn = await ctx.step('draw', () => ({ n: ++calls, none: undefined, minus: -0 }))
    await ctx.waitFor(go, { match: 'x' })
    return drawn
  })
  await using first = await testCompany({ workflows: [once], ...(url ? { url } : {}) })
  const run = await first.run(once, null)
  assert.equal((await first.row(run)).state, 'waiting')
  await first.close()
  const again = await testCompany({
    workflows: [once],
    folder: first.folder,
    clock: first.clock,
    ...(url ? { url } : {}),
  })
  await again.send(go, { id: 'x' })
  assert.deepEqual(await again.result(run), { n: 1, minus: 0 })
  assert.equal(calls, 1)
  await again.check()
  await again.close()
})

onEachStore('an error of a step is the same live and replayed', async (url) => {
  const seen: unknown[] = []
  const failing = workflow('failing', {}, async (ctx) => {
    const caught = await ctx
      .step('charge', () => {
        throw new FactotumError('card.declined', 'The card was declined.')
      })
      .catch((error: FactotumError) => ({ name: error.name, code: error.code, message: error.message }))
    const plain = await ctx
      .step('other', () => {
        throw new TypeError('no such thing')
      })
      .catch((error: FactotumError) => ({ name: error.name, code: error.code, message: error.message }))
    seen.push([caught, plain])
    await ctx.waitFor(go, { match: 'x' })
    return [caught, plain]
  })
  await using first = await testCompany({ workflows: [failing], ...(url ? { url } : {}) })
  const run = await first.run(failing, null)
  await first.close()
  const again = await testCompany({
    workflows: [failing],
    folder: first.folder,
    clock: first.clock,
    ...(url ? { url } : {}),
  })
  await again.send(go, { id: 'x' })
  assert.deepEqual(await again.result(run), [
    { name: 'StepError', code: 'card.declined', message: 'The card was declined.' },
    { name: 'StepError', code: 'unknown', message: 'no such thing' },
  ])
  assert.equal(seen.length, 2)
  assert.deepEqual(seen[0], seen[1])
  await again.close()
})

test('what a step throws may be anything', async () => {
  const odd = workflow('odd', {}, async (ctx) => {
    const got: unknown[] = []
    for (const [i, thrown] of ['text', undefined, null, { a: 1 }].entries()) {
      await ctx
        .step(
          'throw',
          () => {
            // eslint-disable-next-line typescript/only-throw-error
            throw thrown
          },
          { key: i },
        )
        .catch((error: FactotumError) => got.push([error.code, error.message]))
    }
    return got
  })
  await using company = await testCompany({ workflows: [odd] })
  const run = await company.run(odd, null)
  assert.deepEqual(await company.result(run), [
    ['unknown', 'text'],
    ['unknown', 'undefined'],
    ['unknown', 'null'],
    ['unknown', '[object Object]'],
  ])
  await company.check()
})

test('the same name twice is refused, saying what to do, and a key tells them apart', async () => {
  const twice = workflow('twice', {}, async (ctx) => {
    await ctx.step('load', () => 1)
    return ctx.step('load', () => 2)
  })
  const keyed = workflow('keyed', {}, async (ctx) => [
    await ctx.step('load', () => 1, { key: 'a' }),
    await ctx.step('load', () => 2, { key: 'b' }),
  ])
  await using company = await testCompany({ workflows: [twice, keyed] })
  const refused = await company.run(twice, null)
  const row = await company.row(refused)
  assert.equal(row.state, 'failed')
  assert.equal(row.error_code, 'run.duplicate_step')
  assert.match(row.error ?? '', /"load" was called twice.*its own key/)
  assert.deepEqual(await company.result(await company.run(keyed, null)), [1, 2])
})

const NOT_JSON: readonly (readonly [string, () => unknown])[] = [
  ['a cycle', () => cyclic()],
  ['a cycle through two fields', () => tangled()],
  ['a function', () => () => 1],
  ['a bigint', () => 1n],
  ['a Map', () => ({ m: new Map() })],
  ['a Date', () => new Date(0)],
  ['not a number', () => Number.NaN],
]

function cyclic(): unknown {
  const o: Record<string, unknown> = {}
  o.self = o
  return o
}

function tangled(): unknown {
  const o: Record<string, unknown> = {}
  o.left = { up: o }
  o.right = { up: o }
  return o
}

for (const [what, make] of NOT_JSON) {
  test(`a result that is ${what} fails at that step`, async () => {
    const bad = workflow('bad', {}, async (ctx) => {
      await ctx.step('fine', () => 1)
      await ctx.step('culprit', make)
      await ctx.step('never', () => 1)
    })
    await using company = await testCompany({ workflows: [bad] })
    const row = await company.row(await company.run(bad, null))
    assert.equal(row.error_code, 'json.not_json')
    const [gate] = await company.queue()
    assert.match(gate!.title, /at "culprit"/)
  })
}

test('a result over 1 MiB fails at that step, one just below does not', async () => {
  const big = workflow('big', {}, async (ctx) => {
    await ctx.step('fits', () => 'x'.repeat(1_048_576 - 2))
    await ctx.step('culprit', () => 'x'.repeat(1_048_576 - 1))
  })
  await using company = await testCompany({ workflows: [big] })
  const row = await company.row(await company.run(big, null))
  assert.equal(row.error_code, 'json.too_large')
  assert.match((await company.queue())[0]!.title, /at "culprit"/)
})

test('an input that is not JSON or too large fails at that call, not at the one before', async () => {
  const inputs = workflow('inputs', {}, async (ctx, input: string) => {
    await ctx.step('fine', () => 1)
    if (input === 'large') await ctx.step('culprit', () => 1, { input: 'x'.repeat(1_048_577) })
    else await ctx.step('culprit', () => 1, { input: 1n })
  })
  await using company = await testCompany({ workflows: [inputs] })
  for (const [input, code] of [
    ['large', 'json.too_large'],
    ['not', 'json.not_json'],
  ] as const) {
    const run = await company.run(inputs, input)
    assert.equal((await company.row(run)).error_code, code)
    assert.match((await company.queue()).find((g) => g.run === run)!.title, /at "culprit"/)
  }
})

test('a shared value that is small in memory and endless as JSON is refused, not expanded', async () => {
  const shared = workflow('shared', {}, async (ctx) => {
    await ctx.step('culprit', () => {
      let value: unknown = 'leaf'
      for (let i = 0; i < 60; i++) value = [value, value]
      return value
    })
  })
  await using company = await testCompany({ workflows: [shared] })
  assert.equal((await company.row(await company.run(shared, null))).error_code, 'json.too_large')
})

onEachStore('bytes become blobs and come back as bytes, after a restart too', async (url) => {
  const bytes = workflow('bytes', {}, async (ctx) => {
    const got = await ctx.step('fetch', () => ({
      name: 'a.bin',
      parts: [new Uint8Array(2_000_000).fill(7), Buffer.from('hi')],
    }))
    await ctx.waitFor(go, { match: 'x' })
    return got.parts.map((p) => [p instanceof Uint8Array, p.length, p.at(-1) ?? null])
  })
  await using first = await testCompany({ workflows: [bytes], ...(url ? { url } : {}) })
  const run = await first.run(bytes, null)
  await first.close()
  const again = await testCompany({
    workflows: [bytes],
    folder: first.folder,
    clock: first.clock,
    ...(url ? { url } : {}),
  })
  await again.send(go, { id: 'x' })
  assert.deepEqual(await again.result(run), [
    [true, 2_000_000, 7],
    [true, 2, 105],
  ])
  await again.check()
  await again.close()
})

test('an endless loop of steps is stopped at 10,000 calls', async () => {
  const endless = workflow('endless', {}, async (ctx) => {
    for (let i = 0; ; i++) await ctx.step('again', () => i, { key: i })
  })
  await using company = await testCompany({ workflows: [endless] })
  const row = await company.row(await company.run(endless, null))
  assert.equal(row.error_code, 'run.too_many_steps')
  assert.match(row.error ?? '', /10000 calls/)
})

for (const name of ['nul\0', 'half \ud800', 'x'.repeat(100_000)]) {
  test(`a name that cannot be stored (${JSON.stringify(name.slice(0, 8))}, ${name.length} long) fails the run, visibly`, async () => {
    const hostile = workflow('hostile', {}, (ctx) => ctx.step(name, () => 1))
    await using company = await testCompany({ workflows: [hostile] })
    const row = await company.row(await company.run(hostile, null))
    assert.equal(row.state, 'failed')
    assert.equal(row.error_code, 'run.bad_name')
    await company.check()
  })
}

test('nothing that a key, an input, a question or a scratch key says stands where it cannot be erased', async () => {
  const telling = workflow('telling', {}, async (ctx) => {
    await ctx.step('mail', () => 'to canary@secret.example', {
      key: 'canary@secret.example',
      input: 'canary@secret.example',
    })
    await ctx.scratch.set('canary@secret.example', 1)
    return ctx.ask({ title: 'Refund canary@secret.example?', options: ['yes', 'no'] })
  })
  await using company = await testCompany({ workflows: [telling] })
  const run = await company.run(telling, null)
  await company.decide('answer', { value: 'yes' })
  assert.equal(await company.result(run), 'yes')
  for await (const rows of company.open.store.engine.events(0, 1_000)) {
    for (const { key, stream, actor, body } of rows) {
      assert.doesNotMatch(`${key} ${stream} ${actor} ${body}`, /canary/)
    }
  }
})

test('the time stands still between deliveries and random draws the same numbers when driven again', async () => {
  const drives: unknown[] = []
  const timed = workflow('timed', {}, async (ctx) => {
    const first = [ctx.now(), ctx.random(), ctx.random()]
    await ctx.sleep('1h', { key: 1 })
    const second = [ctx.now(), ctx.random()]
    drives.push([first, ctx.now()])
    await ctx.sleep('1h', { key: 2 })
    return [first, second]
  })
  await using company = await testCompany({ workflows: [timed] })
  const begun = company.clock.now()
  const run = await company.run(timed, null)
  await company.advance('3h')
  const [first, second] = (await company.result(run)) as number[][]
  assert.equal(first![0], begun)
  assert.equal(second![0], begun + 3_600_000)
  assert.notEqual(first![1], first![2])
  assert.equal(drives.length, 2)
  assert.deepEqual(drives[0], drives[1])
})
