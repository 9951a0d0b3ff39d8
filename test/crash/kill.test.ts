/**
 * A real server under load, killed with SIGKILL at any moment, a hundred times. The mail server and everybody who writes
 * and decides live in this process, and remember what was acknowledged to them.
 */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startSink, type Sink } from '../../connectors/mail/sink.ts'
import { company as declare } from '../../src/server/company.ts'
import { openCompany } from '../../src/server/open.ts'
import { sql } from '../../src/store/index.ts'
import { Server } from './server.ts'
import { sound } from './state.ts'

const KILLS = Number(process.env.FACTOTUM_KILLS ?? 100)
const ROOT = join(import.meta.dirname, '../..')
const NAME = 'Killed'
/** The longest life of a server that listens. Short: what is most worth hitting happens at the start. */
const MAX_LIFE_MS = 350
const SETTLE_MS = 60_000

const company = (port: number) => `
import { company, entity, workflow, z } from 'factotum'
import { mail } from 'factotum/mail'

const Customer = entity('customer', { subject: z.string() })

const answer = workflow('answer', { on: mail.received }, async (ctx, message) => {
  const customer = await ctx.facts.about(Customer, message.from)
  await ctx.facts.assert(customer, { subject: message.subject })
  const words = await ctx.step('count words', () => message.text.split(/\\s+/).length)
  const sent = await ctx.act(mail.reply, { to: message, body: 'You wrote ' + words + ' words.' }, { hold: '100ms' })
  return sent.state
})

export default company({
  name: '${NAME}',
  connectors: [mail.smtp({ host: '127.0.0.1', port: ${port}, from: 'hello@northlight.example' })],
  workflows: [answer],
})
`

const eml = (n: number) =>
  [
    `From: Customer ${n} <c${n}@example.org>`,
    'To: hello@northlight.example',
    `Subject: Mail ${n}`,
    `Message-ID: <mail-${n}@example.org>`,
    'Date: Mon, 2 Nov 2026 09:00:00 +0000',
    '',
    `This is mail ${n}.`,
    '',
  ].join('\r\n')

interface QueueItem {
  readonly id: string
  readonly kind: string
}

/** Everybody outside, and what they were told. */
class Load {
  readonly server: Server
  readonly folder: string
  readonly acknowledged: number[] = []
  readonly approved = new Set<string>()
  readonly problems: unknown[] = []
  sent = 0
  over = false

  constructor(server: Server, folder: string) {
    this.server = server
    this.folder = folder
  }

  /** Hands in one mail after the other, each until it is acknowledged. */
  async writes(): Promise<void> {
    while (!this.over) {
      const n = ++this.sent
      const path = join(this.folder, `mail-${n}.eml`)
      await writeFile(path, eml(n))
      for (;;) {
        const counts = await this.ask<{ new: number; duplicate: number; quarantined: number }>('ingest', { path })
        if (counts) {
          assert.equal(counts.new + counts.duplicate, 1, JSON.stringify(counts))
          break
        }
        await sleep(20)
      }
      this.acknowledged.push(n)
      await sleep(5)
    }
  }

  /** Approves whatever asks to be sent, and leaves alone what nobody is sure about. */
  async approves(): Promise<number> {
    const queue = (await this.ask<{ items: QueueItem[] }>('queue', { limit: 1_000 }))?.items ?? []
    for (const gate of queue.filter((g) => g.kind === 'effect')) {
      const decided = await this.ask<{ outcome: string }>('decide', { id: gate.id, outcome: 'approve' })
      if (decided) this.approved.add(gate.id)
    }
    return queue.filter((g) => g.kind !== 'uncertain').length
  }

  async operates(): Promise<void> {
    while (!this.over) {
      await this.approves()
      await sleep(10)
    }
  }

  async ask<T>(operation: string, args: object): Promise<T | null> {
    try {
      return await this.server.ask<T>(operation, args)
    } catch (error) {
      // The answer to an earlier try was lost, and it counts.
      if ((error as { code?: string }).code !== 'gate.decided') this.problems.push(error)
      return null
    }
  }
}

async function settled(load: Load): Promise<void> {
  const until = performance.now() + SETTLE_MS
  for (;;) {
    const open = await load.approves()
    const status = await load.ask<{
      signals: Record<string, number>
      effects: Record<string, number>
      runs: Record<string, number>
    }>('status', {})
    const { signals = {}, effects = {}, runs = {} } = status ?? {}
    const under = [
      signals.new,
      runs.active,
      runs.queued,
      effects.gated,
      effects.held,
      effects.dispatched,
      effects.retrying,
    ]
    if (status && open === 0 && under.every((n) => !n)) return
    if (performance.now() > until) throw new Error(`It does not settle: ${JSON.stringify(status)}\n${load.server.said}`)
    await sleep(50)
  }
}

async function killed(server: Server, times: number): Promise<number> {
  let atStart = 0
  for (let n = 0; n < times; n++) {
    // One in four does not get as far as listening.
    if (n % 4 === 3) {
      atStart++
      const up = server.start()
      await sleep(Math.random() * 400)
      await server.kill('SIGKILL')
      await up
      continue
    }
    assert.ok(await server.start(), `It does not start any more: ${server.said}`)
    await sleep(Math.random() * MAX_LIFE_MS)
    await server.kill('SIGKILL')
  }
  return atStart
}

const signals = sql('select state, payload from signal')
const replies = sql(
  `select e.state, e.output, g.id as gate, g.outcome from effect e join gate g on g.subject = e.id and g.kind = 'effect' order by e.proposed_seq`,
)
const runs = sql('select state, count(*) as n from run group by state')

async function examine(load: Load, sink: Sink) {
  const open = await openCompany({
    folder: load.folder,
    company: declare({ name: NAME }),
    url: join(load.folder, 'data/company.db'),
  })
  try {
    const entered = new Map<string, number>()
    for (const row of await open.store.read<{ payload: string }>(signals())) {
      const { id } = JSON.parse(row.payload) as { id: string }
      entered.set(id, (entered.get(id) ?? 0) + 1)
    }
    for (const n of load.acknowledged)
      assert.equal(entered.get(`mail-${n}@example.org`), 1, `mail ${n} was acknowledged and is there once`)
    for (const [id, n] of entered) assert.equal(n, 1, `${id} entered once`)

    const answered = new Map<string, number>()
    for (const mail of sink.messages()) {
      assert.equal(sink.count(mail.messageId), 1, `${mail.messageId} was sent once`)
      const to = /^In-Reply-To: <(.*)>\r?$/im.exec(Buffer.from(mail.raw).toString())?.[1] ?? ''
      answered.set(to, (answered.get(to) ?? 0) + 1)
    }
    for (const [id, n] of answered) assert.equal(n, 1, `${id} was answered once`)

    const states = new Map<string, number>()
    const there = await open.store.read<{ state: string; output: string | null; gate: string; outcome: string }>(
      replies(),
    )
    for (const reply of there) {
      states.set(reply.state, (states.get(reply.state) ?? 0) + 1)
      if (reply.state !== 'succeeded') {
        assert.equal(reply.state, 'uncertain', 'what did not succeed is with the operator')
        continue
      }
      const { messageId } = JSON.parse(reply.output!) as { messageId: string }
      assert.equal(sink.count(messageId), 1, `${messageId} succeeded and arrived`)
    }
    for (const gate of load.approved)
      assert.equal(there.find((r) => r.gate === gate)?.outcome, 'approve', `${gate} was approved and is`)
    await sound(open)
    const ended = await open.store.read<{ state: string; n: number }>(runs())
    return {
      entered: entered.size,
      events: await open.store.engine.head(),
      replies: Object.fromEntries(states),
      runs: Object.fromEntries(ended.map((r) => [r.state, r.n])),
    }
  } finally {
    await open.close()
  }
}

test(`nothing acknowledged is lost and no mail is sent twice by a server that is killed ${KILLS} times`, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'factotum-kill-'))
  const sink = await startSink({ faults: { slow_ms: 2 } })
  const server = new Server(folder)
  try {
    await mkdir(join(folder, 'node_modules'))
    await symlink(ROOT, join(folder, 'node_modules/factotum'))
    await writeFile(join(folder, 'company.ts'), company(sink.port))
    const load = new Load(server, folder)
    const everybody = Promise.all([load.writes(), load.writes(), load.writes(), load.operates()])
    const atStart = await killed(server, KILLS)
    assert.ok(await server.start(), server.said)
    load.over = true
    await everybody
    await settled(load)
    assert.equal(await server.kill('SIGTERM'), 0, 'it stops in order')
    assert.deepEqual(load.problems, [])
    const found = await examine(load, sink)
    const starts = server.started_ms.toSorted((a, b) => a - b)
    t.diagnostic(
      `${KILLS} kills (${atStart} before it listened), ${load.acknowledged.length} mails acknowledged, ${load.approved.size} approvals acknowledged, ${sink.messages().length} replies arrived`,
    )
    t.diagnostic(JSON.stringify(found))
    t.diagnostic(`until it listens: median ${starts[starts.length >> 1]} ms, longest ${starts.at(-1)} ms`)
    assert.ok(sink.messages().length > 0 && load.acknowledged.length > 0, 'there was a load')
  } finally {
    await server.kill('SIGKILL')
    await sink.close()
    await rm(folder, { recursive: true, force: true })
  }
})
