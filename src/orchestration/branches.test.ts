import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { onEachStore } from '../../test/each-store.ts'
import { signal } from '../context/signals.ts'
import { testCompany, type TestCompany } from '../testing.ts'
import { workflow, type Context } from './workflow.ts'

const go = signal('go', z.object({ id: z.string() }), { match: (p) => p.id })
const paid = signal('paid', z.object({ id: z.string() }), { match: (p) => p.id })

/** After this many turns of the event loop. */
async function turns(n: number): Promise<void> {
  for (let i = 0; i < n; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}

type Act = (company: TestCompany) => Promise<void>

const races = workflow('races', {}, async (ctx) => {
  const log: string[] = []
  const branch = async (name: string, work: () => Promise<unknown>) => {
    const got = await work()
    log.push(`${name}=${JSON.stringify(got ?? null)}@${ctx.now() % 1_000_000}`)
    return name
  }
  const first = await Promise.race([
    branch('slow', () => ctx.sleep('2h', { name: 'slow' })),
    branch('fast', () => ctx.sleep('1h', { name: 'fast' })),
    branch('paid', () => ctx.waitFor(paid, { match: 'a', timeout: '3h' })),
  ])
  const both = await Promise.all([
    branch('ask', () => ctx.ask<string>({ title: 'Which?', options: ['x', 'y'] })),
    branch('step', () => ctx.step('step', () => turns(3).then(() => 'stepped'))),
    branch('nap', () => ctx.sleep('10m', { name: 'nap' })),
  ])
  return { first, both, log }
})

const STORY: readonly Act[] = [
  (c) => c.advance('90m'),
  (c) => c.send(paid, { id: 'a' }, { id: 'p1' }),
  async (c) => c.decide('answer', { gate: (await c.queue())[0]!.id, value: 'y' }),
  (c) => c.advance('2h'),
]

async function play(restartAt: number | null, url: string | undefined): Promise<unknown> {
  const options = { workflows: [races], ...(url ? { url } : {}) }
  await using first = await testCompany(options)
  let company = first
  const run = await company.run(races, null)
  for (const [i, act] of STORY.entries()) {
    if (restartAt === i || restartAt === -1) {
      await company.close()
      company = await testCompany({ ...options, folder: first.folder, clock: first.clock })
    }
    await act(company)
  }
  const result = await company.result(run)
  await company.check()
  await company.close()
  return result
}

onEachStore('branches and races come out the same, whether the process lives or is restarted', async (url) => {
  const lived = await play(null, url)
  if (url) return
  assert.equal((lived as { first: string }).first, 'fast')
  for (const restartAt of [0, 1, 2, 3, -1]) assert.deepEqual(await play(restartAt, undefined), lived)
})

test('the sleep that was due first wins its race, also when both came due while the process was down', async () => {
  const order = workflow('order', {}, (ctx) =>
    Promise.race([
      ctx.sleep('2h', { name: 'long' }).then(() => 'long'),
      ctx.sleep('1h', { name: 'short' }).then(() => 'short'),
    ]),
  )
  await using first = await testCompany({ workflows: [order] })
  const run = await first.run(order, null)
  await first.close()
  first.clock.advance(10 * 3_600_000)
  const again = await testCompany({ workflows: [order], folder: first.folder, clock: first.clock })
  await again.idle()
  assert.equal(await again.result(run), 'short')
  await again.close()
})

/** A branch is a list of steps that each take so many turns; every few, a nap. */
const program = fc.array(fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 4 }), {
  minLength: 2,
  maxLength: 5,
})

test('whatever the steps take, completions come in ledger order, one a turn, and the same again on replay', async () => {
  await fc.assert(
    fc.asyncProperty(program, async (branches) => {
      const drives: string[][] = []
      const spec = workflow('spec', {}, async (ctx: Context) => {
        const log: string[] = []
        let turn = 0
        await Promise.all(
          branches.map(async (steps, b) => {
            for (const [i, takes] of steps.entries()) {
              const name = `${b}.${i}`
              if (takes === 6) await ctx.sleep(1_000 * (b + 1), { name })
              else await ctx.step(name, () => turns(takes))
              const mine = ++turn
              // Two completions in one turn would let the other branch count on before this microtask.
              await Promise.resolve()
              assert.equal(turn, mine)
              log.push(name)
            }
          }),
        )
        drives.push(log)
        await ctx.waitFor(go, { match: 'end' })
        return log
      })
      await using first = await testCompany({ workflows: [spec] })
      const run = await first.run(spec, null)
      await first.advance('1m')
      await first.close()
      const again = await testCompany({ workflows: [spec], folder: first.folder, clock: first.clock })
      const ledger = await again.open.store.engine.queryText(
        `select body from event where kind in ('step.completed@1', 'wait.resolved@1') and stream = '${run}' order by seq`,
        [],
      )
      await again.send(go, { id: 'end' })
      const log = (await again.result(run)) as string[]
      await again.close()
      assert.deepEqual(log, drives[0])
      assert.deepEqual(
        log,
        ledger.map((row) => (JSON.parse(String(row.body)) as { op: string }).op),
      )
    }),
    { numRuns: 25 },
  )
})

test('a result that swapped would be seen: many branches that load and then use', async () => {
  const N = 40
  const loads = workflow('loads', {}, (ctx) =>
    Promise.all(
      Array.from({ length: N }, async (_, i) => {
        const loaded = await ctx.step('load', () => turns((i * 7) % 5).then(() => i), { key: i })
        return ctx.step('use', () => turns((i * 3) % 4).then(() => loaded * 2), { key: i })
      }),
    ),
  )
  await using company = await testCompany({ workflows: [loads] })
  const run = await company.run(loads, null)
  assert.deepEqual(
    await company.result(run),
    Array.from({ length: N }, (_, i) => i * 2),
  )
  await company.check()
})
