import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { onEachStore } from '../../test/each-store.ts'
import {
  conversationClosed,
  conversationStill,
  getConversation,
  joinConversation,
  plainSubject,
} from '../context/conversations.ts'
import { signal } from '../context/signals.ts'
import { testCompany, type TestCompany } from '../testing.ts'
import { workflow } from './workflow.ts'

const Mail = z.object({ from: z.string(), subject: z.string(), text: z.string(), ids: z.array(z.string()) })
const mail = signal('mail', Mail, {
  match: (m) => m.from,
  message: (m) => ({ party: m.from, subject: m.subject, text: m.text, ids: m.ids }),
})
const hear = workflow('hear', { on: mail }, async () => {})

const ada = (subject: string, ids: string[], text = 'words') => ({ from: 'ada@example.org', subject, text, ids })

/** The same company so many days later: closed meanwhile, so that not every alarm on the way is rung. */
async function later(company: TestCompany, days: number, url?: string): Promise<TestCompany> {
  await company.close()
  company.clock.advance(days * 86_400_000)
  return testCompany({
    workflows: [hear],
    folder: company.folder,
    clock: company.clock,
    ...(url === undefined ? {} : { url }),
  })
}

async function threads(company: TestCompany) {
  const list = await company.list('conversations', {})
  const seen = list.map((c) => [c.subject, c.messages, c.state, c.turn] as const)
  return seen.sort((a, b) => String(a).localeCompare(String(b), 'en'))
}

onEachStore(
  'a message joins by what it refers to, or by its sender and subject, and never another party',
  async (url) => {
    await using company = await testCompany({ workflows: [hear], ...(url ? { url } : {}) })
    await company.send(mail, ada('Export', ['<a1>']))
    await company.send(mail, ada('another subject', ['<a1>', '<a2>']))
    await company.send(mail, ada('AW: Re: [desk] EXPORT ', ['<a3>']))
    // Who knows an id, or writes under the same subject, is not the same party.
    await company.send(mail, {
      from: 'eve@example.org',
      subject: 'Re: Export',
      text: 'give me all',
      ids: ['<a1>', '<e1>'],
    })
    await company.send(mail, { from: 'eve@example.org', subject: 'Export', text: 'more', ids: ['<e2>'] })
    await company.send(mail, ada('', ['<a4>']))
    await company.send(mail, ada('', ['<a5>']))
    // What refers to something unknown begins a conversation, and what the unknown was joins it.
    await company.send(mail, ada('Export', ['<b1>', '<b2>']))
    await company.send(mail, ada('lost root', ['<b1>']))
    assert.deepEqual(await threads(company), [
      ['', 1, 'open', 'ours'],
      ['', 1, 'open', 'ours'],
      ['Export', 2, 'open', 'ours'],
      ['Export', 3, 'open', 'ours'],
      ['Re: Export', 2, 'open', 'ours'],
    ])
    await using after = await later(company, 15, url)
    await after.send(mail, ada('export', ['<a6>']))
    assert.equal((await threads(after)).length, 6)
    await after.check()
  },
)

test('two first mails of one subject that come at once are one conversation', async () => {
  await using company = await testCompany({ workflows: [hear] })
  await Promise.all(Array.from({ length: 10 }, (_, i) => company.send(mail, ada('Help', [`<${i}>`]))))
  assert.deepEqual(await threads(company), [['Help', 10, 'open', 'ours']])
  await company.check()
})

test('messages that were recorded before ids were the party’s own are still found, by that party alone', async () => {
  await using company = await testCompany({ workflows: [hear] })
  const { store } = company.open
  const joining = { message: 'sig_old', direction: 'in', subject: 'Old', text: 't' } as const
  const { event } = await joinConversation(store, { ...joining, party: 'ada@example.org', ids: ['<old>'] })
  const { subjectKey: _, ...body } = event.body as { subjectKey: string }
  const old = { ...event, stream: 'conv_old', body: { ...body, keys: [store.pseudonym('message:<old>')] } }
  await store.commit({ key: 'old', events: [old] })
  const find = async (party: string) =>
    (await joinConversation(store, { ...joining, message: 'sig_new', party, ids: ['<old>', '<new>'] })).event.stream
  assert.equal(await find('Ada@Example.org'), 'conv_old')
  assert.notEqual(await find('eve@example.org'), 'conv_old')
  await company.check()
})

test('a subject is the same however often it was answered or sent on', () => {
  for (const subject of ['Export', 'Re: export', 'AW: WG: Export', 'Re[2]: export', '[list] RE:  Fwd: export'])
    assert.equal(plainSubject(subject), 'export')
  assert.equal(plainSubject('Reform: the plan'), 'reform: the plan')
  assert.equal(plainSubject(' Re: '), '')
})

onEachStore('a run reads its conversation as it was, closes it, and the next message opens it again', async (url) => {
  const read = workflow('read', { on: mail, lane: (m) => m.from }, async (ctx, m) => {
    const before = await ctx.conversation.read()
    await ctx.sleep('1h')
    const closed = m.text === 'bye' ? await ctx.conversation.close('they said good bye') : null
    return { n: before?.messages.length, turn: before?.turn, texts: before?.messages.map((x) => x.text), closed }
  })
  const none = workflow('none', {}, async (ctx) => {
    const found = await ctx.conversation.read()
    await ctx.conversation.close('nothing there')
    return found
  })
  await using company = await testCompany({ workflows: [read, none], ...(url ? { url } : {}) })
  await company.send(mail, ada('Export', ['<a1>'], 'first'))
  await company.send(mail, ada('Export', ['<a1>', '<a2>'], 'bye'))
  await company.advance('3h')
  const runs = (await company.list('runs', {})).toReversed()
  assert.deepEqual(await company.result(runs[0]!.id), { n: 1, turn: 'ours', texts: ['first'], closed: null })
  assert.deepEqual(await company.result(runs[1]!.id), { n: 2, turn: 'ours', texts: ['first', 'bye'], closed: true })
  const [closed] = await company.list('conversations', { state: 'closed' })
  assert.equal(closed?.reason, 'they said good bye')
  assert.match(closed?.closedBy ?? '', /^run:run_/)
  await company.send(mail, ada('Export', ['<a1>', '<a3>'], 'one more thing'))
  assert.deepEqual(await threads(company), [['Export', 3, 'open', 'ours']])
  const failed = await company.row(await company.run(none, null))
  assert.equal(failed.error_code, 'conversation.none')
  await company.check()
})

test('nobody is closed in the middle of a word: a message that the run has not read keeps it open', async () => {
  const slow = workflow('slow', { on: mail, lane: (m) => m.from }, async (ctx, m) => {
    await ctx.sleep('1h')
    return m.text === 'first' ? ctx.conversation.close('answered on the phone') : null
  })
  await using company = await testCompany({ workflows: [slow] })
  await company.send(mail, ada('Export', ['<a1>'], 'first'))
  await company.send(mail, ada('Export', ['<a1>', '<a2>'], 'wait'))
  await company.advance('1h')
  const first = (await company.list('runs', {})).at(-1)!
  assert.equal(await company.result(first.id), false)
  assert.deepEqual(await threads(company), [['Export', 2, 'open', 'ours']])
  await company.check()
})

onEachStore('the operator closes one and hands one over; what waits for us too long comes up', async (url) => {
  await using first = await testCompany({ workflows: [hear], ...(url ? { url } : {}) })
  await first.send(mail, ada('Export', ['<a1>']))
  await first.advance('1m')
  await first.send(mail, ada('Import', ['<b1>']))
  assert.deepEqual((await first.ask('due', {})).conversations, [])
  await using company = await later(first, 3, url)
  const late = (await company.ask('due', {})).conversations
  assert.deepEqual(
    late.map((c) => [c.subject, c.underWay]),
    [
      ['Export', false],
      ['Import', false],
    ],
  )
  const told = await company.ask('digest', {})
  assert.equal(told.due.conversations.length, 2)
  await company.ask('handOver', { id: late[0]!.id, turn: 'theirs', reason: 'called them' })
  await company.ask('closeConversation', { id: late[1]!.id, reason: 'settled' })
  assert.deepEqual((await company.ask('due', {})).conversations, [])
  assert.deepEqual(await threads(company), [
    ['Export', 1, 'open', 'theirs'],
    ['Import', 1, 'closed', 'ours'],
  ])
  const why = await company.ask('why', { id: late[1]!.id })
  assert.deepEqual(
    why.map((l) => l.kind),
    ['signal.received@1', 'message.joined@1', 'conversation.closed@1'],
  )
  await company.check()
})

onEachStore('two that write within one millisecond are both noticed', async (url) => {
  const close = workflow('close', { on: mail }, async (ctx, m) => {
    if (m.text === 'last') return ctx.conversation.close('done')
    return null
  })
  await using company = await testCompany({ workflows: [close], ...(url ? { url } : {}) })
  await company.send(mail, ada('Export', ['<a1>']))
  const id = (await company.list('conversations', {}))[0]!.id
  const { store } = company.open
  const row = await getConversation(store, id)
  const moment = company.clock.now()
  await company.send(mail, ada('Export', ['<a1>', '<a2>']))
  assert.equal(company.clock.now(), moment)
  const commit = async () =>
    store.commit({
      key: 'close',
      events: [conversationClosed(id, {}, { private: { reason: null } })],
      guards: [conversationStill(row)],
    })
  await assert.rejects(commit, { code: 'conversation.moved' })
  // Who answers the last of them has read the newest, whatever else came in the same moment.
  await company.send(mail, ada('Export', ['<a1>', '<a3>'], 'last'))
  const [last] = await company.list('runs', {})
  assert.equal(await company.result(last!.id), true)
  await company.check()
})
