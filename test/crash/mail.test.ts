/** One mail of the sample, stopped before and after every transaction and every call outside. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { mail } from '../../connectors/mail/index.ts'
import { incomingMail } from '../../connectors/mail/ingest.ts'
import answerMail from '../../examples/studio/workflows/answer-mail.ts'
import type { Connector } from '../../src/connector.ts'
import type { GateRow } from '../../src/governance/gates.ts'
import { receive } from '../../src/input/receive.ts'
import { company as declare } from '../../src/server/company.ts'
import type { OpenCompany } from '../../src/server/open.ts'
import { operate } from '../../src/server/operations.ts'
import { sql } from '../../src/store/index.ts'
import { testDatabase } from '../postgres.ts'
import { inFolder } from './folder.ts'
import type { Life } from './life.ts'
import { lives, type Story } from './lives.ts'
import { assertOver, assertSame, business, sound, type Business } from './state.ts'

const INBOX = join(import.meta.dirname, '../../examples/studio/inbox')
const openGates = sql(`select * from gate where state = 'open' order by opened_seq, id`)
const stopped = sql(`select e.key from gate g join effect e on e.id = g.subject where g.kind = 'uncertain'`)
const stateOf = sql('select state, outcome from gate where id = ?')

/** The mail server of the world: what it accepted, under which Message-ID, how often. */
class Postbox {
  readonly accepted: { readonly id: string; readonly to: string; readonly text: string }[] = []

  count(id: string): number {
    return this.accepted.filter((m) => m.id === id).length
  }

  connector(life: Life): Connector {
    const transport = {
      send: (m: { to: string; text: string; messageId: string }) =>
        life.outside('send', () => {
          this.accepted.push({ id: m.messageId, to: m.to, text: m.text })
          return { response: '250 accepted', accepted: [m.to], rejected: [] }
        }),
      verify: async () => {},
      close: () => {},
    }
    return {
      name: 'mail',
      actions: [mail.reply, mail.send],
      signals: [mail.received],
      open: async () => ({ transport, from: 'Mara Lind <hello@northlight.example>' }),
      close: async () => {},
      describe: () => 'the world',
    }
  }
}

interface Case {
  readonly name: string
  readonly file: string
  /** What the operator says; `happened` tells what the world knows of an effect nobody is sure about. */
  readonly says: (gate: GateRow, happened: boolean) => Record<string, unknown>
  readonly sent: number
}

const truth = (happened: boolean) => ({ outcome: happened ? 'happened' : 'retry' })

const CASES: readonly Case[] = [
  {
    name: 'a lead is answered',
    file: '01-lead-bakery.eml',
    says: (gate, happened) => (gate.kind === 'uncertain' ? truth(happened) : { outcome: 'approve' }),
    sent: 1,
  },
  {
    name: 'the operator edits the reply, and closes what is not certain',
    file: '23-refund-bought-wrong-licence.eml',
    says: (gate, happened) => {
      if (gate.kind === 'uncertain') return happened ? truth(true) : { outcome: 'close', reason: 'not worth it' }
      return { outcome: 'edit', value: 'In other words.' }
    },
    sent: 1,
  },
  {
    name: 'the operator decides the topic, and rejects the reply',
    file: '44-thanks-after-launch.eml',
    says: (gate) =>
      gate.kind === 'decision'
        ? { outcome: 'answer', value: 'support', reason: 'she asks' }
        : { outcome: 'reject', reason: 'I call her' },
    sent: 0,
  },
]

interface End {
  readonly business: Business
  /** Message-IDs of replies that were, at some time, the operator's to find out about. */
  readonly operators: readonly string[]
}

async function one(c: Case, at: number, single: boolean, folder: string, url?: string) {
  const world = new Postbox()
  const said = new Map<string, string>()
  const raw = await readFile(join(INBOX, c.file))
  const story: Story = {
    folder,
    ...(url === undefined ? {} : { url }),
    company: (life) => declare({ name: 'Crash', workflows: [answerMail], connectors: [world.connector(life)] }),
    async begin(company) {
      await receive(company.store, 'mail', mail.received, await incomingMail(c.file, raw))
    },
    async act(company) {
      const gate = await company.store.first<GateRow>(openGates())
      if (!gate) return false
      const decision = c.says(gate, world.accepted.length > 0)
      const value = decision.outcome === 'edit' ? await edited(company, gate, String(decision.value)) : decision.value
      await operate(company, 'decide', { id: gate.id, ...decision, ...(value === undefined ? {} : { value }) })
      said.set(gate.id, String(decision.outcome))
      return true
    },
  }
  const ending = await lives(story, [{ at, single }], async (company): Promise<End> => {
    await sound(company)
    for (const [gate, outcome] of said) {
      const row = await company.store.first<{ state: string; outcome: string }>(stateOf(gate))
      assert.deepEqual({ ...row }, { state: 'decided', outcome }, 'what was acknowledged as decided stays decided')
    }
    const keys = await company.store.read<{ key: string }>(stopped())
    const state = await business(company, ['firstSeen'])
    assertOver(state)
    return { business: state, operators: keys.map((k) => k.key) }
  })
  return { ...ending, world }
}

async function edited(company: OpenCompany, gate: GateRow, body: string): Promise<unknown> {
  const input = (await operate(company, 'input', { id: gate.id })) as object
  return { ...input, body }
}

/** Everything but the effect that the operator closed, and the reply that hence does not exist. */
function withoutClosed(b: Business): Business {
  return {
    ...b,
    effects: b.effects!.map((e) => e.replace(/"state":"(failed|succeeded)"/, '"state":"either"')),
    runs: b.runs!.map((r) => r.replace(/\\"(failed|succeeded)\\"/, 'either')),
    messages: b.messages!.map((m) => m.split(' | ')[0]!),
  }
}

async function sweep(c: Case, single: boolean, step = 1, url?: () => Promise<{ url: string; drop(): Promise<void> }>) {
  const go = async (at: number) => {
    const database = await url?.()
    try {
      return await inFolder((folder) => one(c, at, single, folder, database?.url))
    } finally {
      await database?.drop()
    }
  }
  const calm = await go(-1)
  assert.equal(calm.deaths.length, 0)
  assert.equal(calm.world.accepted.length, c.sent)
  const points = calm.points.length
  let crashes = 0
  for (let at = 1; ; at += step) {
    const hit = await go(at)
    // The story ended before this point came.
    if (hit.deaths.length === 0) break
    crashes++
    const where = `${c.name}, ${single ? 'single' : 'grouped'}, died ${hit.deaths[0]!} (point ${at} of ${points})`
    const closed = hit.value.operators.length > 0 && hit.world.accepted.length < c.sent
    if (closed) {
      assertSame(withoutClosed(hit.value.business), withoutClosed(calm.value.business), where)
      continue
    }
    assert.equal(hit.world.accepted.length, c.sent, `${where}: sent as often`)
    for (const m of hit.world.accepted) assert.equal(hit.world.count(m.id), 1, `${where}: ${m.id} once`)
    assertSame(hit.value.business, calm.value.business, where)
  }
  return { points, crashes }
}

for (const c of CASES) {
  for (const single of [true, false]) {
    test(`${c.name}, wherever it is stopped (${single ? 'commits one by one' : 'group commit'})`, async (t) => {
      const { crashes } = await sweep(c, single)
      t.diagnostic(`${crashes} crashes`)
      assert.ok(crashes > 30, `only ${crashes} points`)
    })
  }
}

test('a lead is answered on PostgreSQL, wherever it is stopped', async (t) => {
  const database = await testDatabase()
  if (!database) return t.skip('no PostgreSQL')
  await database.drop()
  const { crashes } = await sweep(CASES[0]!, false, 7, async () => (await testDatabase())!)
  t.diagnostic(`${crashes} crashes`)
})
