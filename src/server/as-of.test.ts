import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onEachStore } from '../../test/each-store.ts'
import { Shop } from '../../test/shop.ts'
import { agent, entity, signal, workflow, z } from '../index.ts'
import { eventKind, sql } from '../store/index.ts'
import { testCompany, type TestCompany } from '../testing.ts'
import { Past } from './as-of.ts'
import { ALL_EVENTS } from './events.ts'
import type { Operation } from './operation.ts'
import { operate, operateAsOf, OPERATIONS } from './operations.ts'

const Asked = z.object({ from: z.string(), text: z.string() })
const asked = signal('test.asked', Asked, {
  message: (m) => ({ party: m.from, subject: 'asked', text: m.text, ids: [] }),
})
const Customer = entity('customer', { plan: z.string(), lastIssue: z.string() })
const triage = agent('triage', {
  input: Asked,
  output: z.enum(['refund', 'question']),
  tiers: [
    ({ text }) => (text.includes('money') ? { value: 'refund', confidence: 0.9, because: 'it says money' } : null),
    'operator',
  ],
})

function company(url: string | undefined, shop: Shop): Promise<TestCompany> {
  const desk = workflow('desk', { on: asked, lane: (m) => m.from }, async (ctx, message) => {
    const customer = await ctx.facts.about(Customer, message.from)
    const { id, value } = await ctx.decide(triage, message)
    await ctx.facts.assert(customer, { lastIssue: value, plan: message.text.slice(0, 3) }, { because: { id } })
    await ctx.sleep('20m')
    const done = await ctx.act(
      shop.order(),
      { item: message.text.slice(0, 5), amount: 2 },
      { hold: '5m', expires: '2h' },
    )
    if (done.state !== 'succeeded')
      await ctx.ask({ title: 'What now?', options: ['again', 'nothing'], timeout: '1h', otherwise: 'nothing' })
    await ctx.tasks.add({ text: `call ${message.from}`, by: '4h' })
    return value
  })
  return testCompany({
    workflows: [desk, shop.buy()],
    connectors: [shop.connector()],
    agents: [triage],
    ...(url ? { url } : {}),
  })
}

/** The same choices on both stores, and again when it fails. */
function dice(seed: number): (n: number) => number {
  let state = seed
  return (n) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * n)
  }
}

/** One thing that happens, by chance: mail, time, a decision, a pause, an undo. */
async function happen(c: TestCompany, roll: (n: number) => number, n: number): Promise<void> {
  const queue = await c.queue()
  const refused = () => {}
  switch (roll(8)) {
    case 0:
    case 1:
      return c.send(
        asked,
        { from: `c${roll(3)}@x.example`, text: ['money back', 'how so?', 'late!'][roll(3)]! },
        { id: `s${n}` },
      )
    case 2:
      return c.advance('25m')
    case 3:
      await c.ask('pause', { scope: roll(2) ? 'desk' : 'shop', reason: 'odd' })
      return
    case 4:
      for (const { scope } of await c.ask('pauses', {})) await c.ask('resume', { scope })
      return c.idle()
    case 5: {
      const [run] = await c.list('runs', { limit: 5 })
      if (!run) return
      const plan = await c.ask('undoPlan', { id: run.id })
      await c.ask('undo', { id: run.id, binding: plan.binding }).catch(refused)
      return c.idle()
    }
    default: {
      const item = queue[roll(queue.length)]
      if (!item) return c.advance('7m')
      const choice = item.choices[roll(item.choices.length)]!
      const value = choice.options?.[0] ?? 'so'
      await c
        .decide(choice.outcome, {
          gate: item.id,
          reason: 'because',
          ...(choice.outcome === 'answer' ? { value } : {}),
        })
        .catch(refused)
      return c.idle()
    }
  }
}

type Ask = (name: string, args: object) => Promise<unknown>

const ids = sql(
  `select id from (select id from gate union all select id from run union all select id from effect
     union all select id from decision union all select id from signal union all select id from entity
     union all select id from conversation union all select id from task union all select id from document) known order by id`,
)
/** What the record of a moment does not have: who runs it, what is connected, and when it was signed. */
const NOT_THEN = ['driven', 'connectors', 'witness', 'sealed']

/** What every operation that only reads answers: about everything, or to each id that there is. */
async function answers(ask: Ask, known: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  const record = async (name: string, args: object): Promise<void> => {
    const answer = await ask(name, args).catch((error: { code?: string; message: string }) => ({
      error: error.code ?? error.message,
    }))
    const plain = Array.isArray(answer)
      ? answer
      : Object.fromEntries(Object.entries(answer as object).filter(([key]) => !NOT_THEN.includes(key)))
    found.set(`${name} ${JSON.stringify(args)}`, JSON.stringify(plain))
  }
  for (const [name, { args, mood }] of Object.entries(OPERATIONS) as [string, Operation<unknown, unknown>][]) {
    if (mood !== 'past') continue
    if (args.safeParse({}).success) await record(name, {})
    else if (args.safeParse({ id: 'x' }).success) for (const id of known) await record(name, { id })
    else if (name === 'agent') await record(name, { name: 'triage' })
    else if (args.safeParse({ entity: 'x' }).success) for (const entity of known) await record(name, { entity })
    else if (args.safeParse({ of: 'x' }).success) for (const of of known) await record(name, { of })
    else if (args.safeParse({ ids: ['x'] }).success) for (const id of known) await record(name, { ids: [id] })
    else if (args.safeParse({ seq: 0 }).success) for (const seq of [0, 5, 17]) await record(name, { seq })
    // The one writes a folder, which dossier.test.ts compares; the other is asked of test/recall/past.test.ts.
    else if (name !== 'dossier' && name !== 'recall') assert.fail(`"${name}" only reads: say here what it is asked`)
  }
  return found
}

onEachStore('what was answered then is answered as of then, by every operation that only reads', async (url) => {
  const shop = new Shop()
  await using c = await company(url, shop)
  const roll = dice(7)
  const points: { head: number; at: number; known: string[]; said: Map<string, string> }[] = []
  for (let i = 0; i < 120; i++) {
    await c.advance('6m')
    if (roll(6) === 0) shop.script.push(() => Promise.reject(new Error('the shop is down')))
    await happen(c, roll, i)
    if (i % 20 !== 19) continue
    const known = (await c.open.store.read<{ id: string }>(ids())).map((r) => r.id).filter((_, nth) => nth % 3 === 0)
    const said = await answers((name, args) => operate(c.open, name, args), known)
    points.push({ head: await c.open.store.engine.head(), at: c.clock.now(), known, said })
  }
  const counts = JSON.parse(points.at(-1)!.said.get('status {}')!) as { effects: object; runs: object }
  assert.ok(
    Object.keys(counts.effects).length >= 3 && Object.keys(counts.runs).length >= 3,
    'a history with something in it',
  )
  await c.advance('3h')

  // In an order that goes forward, starts over, and finds what is kept.
  for (const i of [2, 4, 1, 4, 5, 0]) {
    const { head, at, known, said } = points[i]!
    const when = new Date(at).toISOString()
    const then = await answers(async (name, args) => {
      const got = await operateAsOf(c.open, name, args, when)
      assert.deepEqual([got.head, got.at], [head, at])
      return got.answer
    }, known)
    for (const [question, answer] of said) assert.equal(then.get(question), answer, `${question} as of ${when}`)
  }

  // By the number of an event: the same rows, on the clock of that event.
  const { head, said } = points[4]!
  const byNumber = await operateAsOf(c.open, 'runs', {}, head - 1)
  assert.equal(JSON.stringify(byNumber.answer), said.get('runs {}'))
  assert.equal(byNumber.head, head)

  // What is asked at once stands at different moments at once.
  const together = await Promise.all(
    points.map(async (p) => JSON.stringify((await operateAsOf(c.open, 'runs', {}, p.head - 1)).answer)),
  )
  assert.deepEqual(
    together,
    points.map((p) => p.said.get('runs {}')),
  )
  await c.check()
})

onEachStore('the past is read only, whoever tries', async (url) => {
  await using c = await company(url, new Shop())
  await c.send(asked, { from: 'a@x.example', text: 'how so?' })
  await c.advance('1m')
  const events = await c.open.store.engine.head()
  await assert.rejects(operateAsOf(c.open, 'pause', { scope: 'all' }, '1m'), { code: 'asof.not_a_read' })
  await using then = await c.open.asOf(events - 1)
  const store = then.company.store
  const meta = await c.open.store.read(sql('select * from meta order by name')())
  await assert.rejects(store.commit({ key: 'k', events: [eventKind('test.never@1', () => [])('s', {})] }), {
    code: 'asof.read_only',
  })
  await assert.rejects(store.write([sql('delete from meta')()]), { code: 'asof.read_only' })
  await assert.rejects(
    then.company.sealer.seal().then(() => operate(then.company, 'pause', {})),
    {
      code: 'asof.read_only',
    },
  )
  assert.equal(await c.open.store.engine.head(), events)
  assert.deepEqual(await c.open.store.read(sql('select * from meta order by name')()), meta)
  await c.check()
})

onEachStore('a moment is an event, a time in the zone of the company, or how long ago', async (url) => {
  await using c = await company(url, new Shop())
  await assert.rejects(c.open.past.moment(0), { code: 'asof.no_event' })
  const start = c.clock.now()
  assert.deepEqual(await c.open.past.moment('1h'), { head: 0, at: start - 3_600_000 })
  await c.send(asked, { from: 'a@x.example', text: 'how so?' })
  const head = await c.open.store.engine.head()
  await c.advance('3h')
  for (const when of [
    '3h',
    '3h ago',
    '3 hours ago',
    '180 m',
    new Date(start).toISOString(),
    '2026-11-02T09:00',
    '2026-11-02T10:00+01:00',
  ])
    assert.deepEqual(await c.open.past.moment(when), { head, at: start }, when)
  assert.deepEqual(await c.open.past.moment('2026-11-02'), { head: 0, at: start - 9 * 3_600_000 })
  // The first event of a commit of several: a commit is there or not.
  const rows = await c.open.store.engine.queryText('select seq, key from event order by seq', [])
  const inside = rows.find((row, i) => row.key !== null && rows[i + 1] && rows[i + 1]!.key === null)!
  assert.ok((await c.open.past.moment(Number(inside.seq))).head > Number(inside.seq) + 1)
  for (const [when, code] of [
    [head + 1_000, 'asof.no_event'],
    ['2027-01-01', 'asof.future'],
    ['soon', 'asof.invalid'],
    ['', 'asof.invalid'],
    ['-1', 'asof.invalid'],
    ['2026-02-30', 'asof.invalid'],
  ] as const)
    await assert.rejects(c.open.past.moment(when), { code }, String(when))
})

const erased = eventKind('personal.erased@1', () => [])
const erase = sql(`update event set private = null, salt = null where kind = 'signal.received@1'`)

onEachStore('what was erased is gone from the past too, and from the copies that were kept', async (url) => {
  await using c = await company(url, new Shop())
  await c.send(asked, { from: 'CANARY@x.example', text: 'how so?' })
  const { store } = c.open
  const head = await store.engine.head()
  const past = new Past(store, 'UTC', (then) => ({ store: then }) as never, [...ALL_EVENTS, erased])
  const payload = async () => {
    await using then = await past.at(head - 1)
    const rows = await then.company.store.read(sql('select payload from signal union all select private from event')())
    return JSON.stringify(rows)
  }
  assert.match(await payload(), /CANARY/)
  await store.commit({ key: 'erase', events: [erased('personal', {})], also: [erase()] })
  const rows = await payload()
  assert.doesNotMatch(rows.replace(/entity|label/g, ''), /how so.*how so.*how so/)
  assert.equal(JSON.parse(rows)[0].payload, null)
  await past.close()
})

test('a copy is kept for the next who asks, and gone when the company is closed', async () => {
  await using c = await company(undefined, new Shop())
  await c.send(asked, { from: 'a@x.example', text: 'how so?' })
  let opened = 0
  const { engine } = c.open.store
  const scratch = engine.scratch.bind(engine)
  let dropped = 0
  engine.scratch = async (inMemory) => {
    opened++
    const made = await scratch(inMemory)
    return { ...made, drop: () => (dropped++, made.drop()) }
  }
  const head = await engine.head()
  for (const seq of [2, 2, head - 1, head - 1]) await operateAsOf(c.open, 'status', {}, seq)
  assert.equal(opened, 1)
  await operateAsOf(c.open, 'status', {}, 2)
  assert.equal(opened, 2)
  await Promise.all([0, 1, 2, 3, 4, head - 1].map((seq) => operateAsOf(c.open, 'status', {}, seq)))
  await c.close()
  assert.equal(dropped, opened)
})
