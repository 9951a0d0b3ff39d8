import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  Change,
  entity as declare,
  entityCreated,
  factAt,
  factsAt,
  factVersions,
  family,
  getConflict,
  lookupKey,
  versionsOf,
  type Voice as Speaker,
} from '../../src/context/facts.ts'
import type { Trust } from '../../src/context/signals.ts'
import { conflictGate } from '../../src/governance/conflicts.ts'
import { z } from '../../src/index.ts'
import { FactotumError } from '../../src/lib/errors.ts'
import { sql } from '../../src/store/index.ts'
import { testCompany, type TestCompany } from '../../src/testing.ts'
import { onEachStore } from '../each-store.ts'
import { LAST, Model, range, type Came, type Voice } from './model.ts'

const Thing = declare('thing', { state: z.string(), other: z.string() })
const VALUES = ['a', 'b', 'c'] as const

type Op =
  | {
      readonly op: 'assert'
      readonly who: number
      readonly value: string
      readonly from: number
      readonly to: number
      readonly by: Voice
    }
  | { readonly op: 'correct'; readonly who: number; readonly value: string; readonly at: number; readonly by: Voice }
  | { readonly op: 'end' | 'retract'; readonly who: number; readonly at: number; readonly by: Voice }
  | { readonly op: 'merge' | 'split' }
  | { readonly op: 'decide'; readonly outcome: 'keep' | 'believe' | 'end' }

const who = fc.constantFrom(0, 0, 0, 1)
const value = fc.constantFrom(...VALUES)
const at = fc.nat(LAST)
const by = fc.record({
  trust: fc.constantFrom<Trust>('outsider', 'verified', 'operator', 'operator', 'operator'),
  stranger: fc.boolean(),
})
const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('assert' as const),
      who,
      value,
      from: at,
      to: fc.integer({ min: 1, max: LAST + 3 }),
      by,
    }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('correct' as const), who, value, at, by }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('end' as const, 'retract' as const), who, at, by }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('retract' as const), who, at, by }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('merge' as const, 'split' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('decide' as const),
      outcome: fc.constantFrom('keep' as const, 'believe' as const, 'end' as const),
    }),
  },
)

const me = { who: 0, by: { trust: 'verified', stranger: false } } as const
const HIDDEN_AND_CORRECTED: Op[] = [
  { op: 'assert', ...me, value: 'a', from: 0, to: LAST + 1 },
  { op: 'assert', ...me, value: 'b', from: 1, to: 3 },
  { op: 'correct', ...me, value: 'c', at: 0 },
  { op: 'retract', ...me, at: 1 },
  { op: 'retract', ...me, at: 0 },
]

const openGate = sql(
  `select id, subject from gate where state = 'open' and kind = 'conflict' order by opened_seq limit 1`,
)
const openMerges = sql(
  `select gate, valid_from, valid_to, value from conflict where says = 'merge' and state = 'open' and entity in (?, ?)`,
)
const lastSeq = sql('select max(seq) as seq from event')
const overlaps = sql(
  `select a.id from fact a join fact b on a.entity = b.entity and a.attribute = b.attribute and a.slot = b.slot and a.id < b.id
   where a.entity = ? and a.ended_seq is null and b.ended_seq is null
     and (a.valid_to is null or a.valid_to > b.valid_from) and (b.valid_to is null or b.valid_to > a.valid_from)`,
)

/** Two entities in a company, driven beside the model of them. */
class Pair {
  readonly model = new Model(2)
  readonly #c: TestCompany
  readonly #ids: readonly string[]
  #commits = 0

  constructor(c: TestCompany, ids: readonly string[]) {
    this.#c = c
    this.#ids = ids
  }

  static async make(c: TestCompany): Promise<Pair> {
    const { store } = c.open
    const ids = [store.newId('ent'), store.newId('ent')]
    const events = ids.map((id) =>
      entityCreated(id, { kind: 'thing', lookup: lookupKey(store, id) }, { private: { label: id } }),
    )
    await store.commit({ key: `pair:${ids[0]}`, events })
    const pair = new Pair(c, ids)
    for (const n of [0, 1])
      await pair.#say(n, { trust: 'verified', stranger: false }, (x) =>
        x.assert('other', 'other', { from: 0, to: null }),
      )
    return pair
  }

  async play(o: Op): Promise<void> {
    const { model } = this
    switch (o.op) {
      case 'assert': {
        if (o.to <= o.from) return
        const to = o.to > LAST ? null : o.to
        const came = await this.#say(o.who, o.by, (x) => x.assert('state', o.value, { from: o.from, to }))
        return assert.equal(came, model.assert(o.who, o.value, o.from, to ?? LAST + 1, o.by))
      }
      case 'correct':
        return assert.equal(
          await this.#say(o.who, o.by, (x) => x.correct('state', o.value, o.at)),
          model.correct(o.who, o.value, o.at, o.by),
        )
      case 'end':
        return assert.equal(await this.#say(o.who, o.by, (x) => x.end('state', o.at)), model.end(o.who, o.at, o.by))
      case 'retract':
        return assert.equal(
          await this.#say(o.who, o.by, (x) => x.retract('state', o.at)),
          model.retract(o.who, o.at, o.by),
        )
      case 'merge':
        if (!model.merged) await this.#merge()
        return void (model.merged = true)
      case 'split':
        if (model.merged) await this.#c.open.facts.split(this.#ids[1]!, 'two')
        return void (model.merged = false)
      case 'decide':
        return this.#decide(o.outcome)
    }
  }

  /** Wherever the two say another value, and nowhere else, the operator is asked; at what time that is does not matter. */
  async #merge(): Promise<void> {
    const { store, facts } = this.#c.open
    const [a, b] = [0, 1].map((e) => range(0, LAST + 1).map((v) => this.model.top(e, v)?.value))
    const contested = range(0, LAST + 1).filter((v) => a![v] && b![v] && a![v] !== b![v])
    const gates = await facts.merge(this.#ids[0]!, this.#ids[1]!, 'one')
    const asked = await store.read<{ gate: string; valid_from: number; valid_to: number | null; value: string }>(
      openMerges(...this.#ids),
    )
    const covers = (x: (typeof asked)[number], v: number) => range(x.valid_from, x.valid_to ?? LAST + 1).includes(v)
    for (const v of contested) {
      const said = asked.filter((x) => covers(x, v)).map((x) => JSON.parse(x.value) as string)
      assert.ok(
        said.some((one) => one === a![v] || one === b![v]),
        `asked at ${v}`,
      )
    }
    for (const x of asked.filter((one) => gates.includes(one.gate)))
      for (const v of range(x.valid_from, x.valid_to ?? LAST + 1)) assert.ok(contested.includes(v), `not asked at ${v}`)
  }

  async #say(n: number, by: Voice, say: (change: Change) => Promise<Came>): Promise<Came | 'nothing'> {
    const { store } = this.#c.open
    const whole = await family(store, this.#ids[n]!)
    const voice: Speaker = {
      actor: 'test',
      trust: by.trust,
      makers: [by.trust === 'operator' ? 'operator' : 'workflow:test@1'],
      source: null,
      parties: [by.stranger ? 'somebody else' : lookupKey(store, this.#ids[n]!)],
      span: null,
      reason: null,
      cause: null,
    }
    const change = await Change.begin(store, { kind: Thing, family: whole }, voice)
    try {
      const came = await say(change)
      const events = [...change.events, ...change.disputes.map((d) => conflictGate(d))]
      if (events.length > 0)
        await store.commit({ key: `${this.#ids[0]}:${++this.#commits}`, events, guards: change.guards })
      return came
    } catch (error) {
      if (error instanceof FactotumError && error.code === 'fact.nothing_known') return 'nothing'
      throw error
    }
  }

  async #decide(wanted: 'keep' | 'believe' | 'end'): Promise<void> {
    const { store, gates } = this.#c.open
    const gate = await store.first<{ id: string; subject: string }>(openGate())
    if (!gate) return
    const conflict = (await getConflict(store, gate.subject))!
    let outcome = wanted === 'end' && conflict.says !== 'value' && conflict.says !== 'merge' ? 'keep' : wanted
    const { model } = this
    const n = this.#ids.indexOf(conflict.entity)
    const span = range(conflict.valid_from, conflict.valid_to ?? LAST + 1)
    const origins = [
      ...(JSON.parse(conflict.against) as string[]),
      ...(conflict.rival === null ? [] : [conflict.rival]),
    ]
    // Which statements of the model they are: by where they are believed, for only the store has ids.
    const held = await Promise.all(origins.map((origin) => this.#heldBy(origin)))
    const shown = await factVersions(store, origins)
    const sides = new Set<unknown>(shown.map((row) => JSON.parse(row.value!)))
    try {
      await gates.decide(gate.id, { outcome })
    } catch (error) {
      // Something else was said since: then only keeping it is left.
      if ((error as { code?: string }).code !== 'fact.sides_moved') throw error
      outcome = 'keep'
      await gates.decide(gate.id, { outcome })
    }
    if (conflict.says === 'merge') {
      if (outcome === 'end')
        return [0, 1].forEach((e) =>
          stopOne(
            model,
            e,
            // Also where one side was said again since: it is the value that has ended.
            span.filter((v) => sides.has(model.top(e, v)?.value)),
          ),
        )
      for (const piece of held[outcome === 'keep' ? 0 : 1]!)
        model.put(
          this.#ids.indexOf(piece.entity),
          piece.value,
          range(piece.from, piece.to ?? LAST + 1).filter((v) => span.includes(v)),
          'operator',
        )
    } else if (outcome === 'believe' && conflict.says === 'value') {
      model.put(n, JSON.parse(conflict.value!) as string, span, 'operator')
    } else if (outcome === 'end') model.stop(n, span)
    else if (outcome === 'believe' && conflict.says === 'end') model.stop(n, range(conflict.valid_from, LAST + 1))
    else if (outcome === 'believe') {
      const said = this.#retractedIn(origins[0]!)
      if (said) said.retracted = true
    }
  }

  readonly #saidBy = new Map<string, ReturnType<Model['top']>>()

  #retractedIn(origin: string) {
    return this.#saidBy.get(origin)
  }

  async #heldBy(origin: string) {
    const rows = await this.#c.open.store.read<{
      entity: string
      value: string
      valid_from: number
      valid_to: number | null
    }>(believedOf(origin))
    return rows.map((r) => ({
      entity: r.entity,
      value: JSON.parse(r.value) as string,
      from: r.valid_from,
      to: r.valid_to,
    }))
  }

  /** Remembers which statement of the model each row of the store is. */
  async identify(): Promise<void> {
    for (const e of [0, 1])
      for (const row of await versionsOf(this.#c.open.store, this.#ids[e]!, 'state'))
        if (row.ended_seq === null && row.entity === this.#ids[e])
          this.#saidBy.set(row.origin!, this.model.top(e, Math.min(row.valid_from, LAST)))
  }

  answers(): (string | undefined)[][] {
    return [0, 1].map((e) => range(0, LAST + 1).map((v) => answerOf(this.model.answer(e, v))))
  }

  async asked(seq: number | null): Promise<(string | undefined)[][]> {
    const { store } = this.#c.open
    return Promise.all(
      this.#ids.map((id) =>
        Promise.all(
          range(0, LAST + 1).map(async (valid) => {
            const rows = await factsAt(store, id, { valid, ...(seq === null ? {} : { recorded: { seq } }) })
            const found = rows.filter((r) => r.attribute === 'state')
            assert.ok(found.length <= 1, 'one value at a time')
            const answer = found[0] && `${found[0].trust} ${found[0].value}`
            if (seq === null && !this.model.merged) {
              const point = await factAt(store, id, 'state', { valid, recorded: null })
              assert.equal(point && `${point.trust} ${point.value}`, answer, 'a point read says the same')
            }
            return answer
          }),
        ),
      ),
    )
  }

  async untouched(): Promise<void> {
    for (const id of this.#ids) {
      const rows = await this.#c.open.store.read<{ id: string }>(otherBelieved(id))
      assert.equal(rows.length, 1, 'no fact is retired by an unrelated one')
      assert.deepEqual(await this.#c.open.store.read(overlaps(id)), [], 'nothing overlaps')
    }
  }
}

const believedOf = sql('select entity, value, valid_from, valid_to from fact where origin = ? and ended_seq is null')
const otherBelieved = sql(`select id from fact where entity = ? and attribute = 'other' and ended_seq is null`)

function answerOf(said: ReturnType<Model['answer']>): string | undefined {
  return said && `${said.trust} ${JSON.stringify(said.value)}`
}

function stopOne(model: Model, e: number, at: readonly number[]): void {
  const { merged } = model
  model.merged = false
  model.stop(e, at)
  model.merged = merged
}

onEachStore('the store answers as the model does, at every pair of instants', async (url) => {
  await using c = await testCompany({ entities: [Thing], ...(url ? { url } : {}) })
  const { store } = c.open
  await fc.assert(
    fc.asyncProperty(fc.array(op, { minLength: 1, maxLength: 16, size: 'max' }), async (ops) => {
      for (
        let gate = await store.first<{ id: string }>(openGate());
        gate;
        gate = await store.first<{ id: string }>(openGate())
      )
        await c.open.gates.decide(gate.id, { outcome: 'keep' })
      const pair = await Pair.make(c)
      const then: { seq: number; answers: (string | undefined)[][] }[] = []
      for (const o of ops) {
        await pair.play(o)
        await pair.identify()
        const { seq } = (await store.first<{ seq: number }>(lastSeq()))!
        then.push({ seq: Number(seq), answers: pair.answers() })
        assert.deepEqual(await pair.asked(null), pair.answers(), `after ${JSON.stringify(o)}`)
      }
      for (const { seq, answers } of then) assert.deepEqual(await pair.asked(seq), answers, `as of ${seq}`)
      await pair.untouched()
    }),
    {
      // What hides a statement is taken back after that was corrected: rare among random ones.
      examples: [[HIDDEN_AND_CORRECTED]],
      numRuns: Number(process.env.FACTS_RUNS ?? (url ? 25 : 200)),
      endOnFailure: false,
    },
  )
  await c.check()
})
