/**
 * The refund, as the operator lives it: rules are unsure, a model helps, she changes the amount, the service times out
 * after the work, she takes it back, and of the next mail like it nobody has to be asked. Real processes throughout.
 */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import {
  factotum,
  gateThat,
  kill,
  kindsOf,
  ROOT,
  sound,
  start,
  startBillingProcess,
  studio,
  untilSo,
  type Gate,
} from './processes.ts'

const TOKEN = 'journey-token'
const MAILS = join(ROOT, 'examples/studio/more-mail')
/** Mails that no rule recognises: refund requests of other customers, a question and a lead. */
const REFUNDS = ['05', '06', '08', '10', '12']
const OTHERS = ['16', '19']
const ABOUT: readonly (readonly [RegExp, string])[] = [
  [/widget/i, 'support'],
  [/wheelhouse/i, 'lead'],
]

/** A model service on loopback: it sorts mails, and of the charges that it may name it names the oldest, in full. */
async function modelService(t: TestContext) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    void json(request).then((body) => {
      const { messages } = body as { messages: readonly { role: string; content: unknown }[] }
      const system = String(messages[0]!.content)
      const said = JSON.stringify(messages.at(-1)!.content)
      const agent = /agent "([^"]+)"/.exec(system)![1]!
      asked.push(agent)
      const content = JSON.stringify({
        value: valueFor(agent, system, said),
        confidence: 0.9,
        because: 'they ask for it',
      })
      const usage = { prompt_tokens: 400, completion_tokens: 20, total_tokens: 420 }
      response.setHeader('content-type', 'application/json')
      response.end(
        JSON.stringify({
          id: 'c',
          object: 'chat.completion',
          created: 1,
          model: 'scripted',
          choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
          usage,
        }),
      )
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.closeAllConnections())
  t.after(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, asked }
}

function valueFor(agent: string, system: string, said: string): unknown {
  if (agent === 'triage') return ABOUT.find(([words]) => words.test(said))?.[1] ?? 'refund'
  const schema = JSON.parse(/JSON Schema:\s+(\{.*\})\n/.exec(system)![1]!) as {
    readonly properties: {
      readonly charge: { readonly enum: readonly string[] }
      readonly amount: { readonly maximum: number }
    }
  }
  return {
    charge: schema.properties.charge.enum[1],
    amount: schema.properties.amount.maximum,
    reason: 'charged in the pause',
  }
}

interface Plan {
  readonly steps: readonly { readonly how: string }[]
  readonly facts: readonly { readonly entity: string; readonly attribute: string; readonly value: unknown }[]
  readonly binding: string
}

test('a refund from the mail to its reversal, and the next one like it', { timeout: 300_000 }, async (t) => {
  const model = await modelService(t)
  const outside = mkdtempSync(join(tmpdir(), 'billing-'))
  t.after(() => rmSync(outside, { recursive: true, force: true }))
  const url = await startBillingProcess(t, join(outside, 'books.json'), TOKEN)
  const headers = { Authorization: `Bearer ${TOKEN}` }
  const booked = async (charge: string) => {
    const books = (await (await fetch(`${url}/books`, { headers })).json()) as {
      refunds: { charge: string; amount: number; reversedAt: string | null }[]
    }
    return books.refunds
      .filter((r) => r.charge === charge)
      .map(({ amount, reversedAt }) => ({ amount, reversed: reversedAt !== null }))
  }
  const folder = studio(t)
  rmSync(join(folder, 'inbox'), { recursive: true })
  mkdirSync(join(folder, 'inbox'))
  const server = await start(t, folder, { BILLING_URL: url, BILLING_TOKEN: TOKEN, LIGHT_MODEL_URL: model.url })

  // What came before: the operator approves what the model made of other mails, what is of one shape together.
  const earlier = join(outside, 'earlier')
  const isEarlier = (path: string) => path === MAILS || [...REFUNDS, ...OTHERS].some((n) => path.includes(`/${n}-`))
  cpSync(MAILS, earlier, { recursive: true, filter: isEarlier })
  await factotum(folder, 'ingest', earlier)
  const titled = async (words: string) =>
    (await factotum<Gate[]>(folder, 'queue')).filter((g) => g.title.startsWith(words)).map((g) => g.id)
  const replies = await untilSo(
    () => titled('Reply to '),
    (gates) => gates.length === OTHERS.length,
  )
  for (const id of replies) await factotum(folder, 'approve', id)
  const refunds = await untilSo(
    () => titled('Refund '),
    (gates) => gates.length === REFUNDS.length,
  )
  await factotum(folder, 'approve', ...refunds)

  // Her mail: no rule is sure, the model sorts it and picks the charge.
  await factotum(folder, 'ingest', join(MAILS, '09-refund-two-charges-older-one.eml'))
  const gate = await gateThat(folder, (g) => g.title.startsWith('Refund ') && g.title.includes('lucia@'))
  assert.equal(gate.title, 'Refund 19.00 EUR of charge ch_20644 to lucia@patioferrer.example')
  assert.ok(gate.evidence.some((e) => e.kind === 'signal' && e.text.includes('two payments you took this autumn')))
  assert.ok(gate.evidence.some((e) => e.kind === 'decision' && /triage: refund, by light/.test(e.text)))
  const shown = gate as Gate & {
    readonly context: { readonly now: { readonly left: string }; readonly reversible: boolean }
    readonly ifIgnored: string
    readonly record: string
  }
  assert.deepEqual([shown.context.now.left, shown.context.reversible], ['19.00 EUR', true])
  assert.match(shown.ifIgnored, /nothing happens/)
  assert.match(shown.record, /of the last \d+ like it: approved \d+/)

  // She gives back half of it. The service does the work and never answers.
  const faults = JSON.stringify({ faults: [{ fault: 'timeout', on: 'POST /refunds', next: 1 }] })
  await fetch(`${url}/faults`, { method: 'POST', headers, body: faults })
  const approved = await factotum<{ effect: { id: string; state: string } }>(
    folder,
    'approve',
    gate.id,
    '--set',
    'amount=950',
  )
  assert.equal(approved.effect.state, 'held')
  const effect = approved.effect.id
  const state = async () =>
    (await factotum<{ items: { id: string; state: string }[] }>(folder, 'effects', '--limit', '200')).items.find(
      (e) => e.id === effect,
    )!.state
  await untilSo(state, (now) => now === 'succeeded')
  assert.deepEqual(await booked('ch_20644'), [{ amount: 950, reversed: false }])
  const story = await kindsOf(folder, effect)
  assert.deepEqual(
    [
      'signal.received',
      'decision.made',
      'effect.proposed',
      'gate.decided',
      'effect.revised',
      'effect.dispatched',
    ].filter((kind) => !story.includes(kind)),
    [],
  )

  // She takes it back: what it was the reason for goes with it.
  const reply = await gateThat(folder, (g) => g.run === gate.run && g.title.startsWith('Reply to'))
  const plan = await factotum<Plan>(folder, 'undo', effect)
  assert.deepEqual(
    plan.steps.map((s) => s.how),
    ['undo'],
  )
  assert.deepEqual(
    plan.facts.map((f) => [f.attribute, f.value]),
    [['lastRefund', '9.50 EUR of NL-20644']],
  )
  await factotum(folder, 'undo', effect, '--yes')
  await untilSo(state, (now) => now === 'undone')
  assert.deepEqual(await booked('ch_20644'), [{ amount: 950, reversed: true }])
  assert.equal((await kindsOf(folder, plan.facts[0]!.entity)).at(-1), 'fact.retracted')
  await factotum(folder, 'reject', reply.id, '--reason', 'I call her')

  // The next mail like it: the operator's own decisions are enough, and the model is not asked what it is about.
  const triaged = model.asked.filter((agent) => agent === 'triage').length
  const next = join(outside, 'next.eml')
  writeFileSync(
    next,
    [
      'From: Ngozi Eze <ngozi@ezetailoring.example>',
      'To: mara@northlight.example',
      'Subject: The November payment',
      'Date: Wed, 18 Nov 2026 09:00:00 +0100',
      'Message-ID: <next-like-it@ezetailoring.example>',
      '',
      'Hi Mara,\n\nthe payment you took in November was during the pause we had agreed on as well, so that one has to go back to us too, to the card it came from.\n\nNgozi',
    ].join('\r\n'),
  )
  await factotum(folder, 'ingest', next)
  const decided = await untilSo(
    async () =>
      (await factotum<{ decisions: { tier: string; value: unknown }[] }>(folder, 'agents', 'triage')).decisions[0]!,
    (newest) => newest.tier !== 'light',
  )
  assert.deepEqual([decided.tier, decided.value], ['learned', 'refund'])
  assert.equal(model.asked.filter((agent) => agent === 'triage').length, triaged)

  await kill(server)
  assert.ok(await sound(folder))
})
