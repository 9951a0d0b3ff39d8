import { mail as mails } from '../../connectors/mail/index.ts'
import { action, ActionError, type Connector } from '../../src/execution/action.ts'
import { agent, entity, signal, workflow, z, type Rule } from '../../src/index.ts'
import { milliseconds, type Duration } from '../../src/lib/durations.ts'
import { serve, type Listening } from '../../src/server/http/serve.ts'
import { policyFolder } from '../shop.ts'
import { FakeClock, testCompany, type TestCompany } from '../../src/testing.ts'

/** What the till's service has, and how it answers next. */
export class Till {
  readonly charges = new Map<string, { amount: number; left: number }>()
  readonly done: string[] = []
  script: ('refuse' | 'silence')[] = []

  call(what: string): void {
    const next = this.script.shift()
    if (next === 'refuse')
      throw new ActionError('domain', 'till.refused', 'The bank refused the transfer: the account is closed.')
    if (next === 'silence')
      throw new ActionError('uncertain', 'till.no_answer', 'The bank did not answer within 30 seconds.')
    this.done.push(what)
  }
}

const Refund = z.object({ charge: z.string(), amount: z.int().positive(), to: z.string(), reason: z.string() })
const Transfer = z.object({ iban: z.string(), amount: z.int().positive(), for: z.string() })
const Reminder = z.object({ to: z.string(), invoice: z.string(), body: z.string() })
const Ref = z.object({ ref: z.string() })
const euros = (cents: number) => `${(cents / 100).toFixed(2)} EUR`

function tillActions(till: Till) {
  const refund = action('till.refund', {
    risk: 'compensable',
    input: Refund,
    output: Ref,
    hold: '1m',
    title: (r) => `Refund ${euros(r.amount)} of charge ${r.charge} to ${r.to}`,
    preview: (r) => ({ charge: r.charge, refund: euros(r.amount), to: r.to, reason: r.reason }),
    observe: async ({ charge }) => {
      const now = till.charges.get(charge)
      return now ? { charged: euros(now.amount), left: euros(now.left) } : { charged: 'unknown' }
    },
    run: async (r) => {
      till.call(`refund ${r.charge} ${r.amount}`)
      return { ref: `re_${r.charge}` }
    },
    undo: async (r) => till.call(`reverse ${r.charge}`),
  })
  const transfer = action('till.transfer', {
    risk: 'irreversible',
    input: Transfer,
    output: Ref,
    hold: '10s',
    title: (t) => `Transfer ${euros(t.amount)} for ${t.for}`,
    run: async (t) => {
      till.call(`transfer ${t.for}`)
      return { ref: 'tr_1' }
    },
  })
  const remind = action('till.remind', {
    risk: 'compensable',
    input: Reminder,
    output: Ref,
    hold: '30s',
    title: (r) => `Remind ${r.to} of invoice ${r.invoice}`,
    preview: (r) => ({ to: r.to, subject: `Invoice ${r.invoice}`, body: r.body }),
    run: async (r) => {
      till.call(`remind ${r.invoice}`)
      return { ref: `rm_${r.invoice}` }
    },
    undo: async (r) => till.call(`recall ${r.invoice}`),
  })
  const connector: Connector = {
    name: 'till',
    target: 'https://till.example as Northlight Studio',
    actions: [refund, transfer, remind],
    signals: [],
    open: async () => null,
    close: async () => {},
    describe: () => 'a till',
  }
  return { refund, transfer, remind, connector }
}

const Customer = entity('customer', { name: z.string(), plan: z.enum(['free', 'pro']), phone: z.string() })

export const letter = signal(
  'letter',
  z.object({ id: z.string(), from: z.string(), subject: z.string(), text: z.string(), phone: z.string().optional() }),
  { match: (m) => m.from, message: (m) => ({ party: m.from, subject: m.subject, text: m.text, ids: [m.id] }) },
)
const go = signal('go', z.object({ id: z.string() }), { match: (p) => p.id })

const Asked = z.object({ title: z.string(), about: z.json(), options: z.array(z.string()).optional() })

const Note = z.object({ from: z.string(), subject: z.string(), text: z.string() })
const byWords: Rule<z.infer<typeof Note>, 'order' | 'question'> = ({ text }) =>
  text.includes('?')
    ? { value: 'question', confidence: 0.95, because: 'it asks something' }
    : { value: 'order', confidence: 0.9, because: 'it asks nothing' }
const sorting = agent('sorting', { input: Note, output: z.enum(['order', 'question']), tiers: [byWords, 'operator'] })

/** The workflows of the stage; `second`: as they are after somebody changed the one that a run waits in. */
function workflows(actions: ReturnType<typeof tillActions>, second: boolean) {
  const refund = workflow('refund', { input: Refund }, (ctx, r) => ctx.act(actions.refund, r))
  const transfer = workflow('pay-invoice', { input: Transfer }, (ctx, t) => ctx.act(actions.transfer, t))
  const remind = workflow('dunning', { input: Reminder }, (ctx, r) => ctx.act(actions.remind, r))
  const ask = workflow('ask', { input: Asked }, (ctx, { title, about, options }) =>
    ctx.ask({ title, about, ...(options ? { options } : {}) }),
  )
  const learn = workflow(
    'learn',
    { input: z.object({ who: z.string(), phone: z.string() }) },
    async (ctx, { who, phone }) => ctx.facts.assert(await ctx.facts.about(Customer, who), { phone }),
  )
  const answer = workflow('answer-mail', { on: letter }, async (ctx, m) => {
    if (m.phone !== undefined) {
      await ctx.facts.assert(await ctx.facts.about(Customer, 'ada@bakery.example'), { phone: m.phone })
      return null
    }
    return ctx.act(mails.send, { to: m.from, subject: `Re: ${m.subject}`, body: REPLY(m.subject) })
  })
  const real = workflow('answer-real-mail', { on: mails.received }, (ctx, m) =>
    ctx.act(mails.send, { to: m.from, subject: `Re: ${m.subject}`.slice(0, 200), body: REPLY(m.subject) }),
  )
  const bill = workflow('bill', { input: Reminder }, async (ctx, r) => {
    await ctx.act(actions.remind, r)
    return ctx.step('file', () => {
      if (!/^\d{4}-\d+$/.test(r.invoice)) throw new Error(`There is no invoice ${r.invoice}.`)
      return r.invoice
    })
  })
  const sort = workflow('sort', { input: Note }, async (ctx, note) => (await ctx.decide(sorting, note)).value)
  const publish = workflow('publish-notes', {}, async (ctx) => {
    await ctx.step(second ? 'collect-all' : 'collect', () => 3)
    await ctx.waitFor(go, { match: 'notes' })
    return ctx.step('publish', () => 'published')
  })
  return { refund, transfer, remind, ask, learn, answer, real, bill, sort, publish }
}

const REPLY = (subject: string) =>
  `Hello,\n\nthank you for writing to us about "${subject.slice(0, 80)}". Your booking page is back, and no appointment was lost.\n\nKind regards\nMara Lind`

export interface Stage {
  readonly company: TestCompany
  readonly clock: FakeClock
  readonly till: Till
  readonly flows: ReturnType<typeof workflows>
  readonly listening: Listening
  readonly url: string
  /** Time passes in the company; what is due leaves. */
  advance(by: Duration): Promise<void>
  /** The server goes and comes back under the same address. */
  restart(): Promise<void>
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** A studio with its server. Its clock stands until it is moved, so that nothing leaves while somebody looks. */
export async function openStage(
  first?: (company: TestCompany, flows: ReturnType<typeof workflows>, till: Till) => Promise<void>,
  policy?: string,
): Promise<Stage> {
  const till = new Till()
  const clock = new FakeClock(Date.now() - milliseconds('5m'))
  const actions = tillActions(till)
  const options = { zone: 'Europe/Berlin', entities: [Customer], agents: [sorting], clock, pushToLoopback: true }
  const connectors = () => [mails.outbox({ from: 'Mara Lind <hello@northlight.example>' }), actions.connector]
  const before = workflows(actions, false)
  const earlier = await testCompany({
    ...options,
    connectors: connectors(),
    workflows: Object.values(before),
    ...(policy === undefined ? {} : { folder: await policyFolder(policy) }),
  })
  await first?.(earlier, before, till)
  await earlier.run(before.publish, null)
  await earlier.close()
  const flows = workflows(actions, true)
  let company = await testCompany({
    ...options,
    connectors: connectors(),
    workflows: Object.values(flows),
    folder: earlier.folder,
  })
  await company.send(go, { id: 'notes' })
  let listening = await serve(company.open, { port: 0 })
  const port = Number(new URL(listening.url).port)
  return {
    get company() {
      return company
    },
    clock,
    till,
    flows,
    get listening() {
      return listening
    },
    url: listening.url,
    advance: (by) => company.advance(by),
    async stop() {
      await listening.close()
      await company.close()
    },
    async restart() {
      company = await testCompany({
        ...options,
        connectors: connectors(),
        workflows: Object.values(flows),
        folder: earlier.folder,
      })
      listening = await serve(company.open, { port })
    },
    async [Symbol.asyncDispose]() {
      await listening.close().catch(() => {})
      await company[Symbol.asyncDispose]()
    },
  }
}

/** The ten items of the journey, each of another kind; and what was there before them. */
export async function tenItems(stage: Stage): Promise<void> {
  const { company, till, flows } = stage
  // A stale approval: approved, and before it leaves the charge is something else.
  till.charges.set('ch_77', { amount: 4_900, left: 4_900 })
  await company.run(flows.refund, {
    charge: 'ch_77',
    amount: 4_900,
    to: 'noor@studio.example',
    reason: 'cancelled in time',
  })
  await company.decide('approve', { gate: await gateTitled(company, 'ch_77') })
  till.charges.set('ch_77', { amount: 4_900, left: 1_000 })
  await company.advance('2m')
  // One that gives up, and one of which nobody knows.
  till.script = ['refuse']
  await company.run(flows.transfer, { iban: 'DE12', amount: 42_000, for: 'illustrations of October' })
  await company.decide('approve', { gate: await gateTitled(company, 'illustrations') })
  await company.advance('1m')
  till.script = ['silence']
  await company.run(flows.transfer, { iban: 'FR76', amount: 9_900, for: 'hosting of November' })
  await company.decide('approve', { gate: await gateTitled(company, 'hosting') })
  await company.advance('1m')
  // Facts in conflict: the operator knows a number, somebody outside says another.
  await company.run(flows.learn, { who: 'ada@bakery.example', phone: '+49 30 1234' })
  await company.send(
    letter,
    {
      id: 'm-phone',
      from: 'someone@else.example',
      subject: 'New number',
      text: 'Our phone is +49 30 9999 now.',
      phone: '+49 30 9999',
    },
    { trust: 'outsider' },
  )
  till.charges.set('ch_20', { amount: 1_900, left: 1_900 })
  await company.run(flows.refund, {
    charge: 'ch_20',
    amount: 1_900,
    to: 'lucia@patio.example',
    reason: 'charged twice',
  })
  for (const [n, to] of ['ada@bakery.example', 'ben@bikes.example', 'cem@cafe.example', 'dora@dance.example'].entries())
    await company.run(flows.remind, {
      to,
      invoice: `2026-${40 + n}`,
      body: `Hello,\n\ninvoice 2026-${40 + n} was due on Monday.\n\nMara`,
    })
  await company.run(flows.ask, {
    title: 'Which logo goes on the November invoice?',
    about: { client: 'Museum', due: 'Friday' },
    options: ['the old one', 'the new one'],
  })
  await company.send(
    letter,
    {
      id: 'm-1',
      from: 'grace@museum.example',
      subject: 'Booking page is down',
      text: 'Our booking page shows an error since this morning. Can you help?',
    },
    { trust: 'outsider' },
  )
  await company.send(
    letter,
    { id: 'm-2', from: 'hans@hof.example', subject: 'Opening hours', text: 'Are you open on Monday?' },
    { trust: 'outsider' },
  )
}

export async function gateTitled(company: TestCompany, words: string): Promise<string> {
  const { items } = (await company.ask('queue', {})) as unknown as { items?: { id: string; title: string }[] }
  const all = items ?? ((await company.queue()) as unknown as { id: string; title: string }[])
  const found = all.filter((g) => g.title.includes(words))
  if (found.length !== 1)
    throw new Error(`${found.length} gates say "${words}" of: ${all.map((g) => g.title).join('; ')}`)
  return found[0]!.id
}
