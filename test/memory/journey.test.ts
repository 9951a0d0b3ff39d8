/**
 * What a company remembers of one customer, from her first mail to the day on which she asks to be forgotten, and what
 * the company is afterwards, on another store.
 */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { agent, attribute, entity, workflow, z } from '../../src/index.ts'
import { FakeClock, testCompany, type TestCompany } from '../../src/testing.ts'
import { operate, type Args, type OperationName, type Result } from '../../src/server/operations.ts'
import { mail } from '../../connectors/mail/index.ts'
import { onEachStore } from '../each-store.ts'
import { places, restoreTo, snapshotOf } from '../snapshots/stage.ts'

const DAY = 86_400_000
const ADA = 'ada.lovelace@engines.example'
const EVE = 'eve@elsewhere.example'
const BOB = 'bob@bobs.example'

const Customer = entity('customer', {
  name: z.string(),
  plan: attribute(z.enum(['free', 'pro', 'team']), { review: '180d' }),
})

/** What a mail says of its sender, in the sender's words. */
const Told = z.object({
  who: z.string().nullable(),
  name: z.string().nullable(),
  plan: z.enum(['free', 'pro', 'team']).nullable(),
  asks: z.boolean(),
})
const reader = agent('reader', {
  input: mail.Message,
  output: Told,
  tiers: [
    ({ text }) => ({
      value: {
        who: /\(my address is (\S+)\)/.exec(text)?.[1] ?? null,
        name: /\bI am ([A-Z]\w+ [A-Z]\w+)/.exec(text)?.[1] ?? null,
        plan: (/my plan is (free|pro|team)/.exec(text)?.[1] as 'free' | undefined) ?? null,
        asks: text.includes('?'),
      },
      confidence: 0.99,
      because: 'it stands in the mail',
    }),
  ],
})
const priority = agent('priority', {
  instructions: 'Does she go to the front of the line?',
  input: z.object({ plan: z.string().nullable(), asked: z.string(), said: z.array(z.string()) }),
  output: z.boolean(),
  tiers: [
    ({ plan }) => ({
      value: plan === 'pro',
      confidence: 0.95,
      because: `the plan is ${plan}`,
      options: [{ value: plan !== 'pro', whyNot: 'only the pro plan has it' }],
    }),
  ],
})

const listen = workflow('listen', { on: mail.received, lane: (m) => m.from }, async (ctx, message) => {
  const told = await ctx.decide(reader, message)
  const { who, name, plan, asks } = told.value
  const customer = await ctx.facts.about(Customer, who ?? message.from)
  const came: Record<string, unknown> = {}
  if (name !== null)
    Object.assign(came, await ctx.facts.assert(customer, { name }, { name: 'name', quote: `I am ${name}` }))
  if (plan !== null)
    Object.assign(came, await ctx.facts.assert(customer, { plan }, { name: 'plan', quote: `my plan is ${plan}` }))
  if (!asks) return came
  const past = await ctx.recall('Which plan did they say they have?', { about: customer })
  const first = await ctx.decide(priority, {
    plan: customer.plan ?? null,
    asked: message.text,
    said: past.map((p) => p.text),
  })
  return { ...came, first: first.value }
})

const declared = (folder: string, url: string | undefined, clock: FakeClock) =>
  testCompany({
    workflows: [listen],
    connectors: [mail.outbox({ from: 'Mara <mara@studio.example>', trustedAuthenticator: 'mx.studio.example' })],
    agents: [reader, priority],
    entities: [Customer],
    folder,
    clock,
    ...(url === undefined ? {} : { url }),
  })

let mails = 0

/** A mail as the studio's own server hands it over, having looked whether the sender is who they say. */
async function write(c: TestCompany, from: string, text: string): Promise<unknown> {
  const inbox = await mkdtemp(join(tmpdir(), 'inbox-'))
  const domain = from.split('@')[1]!
  const at = new Date(c.clock.now()).toUTCString()
  const head = [
    `Authentication-Results: mx.studio.example; dmarc=pass header.from=${domain}`,
    `From: <${from}>`,
    'To: <mara@studio.example>',
    'Subject: About my account',
    `Date: ${at}`,
    `Message-ID: <${++mails}@${domain}>`,
  ]
  await writeFile(join(inbox, 'a.eml'), `${head.join('\r\n')}\r\n\r\n${text}\r\n`)
  await c.ingest(inbox)
  await rm(inbox, { recursive: true })
  const [run] = await c.list('runs', { limit: 1 })
  return c.result(run!.id)
}

/** Lets days pass with the company closed, as a laptop's lid is. */
async function later(c: TestCompany, days: number, url: string | undefined): Promise<TestCompany> {
  await c.close()
  c.clock.advance(days * DAY)
  return declared(c.folder, url, c.clock)
}

async function planOf(c: TestCompany, asOf = {}) {
  const { facts } = await c.ask('facts', { entity: ADA, asOf })
  return facts.find((f) => f.attribute === 'plan')
}

const HERS = ['ada.lovelace', 'Ada Lovelace', 'on my plan is pro', 'pro plan has it', 'invoice from June']

/** Where on the disk, in which row, something of her still stands. */
async function left(folder: string, url: string | undefined): Promise<string[]> {
  const found: string[] = []
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const bytes = await readFile(path)
    for (const word of HERS) if (bytes.includes(word)) found.push(`${path}: ${word}`)
  }
  if (url) {
    const client = new pg.Client(url)
    await client.connect()
    const tables = await client.query<{ name: string }>(
      `select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`,
    )
    for (const { name } of tables.rows)
      for (const row of (await client.query<Record<string, unknown>>(`select * from ${name}`)).rows)
        for (const value of Object.values(row)) {
          const text = value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value)
          for (const word of HERS) if (text.includes(word)) found.push(`${name}: ${word}`)
        }
    await client.end()
  }
  return found
}

onEachStore('a customer is known, doubted, explained and forgotten, and the company moves house', async (url) => {
  const folder = await mkdtemp(join(tmpdir(), 'factotum-'))
  let c = await declared(folder, url, new FakeClock(Date.parse('2026-03-02T09:00:00Z')))
  await using end = new AsyncDisposableStack()
  end.defer(() => c[Symbol.asyncDispose]())
  await write(c, BOB, 'I am Bob Builder and my plan is free.')

  // She writes three times over two months.
  const began = c.clock.now()
  const one = await write(c, ADA, 'Hello, I am Ada Lovelace and my plan is free. Where is the invoice from June?')
  assert.deepEqual(one, { name: 'changed', plan: 'changed', first: false })
  c = await later(c, 30, url)
  const changed = c.clock.now()
  assert.deepEqual(await write(c, ADA, 'From today on my plan is pro.'), { plan: 'changed' })
  c = await later(c, 20, url)

  // A stranger claims to be her: nothing changes, and the operator is asked.
  const eve = await write(c, EVE, `I am Ada Lovelace (my address is ${ADA}) and my plan is free.`)
  assert.deepEqual(eve, { name: 'known', plan: 'disputed' })
  assert.equal((await planOf(c))!.value, 'pro')
  const [gate, ...others] = await c.queue()
  assert.deepEqual([gate!.kind, others.length], ['conflict', 0])
  await c.decide('keep', { reason: 'it is not her address' })

  c = await later(c, 10, url)
  const decided = c.clock.now()
  assert.deepEqual(await write(c, ADA, 'Can somebody look at my engine today?'), { first: true })
  const decision = (await c.list('decisions', { agent: 'priority' }))[0]!

  // Her words are the provenance, and both times can be asked for.
  const believed = (await planOf(c))!
  assert.equal(believed.trust, 'verified')
  assert.match(JSON.stringify(believed), /my plan is pro/)
  assert.equal((await planOf(c, { valid: began }))!.value, 'free')
  assert.equal((await planOf(c, { valid: changed, recorded: changed - 1 }))?.value, 'free', 'as it was known before')

  // A month later the plan is another one; why it was decided so is as it was then.
  c = await later(c, 30, url)
  await c.ask('factAssert', { entity: ADA, attribute: 'plan', value: 'team', reason: 'she bought it in the shop' })
  const now = await c.ask('decision', { id: decision.id })
  assert.equal(now.value, true)
  assert.match(now.rationale!, /the plan is pro/)
  assert.deepEqual(now.options, [{ value: false, whyNot: 'only the pro plan has it' }])
  assert.deepEqual(
    now.stale.map((s) => s.of),
    ['plan'],
    'what it rested on has changed since',
  )
  await using then = await c.open.asOf(new Date(decided + 60_000).toISOString())
  const asked = async <N extends OperationName>(name: N, args: Args<N>) =>
    (await operate(then.company, name, args)) as Result<N>
  assert.deepEqual((await asked('decision', { id: decision.id })).stale, [], 'then it had not')
  const { facts } = await asked('facts', { entity: ADA })
  assert.equal(facts.find((f) => f.attribute === 'plan')!.value, 'pro')

  // She asks to be forgotten.
  await c.check()
  assert.notDeepEqual(await left(folder, url), [], 'the search finds what is there')
  // A stranger's mail speaks of her: it is not hers, so it is shown, and goes because the operator says so.
  const { mentions } = await c.ask('forgetPlan', { who: ADA })
  const also = mentions.filter((m) => m.what !== 'row').map((m) => m.where)
  const plan = await c.ask('forgetPlan', { who: ADA, also })
  assert.deepEqual(plan.mentions, [])
  await c.ask('forget', { who: ADA, also, binding: plan.binding })
  await c.check()
  assert.deepEqual(await left(folder, url), [])
  assert.ok((await c.ask('facts', { entity: ADA })).facts.every((f) => f.value === null))
  const gone = await c.ask('decision', { id: decision.id })
  assert.deepEqual([gone.value, gone.rationale], [null, null])

  // The company moves, and goes on.
  await writeFile(join(folder, 'company.ts'), 'export default 1\n')
  const file = await snapshotOf(c)
  for (const place of await places()) {
    await using there = place
    if ((there.url === undefined) === (url === undefined) && process.env.DATABASE_URL) continue
    await restoreTo(c, file, there)
    await using moved = await declared(there.folder, there.url ?? join(there.folder, 'data/company.db'), c.clock)
    await moved.check()
    assert.deepEqual(await left(there.folder, there.url), [])
    await moved.ask('resume', {})
    const bob = await moved.ask('facts', { entity: BOB })
    assert.deepEqual(
      bob.facts.map((f) => f.value as string).toSorted((a, b) => a.localeCompare(b)),
      ['Bob Builder', 'free'],
      'what is known of others moved with it',
    )
    assert.deepEqual(await write(moved, BOB, 'From today on my plan is pro.'), { plan: 'changed' })
    await moved.check()
  }
})
