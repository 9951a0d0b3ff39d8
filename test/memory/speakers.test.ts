import assert from 'node:assert/strict'
import { signal, workflow, z, type Context } from '../../src/index.ts'
import { testCompany, type TestCompany } from '../../src/testing.ts'
import { runStarted } from '../../src/orchestration/events.ts'
import type { AnyWorkflow } from '../../src/orchestration/workflow.ts'
import { onEachStore } from '../each-store.ts'
import { testDatabase } from '../postgres.ts'
import { Customer, letter, listen, mail } from '../facts/world.ts'
import { post } from './post.ts'

const ADA = 'ada@example.org'
const EVE = 'eve@example.net'

const Said = z.object({ from: z.string(), text: z.string() })
const options = {
  match: () => 'x',
  message: (m: z.infer<typeof Said>) => ({ party: m.from, subject: 'words', text: m.text, ids: [m.text] }),
}
/** Hers, and what the runs below wait for or start from besides. */
const hers = signal('hers', Said, options)
const word = signal('word', Said, options)

const { send: write, connector } = post('words', [hers, word])

/** What she is said to have now. After a sleep, so that what was heard before is read from the record. */
async function tell(ctx: Context, phone: string, quote?: string): Promise<string | undefined> {
  await ctx.sleep('1h')
  const ada = await ctx.facts.about(Customer, ADA, { name: 'ada' })
  return (await ctx.facts.assert(ada, { phone }, quote === undefined ? {} : { quote })).phone
}

const passed = workflow('passed', { input: z.object({ phone: z.string() }) }, (ctx, { phone }) => tell(ctx, phone))
const hear = workflow('hear', { input: z.null() }, async (ctx) => (await ctx.waitFor(word, { match: 'x' }))!.text)

type Way = (c: TestCompany) => Promise<void>

/** Ada's phone is 1. Somebody's words then reach a run that tells it anew: what comes of it, and what is believed. */
async function after(url: string | undefined, workflows: readonly AnyWorkflow[], way: Way) {
  // Each company has a database of its own.
  const database = url === undefined ? undefined : await testDatabase()
  await using c = await testCompany({
    workflows: [listen, passed, hear, ...workflows],
    connectors: [connector],
    entities: [Customer],
    ...(database ? { url: database.url } : {}),
  })
  await c.send(mail, letter(ADA, ADA, { phone: '1' }), { trust: 'outsider' })
  c.clock.advance(60_000)
  await way(c)
  for (let hour = 0; hour < 3; hour++) {
    c.clock.advance(3_600_000)
    await c.idle()
  }
  const { facts } = await c.ask('facts', { entity: ADA })
  const gates = (await c.queue()).filter((gate) => gate.kind === 'conflict').length
  await c.check()
  return { phone: facts.find((f) => f.attribute === 'phone')?.value, gates }
}

const send = (c: TestCompany, kind: typeof hers, from: string, text: string) =>
  c.send(kind, { from, text }, { trust: 'outsider' })
const STANDS = { phone: '1', gates: 1 }
const CHANGED = { phone: '2', gates: 0 }

onEachStore('what a child heard is said for whom it heard', async (url) => {
  const ask = workflow('ask', { on: hers }, async (ctx) => tell(ctx, String(await ctx.child(hear, null))))
  const by = (who: string) =>
    after(url, [ask], async (c) => {
      await send(c, hers, ADA, 'hello')
      await send(c, word, who, '2')
    })
  assert.deepEqual(await by(EVE), STANDS)
  assert.deepEqual(await by(ADA), CHANGED)
})

onEachStore('what a run waited for goes with what it passes to a child', async (url) => {
  const pass = workflow('pass', { on: hers }, async (ctx) => {
    const said = await ctx.waitFor(word, { match: 'x' })
    return ctx.child(passed, { phone: said!.text })
  })
  const by = (who: string) =>
    after(url, [pass], async (c) => {
      await send(c, hers, ADA, 'hello')
      await send(c, word, who, '2')
    })
  assert.deepEqual(await by(EVE), STANDS)
  assert.deepEqual(await by(ADA), CHANGED)
})

onEachStore('what a session holds is said for whom it was set', async (url) => {
  const put = workflow('put', { on: word }, (ctx, { text }) => ctx.session('sitting').set('phone', text))
  const get = workflow('get', { on: hers }, async (ctx) => tell(ctx, String(await ctx.session('sitting').get('phone'))))
  const look = workflow('look', { on: hers }, async (ctx) => {
    const [first] = await ctx.session('sitting').list()
    return tell(ctx, first ? '2' : '1')
  })
  for (const reader of [get, look])
    for (const [who, expected] of [
      [EVE, STANDS],
      [ADA, CHANGED],
    ] as const) {
      const came = await after(url, [put, reader], async (c) => {
        await send(c, word, who, '2')
        await send(c, hers, ADA, 'hello')
      })
      assert.deepEqual(came, expected, reader.workflow)
    }
})

onEachStore(
  'what is recalled is said for who said it, in a message or a document; her own quoted words are hers',
  async (url) => {
    const recall = workflow('recall', { on: hers }, async (ctx, { text }) => {
      const [about, hello] = text.split('|')
      const whom = about === '' ? {} : { about: await ctx.facts.about(Customer, about!) }
      const [passage] = await ctx.recall('which phone is printed on the lantern', whom)
      return tell(ctx, passage ? '2' : 'nothing', hello === 'It is 2' ? hello : undefined)
    })
    const keep = workflow('keep', { on: word }, async (ctx, { text }) => ctx.documents.add({ text, name: 'lantern' }))
    const words = 'The phone printed on the lantern is 2'
    const by = (who: string, hello: string, workflows: readonly AnyWorkflow[] = []) =>
      after(url, [recall, ...workflows], async (c) => {
        // Where nothing starts from it, only the message is there to be recalled.
        await send(c, word, who, words)
        c.clock.advance(60_000)
        await c.idle()
        await send(c, hers, ADA, hello)
      })
    assert.deepEqual(await by(EVE, `${EVE}|hello`), STANDS)
    assert.deepEqual(await by(ADA, `${ADA}|hello`), CHANGED)
    assert.deepEqual(await by(EVE, '|hello', [keep]), STANDS)
    assert.deepEqual(await by(ADA, '|hello', [keep]), CHANGED)
    assert.deepEqual(await by(EVE, `${EVE}|It is 2`), CHANGED)
  },
)

onEachStore('what we wrote to her after somebody else is theirs too, where it is read; so is a task', async (url) => {
  const answer = workflow('answer', { on: word }, async (ctx, { text }) => {
    await ctx.act(write, { to: ADA, text })
  })
  const read = workflow('read', { on: hers }, async (ctx) => {
    const all = await ctx.conversation.read()
    return tell(ctx, all!.messages.find((m) => m.from === 'us')?.text ?? 'nothing')
  })
  const note = workflow('note', { on: word }, async (ctx, { text }) => ctx.tasks.add({ text, by: '1d' }))
  const todo = workflow('todo', { on: hers }, async (ctx) => tell(ctx, (await ctx.tasks.list())[0]!.text))
  const ended = workflow('ended', { on: hers }, async (ctx) => {
    const [task] = await ctx.tasks.list()
    await ctx.tasks.done(task!)
    return tell(ctx, (await ctx.tasks.ended(task!)) ? '2' : '1')
  })
  const by = (who: string, workflows: readonly AnyWorkflow[]) =>
    after(url, workflows, async (c) => {
      await send(c, word, who, '2')
      if ((await c.queue()).length > 0) await c.decide('approve')
      c.clock.advance(60_000)
      await c.idle()
      await send(c, hers, ADA, 'hello')
    })
  for (const workflows of [
    [answer, read],
    [note, todo],
    [note, ended],
  ]) {
    const name = workflows[1]!.workflow
    assert.deepEqual(await by(EVE, workflows), STANDS, name)
    assert.deepEqual(await by(ADA, workflows), CHANGED, name)
  }
})

onEachStore(
  'a child from before its start said for whom its parent spoke, speaks for who started that',
  async (url) => {
    const wait = workflow('wait', { on: hers }, async (ctx) => void (await ctx.waitFor(word, { match: 'x' })))
    const by = (who: string) =>
      after(url, [wait], async (c) => {
        await send(c, hers, who, 'hello')
        const [parent] = await c.list('runs', {})
        const { store } = c.open
        const body = {
          workflow: 'passed',
          version: 1,
          state: 'active',
          lane: null,
          signal: null,
          trust: 'outsider',
        } as const
        const started = { ...body, parent: parent!.id, parentWait: null }
        const event = runStarted(store.newId('run'), started, { private: { input: { phone: '2' } } })
        await store.commit({ key: 'before', events: [event] })
        await c.idle()
      })
    assert.deepEqual(await by(EVE), STANDS)
    assert.deepEqual(await by(ADA), CHANGED)
  },
)
