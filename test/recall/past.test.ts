import assert from 'node:assert/strict'
import { entity, signal, workflow, z } from '../../src/index.ts'
import { operateAsOf, type Result } from '../../src/server/operations.ts'
import { testCompany } from '../../src/testing.ts'
import { onEachStore } from '../each-store.ts'

const mail = signal('mail', z.object({ from: z.string(), text: z.string(), id: z.string() }), {
  message: (m) => ({ party: m.from, subject: 'hello', text: m.text, ids: [m.id] }),
})
const Customer = entity('customer', { plan: z.string() })
const hear = workflow('hear', { on: mail }, async (ctx, m) => {
  const customer = await ctx.facts.about(Customer, m.from)
  const plan = /my plan is (\w+)/.exec(m.text)?.[1]
  if (plan) await ctx.facts.assert(customer, { plan })
})

onEachStore('in the company as it was, recall answers what was known then and nothing later', async (url) => {
  await using company = await testCompany({ workflows: [hear], entities: [Customer], ...(url ? { url } : {}) })
  const write = (from: string, text: string, id: string) => company.send(mail, { from, text, id })
  const remember = (text: string) => company.ask('remember', { text, name: 'prices', title: 'Prices' })
  const heads: number[] = []
  const mark = async () => {
    heads.push((await company.open.store.engine.head()) - 1)
  }
  // No time passes between them: only their order says what was known.
  await write('ada@example.org', 'Hello, my plan is gold and the lantern is broken.', 'a1')
  await mark()
  await remember('A lantern costs 40 euros.')
  await mark()
  await remember('A lantern costs 55 euros.')
  await write('ada@example.org', 'My plan was wrong: my plan is silver. The lantern works.', 'a2')
  await mark()
  await company.advance('1h')

  const recall = async (head: number, query: string, about?: string) => {
    const asked = { query, ...(about ? { about } : {}) }
    const { answer } = await operateAsOf(company.open, 'recall', asked, head)
    const { passages, facts } = answer as Result<'recall'>
    return { passages: passages.map((p) => p.text).sort(), facts: facts.map((f) => f.value) }
  }
  const [first, second, third] = heads as [number, number, number]
  assert.deepEqual(await recall(first, 'what does a lantern cost'), {
    passages: ['Hello, my plan is gold and the lantern is broken.'],
    facts: [],
  })
  const then = await recall(second, 'what does a lantern cost')
  assert.ok(then.passages.includes('A lantern costs 40 euros.'))
  assert.ok(!then.passages.some((t) => t.includes('55') || t.includes('works')))
  const later = await recall(third, 'what does a lantern cost')
  assert.ok(later.passages.includes('A lantern costs 55 euros.') && !later.passages.some((t) => t.includes('40')))
  assert.deepEqual((await recall(second, 'which plan', 'ada@example.org')).facts, ['gold'])
  assert.deepEqual((await recall(third, 'which plan', 'ada@example.org')).facts, ['silver'])

  // Who rebuilds the index meanwhile, or has not built it yet, changes nothing of the past.
  const before = await recall(second, 'lantern')
  await company.ask('recallIndex', { rebuild: true })
  assert.deepEqual(await recall(second, 'lantern'), before)
  await company.check()
})
