/** Two branches that each load something and send it: whatever dies when, nobody gets what is the other's. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { action, type Connector } from '../../src/connector.ts'
import { agent, entity, signal, workflow, z } from '../../src/index.ts'
import type { GateRow } from '../../src/governance/gates.ts'
import { sendSignal } from '../../src/input/receive.ts'
import type { AnyWorkflow } from '../../src/orchestration/workflow.ts'
import { company as declare } from '../../src/server/company.ts'
import { operate } from '../../src/server/operations.ts'
import { sql } from '../../src/store/index.ts'
import { testDatabase } from '../postgres.ts'
import { inFolder } from './folder.ts'
import type { Life } from './life.ts'
import { lives } from './lives.ts'
import { assertOver, business, sound } from './state.ts'

const NAMES = ['ada', 'bob'] as const
const LOADS = 3
const go = signal('go', z.object({}))
const Person = entity('person', { secret: z.string() })
const Parcel = z.object({ to: z.string(), secret: z.string() })
const openGates = sql(`select * from gate where state = 'open' order by opened_seq, id`)
const keyOf = sql('select key from effect where id = ?')

const shared = {
  risk: 'irreversible',
  input: Parcel,
  output: Parcel,
  title: (p: { to: string }) => `to ${p.to}`,
} as const

interface Connection {
  deliver(key: string, parcel: z.infer<typeof Parcel>): Promise<z.infer<typeof Parcel>>
}

const send = action('post.send', {
  ...shared,
  run: (parcel, ctx) => (ctx.connection as Connection).deliver(ctx.key, parcel),
})

class Post {
  readonly delivered = new Map<string, z.infer<typeof Parcel>[]>()

  connector(life: Life): Connector {
    const deliver: Connection['deliver'] = (key, parcel) =>
      life.outside(`deliver to ${parcel.to}`, () => {
        this.delivered.set(key, [...(this.delivered.get(key) ?? []), parcel])
        return parcel
      })
    return {
      name: 'post',
      actions: [send],
      signals: [],
      open: async () => ({ deliver }),
      close: async () => {},
      describe: () => 'the post',
    }
  }
}

/** The branches; `slow` says which of them takes longer in this life, so that they come out in another order. */
function branches(life: Life, slow: string): AnyWorkflow[] {
  const load = async (who: string): Promise<string> => {
    // Each call outside takes a turn of the loop, so that the slow branch is a whole branch behind.
    for (let i = 0; i < (who === slow ? LOADS : 1); i++) await life.outside(`load for ${who}`, () => {})
    return `for ${who} only`
  }
  const chooses = agent('chooses', {
    input: z.string(),
    output: z.string(),
    tiers: [(secret: string) => ({ value: secret })],
  })
  const checks = workflow('checks', { input: z.string() }, async (ctx, who) => ctx.step('look', () => load(who)))
  const main = workflow('branches', { on: go }, (ctx) =>
    Promise.all(
      NAMES.map(async (who) => {
        const loaded = await ctx.step('load', () => load(who), { key: who })
        const person = await ctx.facts.about(Person, who, { key: who })
        await ctx.facts.assert(person, { secret: loaded }, { key: who })
        const checked = await ctx.child(checks, who, { key: who })
        const known = await ctx.facts.about(Person, who, { name: 'again', key: who })
        const chosen = await ctx.decide(chooses, loaded, { key: who })
        const sent = await ctx.act(send, { to: who, secret: chosen.value }, { key: who, hold: 0 })
        return {
          who,
          loaded,
          checked,
          known: known.secret,
          to: sent.input.to,
          secret: sent.input.secret,
          state: sent.state,
        }
      }),
    ),
  )
  return [main, checks]
}

const EXPECTED = NAMES.map((who) => {
  const secret = `for ${who} only`
  return { who, loaded: secret, checked: secret, known: secret, to: who, secret, state: 'succeeded' }
})

async function play(at: number, single: boolean, folder: string, url?: string) {
  const post = new Post()
  let born = 0
  const ending = await lives(
    {
      folder,
      ...(url === undefined ? {} : { url }),
      company: (life) =>
        declare({
          name: 'Branches',
          workflows: branches(life, NAMES[born++ % 2]!),
          connectors: [post.connector(life)],
        }),
      async begin(company) {
        await sendSignal(company.store, 'test', go, {}, { id: 'go' })
      },
      async act(company) {
        const gate = await company.store.first<GateRow>(openGates())
        if (!gate) return false
        const effect = await company.store.first<{ key: string }>(keyOf(gate.subject))
        const found = post.delivered.has(effect!.key) ? 'happened' : 'retry'
        await operate(company, 'decide', { id: gate.id, outcome: gate.kind === 'uncertain' ? found : 'approve' })
        return true
      },
    },
    [{ at, single }],
    async (company) => {
      await sound(company)
      const state = await business(company)
      assertOver(state)
      const row = await company.store.first<{ result: string }>(
        sql(`select result from run where workflow = 'branches'`)(),
      )
      return JSON.parse(row!.result) as unknown
    },
  )
  const where = `${single ? 'single' : 'grouped'}, died ${ending.deaths.join() || 'never'} (point ${at})`
  assert.deepEqual(ending.value, EXPECTED, where)
  const all = [...post.delivered.values()]
  assert.deepEqual(
    all.map((d) => d.length),
    [1, 1],
    `each once, ${where}`,
  )
  for (const { to, secret } of all.flat()) assert.equal(secret, `for ${to} only`, where)
  return ending
}

for (const single of [true, false]) {
  test(`nobody gets the other's result, wherever two branches are stopped (${single ? 'commits one by one' : 'group commit'})`, async (t) => {
    let at = 1
    while ((await inFolder((folder) => play(at, single, folder))).deaths.length > 0) at++
    t.diagnostic(`${at - 1} crashes`)
    assert.ok(at > 60, `only ${at} points`)
  })
}

test("nobody gets the other's result on PostgreSQL", async (t) => {
  if (!process.env.DATABASE_URL) return t.skip('no PostgreSQL')
  const once = async (at: number) => {
    const database = (await testDatabase())!
    try {
      return await inFolder((folder) => play(at, false, folder, database.url))
    } finally {
      await database.drop()
    }
  }
  let at = 5
  while ((await once(at)).deaths.length > 0) at += 9
})
