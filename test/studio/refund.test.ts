/** A refund from the mail to the books, on real processes, with the operator deciding what no rule is sure of. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import {
  factotum,
  gateThat,
  kill,
  kindsOf,
  outbox,
  ROOT,
  sound,
  start,
  startBillingProcess,
  studio,
  untilRunIs,
} from './processes.ts'

const TOKEN = 'journey-token'
const MAIL = join(ROOT, 'examples/studio/more-mail/09-refund-two-charges-older-one.eml')

interface Refund {
  readonly charge: string
  readonly amount: number
  readonly reversedAt: string | null
}

async function outside(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'billing-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const url = await startBillingProcess(t, join(folder, 'books.json'), TOKEN)
  const headers = { Authorization: `Bearer ${TOKEN}` }
  return {
    env: { BILLING_URL: url, BILLING_TOKEN: TOKEN },
    refunds: async () =>
      ((await (await fetch(`${url}/books`, { headers })).json()) as { refunds: Refund[] }).refunds.map(
        ({ charge, amount, reversedAt }) => ({ charge, amount, reversed: reversedAt !== null }),
      ),
    async goWrong(...faults: object[]) {
      const body = JSON.stringify({ faults, duplicates: 'off' })
      assert.equal((await fetch(`${url}/faults`, { method: 'POST', headers, body })).status, 200)
    },
  }
}

/** Lucía's mail, which no rule recognises, and of her two charges the older one. */
async function decide(folder: string): Promise<{ readonly run: string; readonly refund: string }> {
  await factotum(folder, 'ingest', MAIL)
  const isHers = (g: { evidence: readonly { text: string }[] }) =>
    g.evidence.some((e) => e.text.includes('lucia@patioferrer.example'))
  const triage = await gateThat(
    folder,
    (g) => g.kind === 'decision' && g.title.startsWith('What does Lucía Ferrer want?') && isHers(g),
  )
  await factotum(folder, 'answer', triage.id, 'refund')
  const amount = await gateThat(folder, (g) => g.run === triage.run && g.title.startsWith('Which of 2 charges'))
  const answer = (charge: string) =>
    factotum(folder, 'answer', amount.id, JSON.stringify({ charge, amount: 1_900, reason: 'charged in the pause' }))
  await assert.rejects(
    answer('ch_20871'),
    (error: { readonly stdout: string }) => error.stdout.includes('does not fit, at charge'),
    'a charge of somebody else cannot be named',
  )
  await answer('ch_20644')
  const refund = await gateThat(folder, (g) => g.run === triage.run && g.kind === 'effect')
  assert.equal(refund.title, 'Refund 19.00 EUR of charge ch_20644 to lucia@patioferrer.example')
  return { run: triage.run, refund: refund.id }
}

test('a refund whose answer never comes is made once, told of once, and explained', { timeout: 180_000 }, async (t) => {
  const service = await outside(t)
  const folder = studio(t)
  const server = await start(t, folder, service.env)
  const { run, refund } = await decide(folder)
  await service.goWrong({ fault: 'timeout', on: 'POST /refunds', next: 1 })
  await factotum(folder, 'approve', refund)

  const reply = await gateThat(folder, (g) => g.run === run && g.title.startsWith('Reply to lucia@'))
  assert.deepEqual(await service.refunds(), [{ charge: 'ch_20644', amount: 1_900, reversed: false }])
  await factotum(folder, 'approve', reply.id)
  await untilRunIs(folder, run, 'done')
  const [sent, ...others] = outbox(folder)
  assert.deepEqual(others, [])
  assert.match(sent!.replaceAll('=\r\n', ''), /I have refunded 19\.00 EUR for NL-20644/)

  const story = await kindsOf(folder, run)
  const order = ['signal.received', 'gate.decided', 'decision.made', 'effect.dispatched', 'effect.settled']
  assert.deepEqual(
    order.map((kind) => story.indexOf(kind)).toSorted((a, b) => a - b),
    order.map((kind) => story.indexOf(kind)),
  )
  assert.ok(order.every((kind) => story.includes(kind)))
  assert.ok(story.lastIndexOf('fact.asserted') > story.indexOf('effect.settled'), 'what is known of her follows')

  await kill(server)
  assert.ok(await sound(folder))
  assert.equal((await service.refunds()).length, 1)
})

test(
  'a company that is killed while the service does not answer does not refund again',
  { timeout: 180_000 },
  async (t) => {
    const service = await outside(t)
    const folder = studio(t)
    const server = await start(t, folder, service.env)
    const { run, refund } = await decide(folder)
    await service.goWrong({ fault: 'timeout', on: 'POST /refunds', next: 1 })
    await factotum(folder, 'approve', refund)
    while ((await service.refunds()).length === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    await kill(server)

    await start(t, folder, service.env)
    const reply = await gateThat(folder, (g) => g.run === run && g.title.startsWith('Reply to lucia@'))
    assert.deepEqual(await service.refunds(), [{ charge: 'ch_20644', amount: 1_900, reversed: false }])
    // The operator wants it otherwise: the money that went back without a word is taken back.
    await factotum(folder, 'reject', reply.id, '--reason', 'I call her')
    await untilRunIs(folder, run, 'done')
    assert.deepEqual(await service.refunds(), [{ charge: 'ch_20644', amount: 1_900, reversed: true }])
    assert.deepEqual(outbox(folder), [])
    assert.ok(await sound(folder))
  },
)
