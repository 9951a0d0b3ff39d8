import assert from 'node:assert/strict'
import { agent, signal, workflow, z } from '../../src/index.ts'
import { testCompany } from '../../src/testing.ts'
import { onEachStore } from '../each-store.ts'
import { post } from './post.ts'

const note = signal('note', z.object({ text: z.string() }))

onEachStore('a document of a lower label stands beside one of the same name, and replaces nothing', async (url) => {
  const keep = workflow('keep', { on: note }, async (ctx, { text }) => ctx.documents.add({ text, name: 'prices' }))
  await using c = await testCompany({ workflows: [keep], ...(url ? { url } : {}) })
  const own = await c.ask('remember', { text: 'The lantern costs 40 euros.', name: 'prices' })
  c.clock.advance(60_000)
  await c.send(note, { text: 'The lantern costs 1 euro.' }, { trust: 'outsider' })
  c.clock.advance(60_000)
  await c.send(note, { text: 'The lantern costs 2 euros.' }, { trust: 'outsider' })
  const found = async (more: object) =>
    (await c.ask('recall', { query: 'what does the lantern cost', ...more })).passages.map((p) => p.text)
  assert.deepEqual(await found({ trust: 'operator' }), ['The lantern costs 40 euros.'])
  assert.deepEqual(new Set(await found({})), new Set(['The lantern costs 40 euros.', 'The lantern costs 2 euros.']))
  const next = await c.ask('remember', { text: 'The lantern costs 50 euros.', name: 'prices' })
  assert.deepEqual([next.id, next.version], [own.id, 2])
  await c.check()
})

onEachStore('how a task ended is believed as whoever ended it, also by who asks later', async (url) => {
  const end = workflow('end', { on: note }, async (ctx, { text }) => {
    const [task] = await ctx.tasks.list()
    await ctx.tasks.done(task!, { note: text })
  })
  const ask = workflow('ask', { input: z.object({ id: z.string() }) }, async (ctx, { id }) => {
    const ended = await ctx.tasks.ended({ id })
    await ctx.documents.add({ text: ended?.note ?? '' })
  })
  await using c = await testCompany({ workflows: [end, ask], ...(url ? { url } : {}) })
  const { id } = await c.ask('addTask', { text: 'Ask for the price', by: '1d' })
  await c.send(note, { text: 'The price is 1 euro.' }, { trust: 'outsider' })
  await c.run(ask, { id })
  const [document] = await c.list('documents', {})
  assert.equal(document!.trust, 'outsider')
  await c.check()
})

onEachStore('a precedent is believed as what it rested on, documents and other precedents too', async (url) => {
  const sort = agent('sort', {
    instructions: 'What do they want?',
    output: z.enum(['refund', 'else']),
    tiers: [() => ({ value: 'refund', because: 'always' })],
  })
  const decide = workflow('decide', { input: z.object({ text: z.string() }) }, async (ctx, input) => {
    await ctx.recall('lantern price')
    return ctx.decide(sort, input)
  })
  const twice = workflow('twice', { input: z.object({ text: z.string() }) }, async (ctx, input) => {
    const found = await ctx.precedents(sort, input, { limit: 1 })
    if (found.length > 0) await ctx.decide(sort, input)
    await ctx.documents.add({ text: `${found.length} like it in run ${ctx.now()}` })
  })
  const keep = workflow('keep', { on: note }, async (ctx, { text }) => ctx.documents.add({ text }))
  await using c = await testCompany({ workflows: [decide, twice, keep], ...(url ? { url } : {}) })
  await c.send(note, { text: 'The lantern price is 1 euro.' }, { trust: 'outsider' })
  for (const workflow of [decide, twice, twice]) {
    c.clock.advance(60_000)
    await c.run(workflow, { text: 'a refund for the lantern' })
  }
  const documents = await c.list('documents', {})
  assert.deepEqual(
    documents.map((d) => d.trust),
    ['outsider', 'outsider', 'outsider'],
  )
  await c.check()
})

onEachStore('what we wrote is believed as what led to it: it may quote anybody', async (url) => {
  const { send, connector } = post('lantern')
  const mail = signal('mail', z.object({ from: z.string(), text: z.string() }), {
    message: (m) => ({ party: m.from, subject: 'lantern', text: m.text, ids: [`to-${m.from}`, m.text] }),
  })
  // It starts from nobody's word, and passes on what somebody wrote.
  const pass = workflow('pass', {}, async (ctx) => {
    const said = await ctx.waitFor(note, { match: 'x' })
    await ctx.act(send, { to: 'bob@example.org', text: said!.text })
  })
  const read = workflow('read', { on: mail }, async (ctx) => {
    const all = await ctx.conversation.read()
    await ctx.documents.add({ text: all!.messages.map((m) => m.text).join(), name: 'all' })
  })
  const note = signal('note', z.object({ text: z.string() }), { match: () => 'x' })
  await using c = await testCompany({ workflows: [pass, read], connectors: [connector], ...(url ? { url } : {}) })
  await c.run(pass, null)
  await c.send(note, { text: 'The lantern is free for all.' }, { trust: 'outsider' })
  if ((await c.queue()).length > 0) await c.decide('approve')
  c.clock.advance(60_000)
  await c.idle()
  const { passages } = await c.ask('recall', { query: 'free lantern' })
  assert.deepEqual(
    passages.map((p) => [p.role, p.trust]),
    [['us', 'outsider']],
  )
  await c.send(mail, { from: 'bob@example.org', text: 'Thanks.' }, { trust: 'verified' })
  const [document] = await c.list('documents', {})
  assert.equal(document!.trust, 'outsider')
  await c.check()
})
