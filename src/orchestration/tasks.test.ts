import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { onEachStore } from '../../test/each-store.ts'
import { signal } from '../context/signals.ts'
import { testCompany, type TestCompany } from '../testing.ts'
import { workflow } from './workflow.ts'

const mail = signal('mail', z.object({ from: z.string(), text: z.string() }), {
  message: (m) => ({ party: m.from, subject: 'hi', text: m.text, ids: [] }),
})

/** Not through every alarm on the way. */
async function later(company: TestCompany, days: number): Promise<void> {
  company.clock.advance(days * 86_400_000)
  await company.idle()
}

onEachStore('a run adds a task, waits for its end, and the story tells from which message it came', async (url) => {
  const promise = workflow('promise', { on: mail }, async (ctx, m) => {
    const call = await ctx.tasks.add({ text: `Call ${m.from} back`, by: '2d', why: 'she asked for it' })
    const end = await ctx.tasks.ended(call, { timeout: '10d' })
    const all = await ctx.tasks.list({ state: 'all' })
    return { end, all: all.map((t) => [t.text, t.state, t.for]) }
  })
  await using company = await testCompany({ workflows: [promise], ...(url ? { url } : {}) })
  await company.send(mail, { from: 'ada@example.org', text: 'call me' }, { trust: 'outsider' })
  const [task] = await company.list('tasks', {})
  assert.deepEqual(
    [task?.text, task?.why, task?.for, task?.overdue],
    ['Call ada@example.org back', 'she asked for it', 'operator', false],
  )
  await later(company, 3)
  assert.deepEqual(
    (await company.list('tasks', { overdue: true })).map((t) => t.id),
    [task!.id],
  )
  assert.deepEqual(
    (await company.ask('digest', {})).due.tasks.map((t) => t.id),
    [task!.id],
  )
  await company.ask('endTask', { id: task!.id, state: 'done', note: 'she is happy' })
  await company.idle()
  const [run] = await company.list('runs', {})
  assert.deepEqual(await company.result(run!.id), {
    end: { state: 'done', note: 'she is happy' },
    all: [['Call ada@example.org back', 'done', 'operator']],
  })
  const story = await company.ask('why', { id: task!.id })
  assert.deepEqual(
    story.map((l) => l.kind),
    ['signal.received@1', 'signal.routed@1', 'run.started@1', 'task.added@1', 'task.ended@1'],
  )
  await assert.rejects(company.ask('endTask', { id: task!.id, state: 'done' }), { code: 'task.ended' })
  await company.check()
})

onEachStore('the operator adds, moves, hands on and drops; a workflow does what is its own', async (url) => {
  const clean = workflow('clean', {}, async (ctx) => {
    const own = await ctx.tasks.list({ for: 'workflow:clean', overdue: true })
    const ends = []
    for (const task of own) ends.push(await ctx.tasks.done(task, { key: task.id, note: 'swept' }))
    return ends
  })
  await using company = await testCompany({ workflows: [clean], ...(url ? { url } : {}), zone: 'Europe/Berlin' })
  const a = await company.ask('addTask', { text: ' Sweep ', by: '1d', for: 'workflow:clean' })
  const b = await company.ask('addTask', { text: 'Tax return', by: '2031-05-31', why: 'the law' })
  assert.equal(a.text, 'Sweep')
  // Before that day is over, as clocks there show it.
  assert.equal(b.dueAt, Date.parse('2031-05-31T21:59:00Z'))
  const moved = await company.ask('moveTask', { id: b.id, by: '2031-06-30T12:00', for: 'agent:books', note: 'longer' })
  assert.deepEqual([moved.dueAt, moved.for, moved.note], [Date.parse('2031-06-30T10:00:00Z'), 'agent:books', 'longer'])
  assert.deepEqual(await company.result(await company.run(clean, null)), [])
  await later(company, 1.1)
  assert.deepEqual(await company.result(await company.run(clean, null)), ['done'])
  const dropped = await company.ask('endTask', { id: b.id.slice(-8), state: 'dropped', note: 'the accountant does it' })
  assert.deepEqual([dropped.state, dropped.endedBy], ['dropped', 'operator'])
  assert.deepEqual(await company.list('tasks', {}), [])
  const all = await company.list('tasks', { state: 'all' })
  assert.deepEqual(
    all.map((t) => t.state),
    ['dropped', 'done'],
  )
  assert.match(all[1]!.endedBy!, /^run:run_/)
  await company.check()
})

test('two ends of one task: the first counts, and a wait that comes between is answered', async () => {
  const wait = workflow('wait', { input: z.object({ id: z.string() }) }, async (ctx, { id }) =>
    ctx.tasks.ended({ id }, { timeout: '1d' }),
  )
  await using company = await testCompany({ workflows: [wait] })
  const task = await company.ask('addTask', { text: 'one', by: '1d' })
  const late = await company.ask('addTask', { text: 'late', by: '1d' })
  const runs = await Promise.all([
    company.run(wait, { id: task.id }),
    company.run(wait, { id: task.id }),
    company.ask('endTask', { id: task.id, state: 'done' }).then(() => null),
    company.ask('endTask', { id: task.id, state: 'dropped' }).catch((e: { code: string }) => e.code),
  ])
  await company.idle()
  assert.ok(runs[3] === 'task.ended' || (await company.ask('task', { id: task.id })).state === 'dropped')
  const { state } = await company.ask('task', { id: task.id })
  for (const run of [runs[0], runs[1]]) assert.deepEqual(await company.result(run), { state, note: null })
  const run = await company.run(wait, { id: late.id })
  await later(company, 2)
  assert.equal(await company.result(run), null)
  await company.ask('endTask', { id: late.id, state: 'done' })
  assert.equal(await company.result(await company.run(wait, { id: 'task_none' })).catch(() => 'failed'), 'failed')
  await company.check()
})

test('what is no task is refused', async () => {
  await using company = await testCompany()
  await assert.rejects(company.ask('addTask', { text: ' ', by: '1d' }), { code: 'task.bad' })
  await assert.rejects(company.ask('addTask', { text: 'x', by: 'soon' }), { code: 'away.bad_time' })
  await assert.rejects(company.ask('addTask', { text: 'x', by: '1d', for: 'somebody' }), { code: 'task.bad' })
})
