import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onEachStore } from '../../../test/each-store.ts'
import { fails, policyFolder, Shop } from '../../../test/shop.ts'
import { agent, attribute, entity, signal, workflow, z } from '../../index.ts'
import { testCompany, type TestCompany } from '../../testing.ts'
import { operate, OPERATIONS, type ListName } from '../operations.ts'
import { bySeq, cursorOf, page, placeOf } from './page.ts'

const Asked = z.object({ from: z.string(), text: z.string() })
const asked = signal('test.asked', Asked, {
  message: (m) => ({ party: m.from, subject: 'asked', text: m.text, ids: [m.text] }),
})
const Customer = entity('customer', { plan: attribute(z.string(), { review: '1m' }), since: z.string() })
const triage = agent('triage', {
  input: Asked,
  output: z.enum(['refund', 'question']),
  tiers: [() => ({ value: 'question', confidence: 0.9, because: 'always' })],
})
const tick = workflow('tick', {}, async (ctx) => {
  await ctx.scratch.set('at', 'work')
  await ctx.ask({ title: 'Go on?', options: ['yes'] })
})

async function company(url: string | undefined, shop: Shop): Promise<TestCompany> {
  const desk = workflow('desk', { on: asked }, async (ctx, message) => {
    const customer = await ctx.facts.about(Customer, message.from)
    const { id } = await ctx.decide(triage, message)
    await ctx.facts.assert(customer, { plan: message.text, since: 'today' }, { because: { id } })
    await ctx.tasks.add({ text: `call ${message.from}`, by: '4h' })
    await ctx.act(shop.order(), { item: message.text, amount: 1 })
  })
  return testCompany({
    workflows: [desk, tick],
    connectors: [shop.connector()],
    agents: [triage],
    entities: [Customer],
    folder: await policyFolder('@id("all") permit (principal, action, resource);'),
    ...(url ? { url } : {}),
  })
}

/** Something new in every list, at one moment: what is ordered by time must be told apart by more. */
async function more(c: TestCompany, shop: Shop, n: number): Promise<void> {
  shop.script.push(fails('domain', `shop.closed_${n % 2}`))
  const from = `c${n}@x.example`
  await c.send(asked, { from, text: `plan ${n}` }, { id: `s${n}` })
  await c.send(asked, { from: 'one@x.example', text: `again ${n}` }, { id: `again${n}` })
  await c.ask('remember', { text: `note ${n}`, about: [from] })
  await c.ask('start', { workflow: 'tick' })
  await c.ask('sessionSet', { session: `s${n}`, name: 'x', value: n })
  const gone = `gone${n}@x.example`
  await c.send(asked, { from: gone, text: `plan of ${gone}` }, { id: gone })
  await c.idle()
  const plan = await c.ask('forgetPlan', { who: gone })
  await c.ask('forget', { who: gone, binding: plan.binding, end: true })
  await c.idle()
}

const LISTS = (Object.keys(OPERATIONS) as ListName[]).filter(
  (name) => OPERATIONS[name].args.safeParse({ cursor: 'x', entity: 'x' }).data?.hasOwnProperty('cursor') === true,
)
const ASKED: Readonly<Record<string, readonly object[]>> = {
  tasks: [{}, { state: 'all' }, { overdue: true }],
  conversations: [{}, { turn: 'ours' }, { state: 'open' }],
  decisions: [{}, { outcome: 'open' }],
  documents: [{}, { about: 'c1@x.example' }],
  dead: [{}, { which: 'shop.order:shop.closed_1' }],
  factHistory: [{ entity: 'one@x.example' }, { entity: 'one@x.example', attribute: 'plan' }],
  scratch: [{ values: true }, { owner: 's1' }],
}

interface Some {
  readonly items: readonly object[]
  readonly next: string | null
}

onEachStore('every list is the same in pages as whole, and keeps its place while rows are added', async (url) => {
  const shop = new Shop()
  await using c = await company(url, shop)
  for (let n = 0; n < 3; n++) await more(c, shop, n)
  // One in ten is looked over, told by its id.
  for (let n = 0; (await c.list('audits', {})).length < 3; n++) {
    assert.ok(n < 500, 'one in ten')
    await c.send(asked, { from: 'one@x.example', text: `more ${n}` }, { id: `more${n}` })
    await c.idle()
  }
  await c.advance('5h')
  assert.ok(LISTS.length >= 12)
  const began: { name: string; args: object; first: object; next: string; rest: readonly object[] }[] = []
  for (const name of LISTS)
    for (const args of ASKED[name] ?? [{}]) {
      const ask = async (paging: object) => (await operate(c.open, name, { ...args, ...paging })) as Some
      const whole = await ask({ limit: 1_000 })
      assert.equal(whole.next, null)
      assert.ok(whole.items.length > 0, `${name} ${JSON.stringify(args)} has something to list`)
      for (const limit of [1, 2]) {
        const pages: object[] = []
        let cursor: string | null = null
        do {
          const got: Some = await ask(cursor === null ? { limit } : { limit, cursor })
          assert.ok(got.items.length <= limit)
          pages.push(...got.items)
          cursor = got.next
        } while (cursor !== null)
        assert.deepEqual(pages, whole.items, `${name} by ${limit}`)
      }
      const { items, next } = await ask({ limit: 1 })
      if (next !== null) began.push({ name, args, first: items[0]!, next, rest: whole.items.slice(1) })
    }
  await more(c, shop, 3)
  // What moves when something happens to it is at its new place, and not counted here.
  for (const { name, args, next, rest } of began.filter(({ name: n }) => n !== 'conversations' && n !== 'factsDue')) {
    const { items } = (await operate(c.open, name, { ...args, limit: 1_000, cursor: next })) as Some
    const ids = (rows: readonly object[]) => rows.map((row) => keyOf(row))
    const goneOn = ids(items)
    const known = ids(rest)
    assert.deepEqual(
      goneOn.filter((id) => known.includes(id)),
      known,
      `${name} goes on where it was`,
    )
    assert.equal(new Set(goneOn).size, goneOn.length)
  }
  await c.check()
})

function keyOf(row: object): string {
  const { id, effect, seq, owner, name } = row as Readonly<Record<string, string>>
  return String(id ?? effect ?? seq ?? `${owner} ${name}`)
}

test('what is no cursor of the list is refused, whatever it is', async () => {
  await using c = await company(undefined, new Shop())
  const cursors = [
    '',
    'x',
    'null',
    cursorOf([]),
    cursorOf(['x']),
    cursorOf([1, 2]),
    cursorOf([1.5]),
    cursorOf([2 ** 60]),
    cursorOf(['a\0b', 'c', 'd']),
    Buffer.from('{"0":1}').toString('base64url'),
  ]
  for (const name of LISTS)
    for (const cursor of cursors) {
      const args = { cursor, ...(name === 'factHistory' ? { entity: 'x' } : {}) }
      const refused = await operate(c.open, name, args).catch((error: unknown) => error)
      assert.ok(refused instanceof Error && 'code' in refused, `${name} takes ${JSON.stringify(cursor)}`)
      assert.match(String(refused.code), name === 'factHistory' ? /entity.not_found/ : /^list.bad_cursor$/)
    }
})

test('a page of nothing has no next, and what is not shown is passed over', async () => {
  const rows = [1, 2, 3, 4, 5]
  const odd = (cursor?: string) =>
    page(
      { limit: 2, cursor },
      {
        order: bySeq,
        read: async (after, limit) => rows.filter((n) => n > (after?.[0] ?? 0)).slice(0, limit),
        place: (n) => [n],
        show: (n) => (n % 2 === 0 ? null : n),
      },
    )
  assert.deepEqual(await odd(cursorOf([5])), { items: [], next: null })
  assert.deepEqual(await odd(), { items: [1], next: cursorOf([2]) })
  assert.deepEqual(await odd(cursorOf([3])), { items: [5], next: null })
  assert.deepEqual(placeOf(cursorOf([7]), bySeq), [7])
})
