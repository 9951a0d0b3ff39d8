import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { mail } from '../../../connectors/mail/index.ts'
import { onEachStore } from '../../../test/each-store.ts'
import { fails, Shop } from '../../../test/shop.ts'
import { action, ActionError, type Connector } from '../../connector.ts'
import { workflow, z } from '../../index.ts'
import { budget } from '../spend/budgets.ts'
import { FakeClock, testCompany, type TestCompany, type TestCompanyOptions } from '../../testing.ts'

/** 2 November 2026, ten o'clock in Vienna. */
const MONDAY = Date.UTC(2026, 10, 2, 9)

interface Mail {
  readonly to: string
  readonly subject: string
  readonly body: string
}

/**
 * Goes to a later time in one step: what is due rings once. The clock of all tests stops on the way at every look around,
 * of which there are 360 an hour, and on PostgreSQL each takes a round trip.
 */
class JumpingClock extends FakeClock {
  #now = MONDAY
  #alarms: { readonly at: number; readonly ring: () => void }[] = []

  override now(): number {
    return this.#now
  }

  override alarm(at: number, ring: () => void): () => void {
    const alarm = { at, ring }
    this.#alarms.push(alarm)
    return () => {
      this.#alarms = this.#alarms.filter((a) => a !== alarm)
    }
  }

  override advance(ms: number): void {
    this.#now += ms
    const due = this.#alarms.filter((a) => a.at <= this.#now)
    this.#alarms = this.#alarms.filter((a) => a.at > this.#now)
    for (const { ring } of due) ring()
  }
}

/** A way out that keeps what was sent, and can be down. */
class Postbox {
  readonly sent: Mail[] = []
  readonly keys: string[] = []
  down = false

  connector(): Connector {
    const send = action('mail.send', {
      version: 1,
      risk: 'irreversible',
      input: z.object({ to: z.string(), subject: z.string(), body: z.string() }),
      output: z.null(),
      title: (m) => m.subject,
      run: async (m, ctx) => {
        this.keys.push(ctx.key)
        if (this.down) throw new ActionError('transient', 'mail.connect', 'The server does not answer.')
        this.sent.push(m)
        return null
      },
    })
    return {
      name: 'mail',
      actions: [send],
      signals: [],
      open: async () => null,
      close: async () => {},
      describe: () => 'a postbox',
    }
  }
}

const buy = (shop: Shop) => workflow('buy', {}, (ctx) => ctx.act(shop.order(), { item: 'tea', amount: 2 }, { hold: 0 }))
const ask = workflow('ask', {}, (ctx) => ctx.ask({ title: 'Which one?', options: ['red', 'blue'] }))
const TO = 'me@example.org'

async function studio(
  url: string | undefined,
  box: Postbox,
  more: Partial<TestCompanyOptions> & { readonly shop?: Shop } = {},
): Promise<TestCompany> {
  const { shop = new Shop(), ...options } = more
  return testCompany({
    workflows: [buy(shop), ask],
    connectors: [box.connector(), shop.connector()],
    clock: new JumpingClock(),
    zone: 'Europe/Vienna',
    attention: { digest: { at: '08:00', to: TO } },
    ...options,
    ...(url ? { url } : {}),
  })
}

async function hours(company: TestCompany, n: number): Promise<void> {
  for (let i = 0; i < n; i++) {
    company.clock.advance(3_600_000)
    await company.idle()
  }
}

const kinds = async (company: TestCompany, like: string): Promise<number> =>
  (await company.open.store.engine.queryText(`select 1 from event where kind like '${like}'`, [])).length

onEachStore('one mail a day says what waits; none where nothing waits or happened', async (url) => {
  const box = new Postbox()
  await using company = await studio(url, box)
  await hours(company, 24)
  assert.equal(box.sent.length, 0)
  await company.run(ask, null)
  await company.run(ask, null)
  await hours(company, 24)
  assert.equal(box.sent.length, 1)
  const [sent] = box.sent
  assert.deepEqual([sent!.to, sent!.subject], [TO, 'Test: 2 waiting'])
  assert.match(sent!.body, /^Test, 2026-11-04 08:00 \(Europe\/Vienna\), since 2026-11-02 10:00\n/)
  assert.match(sent!.body, /Waiting for you: 2\n {2}question, 22 h: Which one\?, and 1 like it, gate_/)
  await hours(company, 24)
  assert.equal(box.sent.length, 2)
  for (const gate of await company.queue()) await company.decide('answer', { gate: gate.id, value: 'red' })
  await hours(company, 72)
  assert.equal(box.sent.length, 2)
  assert.equal(await kinds(company, 'digest.sent@1'), 2)
  await company.check()
})

onEachStore('tells what passed and failed since the last one, and what it cost', async (url) => {
  const box = new Postbox()
  const shop = new Shop()
  shop.also = { cost: () => ({ micros: 2_500_000, currency: 'EUR' }) }
  const budgets = [budget({ name: 'shopping', per: 'month', money: { amount: '20', currency: 'EUR' } })]
  await using company = await studio(url, box, { shop, budgets })
  await company.run(buy(shop), null)
  await company.decide('approve')
  shop.script = [fails('domain')]
  await company.run(buy(shop), null)
  await company.decide('approve')
  await hours(company, 24)
  const told = box.sent[0]!.body
  assert.match(told, /Failed\n {2}dead letter: shop\.order 2 tea \(shop\.domain\), gate_/)
  assert.match(told, /Spent\n {2}2\.50 EUR billed, 0 tokens, 1 use\n/)
  assert.match(told, /shopping \(company, a month\): 2\.50 EUR of 20\.00 EUR, 17\.50 EUR left/)
  await hours(company, 24)
  assert.doesNotMatch(box.sent[1]!.body, /Failed|Spent/)
  await company.check()
})

onEachStore('quiet hours put a digest off until they end', async (url) => {
  const box = new Postbox()
  const attention = { digest: { at: '21:00', to: TO }, quiet: { from: '20:00', to: '07:00' } } as const
  await using company = await studio(url, box, { attention })
  await company.run(ask, null)
  await hours(company, 20)
  assert.equal(box.sent.length, 0)
  await hours(company, 1)
  assert.match(box.sent[0]!.body, /^Test, 2026-11-03 07:00/)
  await company.check()
})

onEachStore('while away nothing is sent; at the return comes one summary', async (url) => {
  const box = new Postbox()
  await using company = await studio(url, box)
  const { store, attention } = company.open
  await company.run(ask, null)
  const state = await company.ask('leave', { until: '2026-11-06', reason: 'the sea' })
  assert.equal(state.away?.reason, 'the sea')
  assert.equal(await attention.isAway(store.clock.now()), true)
  await hours(company, 72)
  await company.run(ask, null)
  assert.equal(box.sent.length, 0)
  await hours(company, 24)
  assert.equal(await attention.isAway(store.clock.now()), false)
  assert.equal(box.sent.length, 1)
  assert.match(
    box.sent[0]!.body,
    /^Test, 2026-11-06 08:00 \(Europe\/Vienna\), since 2026-11-02 10:00\n[^]*Waiting for you: 2/,
  )
  await company.check()
})

onEachStore('who comes back early is told at once; who stays longer, later', async (url) => {
  const box = new Postbox()
  await using company = await studio(url, box)
  await company.run(ask, null)
  await company.ask('leave', { until: '2026-11-04' })
  await hours(company, 12)
  await company.ask('leave', { until: '2026-11-08' })
  await hours(company, 48)
  assert.equal(box.sent.length, 0)
  const back = await company.ask('comeBack', {})
  await company.idle()
  assert.equal(back.away, null)
  assert.equal(box.sent.length, 1)
  await assert.rejects(company.ask('comeBack', {}), { code: 'away.not_away' })
  await assert.rejects(company.ask('leave', { until: '2026-11-01' }), { code: 'away.past' })
  await company.check()
})

onEachStore('what waits longer than it should is asked for again, once an interval', async (url) => {
  const box = new Postbox()
  await using company = await studio(url, box, { attention: { digest: { at: '08:00', to: TO }, askAgain: '2d' } })
  await company.run(ask, null)
  await hours(company, 24 * 5)
  const again = box.sent.map((m) => m.body.includes('Asked again'))
  // Opened on Monday at ten: its second day ends on Wednesday at ten, its fourth on Friday.
  assert.deepEqual(again, [false, false, true, false, true])
  await company.check()
})

onEachStore('a snoozed gate does not wait until it comes back', async (url) => {
  const box = new Postbox()
  await using company = await studio(url, box)
  await company.run(ask, null)
  const [gate] = await company.queue()
  await company.ask('snooze', { id: gate!.id, until: MONDAY + 40 * 3_600_000 })
  await hours(company, 24)
  assert.equal(box.sent.length, 0)
  assert.equal((await company.ask('digest', {})).snoozed, 1)
  await hours(company, 24)
  assert.equal(box.sent.length, 1)
})

onEachStore('a mail that does not leave is tried again under the same key, also after a restart', async (url) => {
  const box = new Postbox()
  box.down = true
  await using company = await studio(url, box)
  await company.run(ask, null)
  await hours(company, 23)
  assert.equal(box.sent.length, 0)
  assert.equal((await company.ask('digest', {})).mail?.failure, 'The server does not answer.')
  await company.close()
  box.down = false
  const again = await studio(url, box, { folder: company.folder, clock: company.clock })
  // On PostgreSQL it stays put off: another process may be driving.
  await hours(again, 1)
  assert.equal(box.sent.length, 1)
  assert.equal(new Set(box.keys).size, 1)
  assert.ok(box.keys.length > 2 && box.keys.length < 20, String(box.keys.length))
  await again.check()
  await again.close()
})

onEachStore('after days down there is one digest, and what company.ts says now holds', async (url) => {
  const box = new Postbox()
  await using company = await studio(url, box)
  await company.run(ask, null)
  await company.close()
  company.clock.advance(4 * 86_400_000)
  const same = { folder: company.folder, clock: company.clock }
  const again = await studio(url, box, same)
  await again.idle()
  assert.equal(box.sent.length, 1)
  await again.close()
  const without = await studio(url, box, { ...same, attention: {} })
  await hours(without, 48)
  assert.equal(box.sent.length, 1)
  assert.equal(without.open.attention.failure, null)
  await without.close()
  const later = await studio(url, box, { ...same, attention: { digest: { at: '18:00', to: TO } } })
  await hours(later, 48)
  assert.deepEqual(
    box.sent.slice(1).map((m) => m.body.slice(6, 22)),
    ['2026-11-08 18:00', '2026-11-09 18:00'],
  )
  await later.check()
  await later.close()
})

void test('the digest can be read at any time, for any time back, and titles from outside stay on their line', async () => {
  const box = new Postbox()
  const odd = workflow('odd', {}, (ctx) =>
    ctx.ask({ title: 'Re:\u202e \u001b[2J\nWaiting for you: 0', options: ['ok'] }),
  )
  await using company = await studio(undefined, box, {
    workflows: [odd],
    attention: { digest: { at: '08:00', to: TO } },
  })
  await company.run(odd, null)
  await hours(company, 48)
  assert.match(box.sent[0]!.body, /Re: \[2J Waiting for you: 0, gate_/)
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(box.sent[0]!.body, /[\u001b\u202e]/)
  const told = await company.ask('digest', { since: '3d' })
  assert.equal(told.since, company.clock.now() - 3 * 86_400_000)
  await assert.rejects(company.ask('digest', { since: 'yesterday' }), { code: 'duration.invalid' })
})

void test('the digest leaves through the mail connector of the company', async () => {
  await using company = await testCompany({
    workflows: [ask],
    clock: new JumpingClock(),
    connectors: [mail.outbox({ from: 'company@example.org' })],
    attention: { digest: { at: '08:00', to: TO } },
  })
  await company.run(ask, null)
  await hours(company, 24)
  const folder = join(company.folder, 'data', 'outbox')
  const [name] = (await readdir(folder)).filter((n) => n.endsWith('.eml'))
  const text = await readFile(join(folder, name!), 'utf8')
  assert.match(text, /Subject: Test: 1 waiting/)
  assert.match(text, new RegExp(`To: <?${TO}`))
})
