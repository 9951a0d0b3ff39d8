import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EffectRow } from '../../src/execution/events.ts'
import { company as declare } from '../../src/server/company.ts'
import { openCompany, type OpenCompany } from '../../src/server/open.ts'
import { operate, type Args, type OperationName } from '../../src/server/operations.ts'
import { errorCode } from '../../src/lib/errors.ts'
import { sql, work } from '../../src/store/index.ts'
import { JumpClock, Life } from '../crash/life.ts'
import type { Effect, Model } from './model.ts'
import { Outside } from './outside.ts'

const POLICIES = `
@id("runs") permit (principal, action, resource) when { context has input && context.input has verdict && context.input.verdict == "run" };
@id("refuses") forbid (principal, action, resource) when { context has input && context.input has verdict && context.input.verdict == "refuse" };
`
const ALL = {
  'as asked': '',
  ask: '@id("all") @outcome("ask") forbid (principal, action, resource);',
  refuse: '@id("all") forbid (principal, action, resource);',
} as const

const effects = sql('select * from effect order by proposed_seq')
const gates = sql(
  `select id, kind, subject from gate where state = 'open' and kind in ('effect', 'uncertain', 'dead_letter') order by subject`,
)
/** When something is due, and when what was put off is looked at again. */
const nextAt = sql(
  `select min(case when l.until is null or l.until <= w.at then w.at end) as due, min(l.until) as later
   from work w left join lease l on l.id = w.id and l.until > w.at where w.at is not null`,
)
const told = sql(`select private from event where stream = ? and kind = 'wait.resolved@1' order by seq`)
const dispatches = sql(`select seq, stream, body from event where kind = 'effect.dispatched@1' order by seq`)
const proposals = sql(`select seq, stream, body from event where kind = 'effect.proposed@1' order by seq`)

/** The real company, and the world around it, told to do what the model does. */
export class Reality {
  readonly outside: Outside
  readonly clock = new JumpClock()
  readonly #folder: string
  readonly #url: string
  readonly #model: Model
  readonly #runs: string[] = []
  #life!: Life
  #company!: OpenCompany
  #errors: unknown[] = []

  constructor(folder: string, url: string | undefined, model: Model) {
    this.#folder = folder
    this.#url = url ?? join(folder, 'company.db')
    this.#model = model
    this.outside = new Outside((label) => model.look(label))
    model.now = this.clock.now()
  }

  async open(): Promise<void> {
    await this.#writePolicies()
    this.#errors = []
    const errors = this.#errors
    this.#life = new Life(this.clock, { at: -1, single: false })
    this.#company = await openCompany({
      folder: this.#folder,
      company: declare({
        name: 'Model',
        connectors: this.outside.connectors(),
        workflows: [this.outside.workflow()],
      }),
      url: this.#url,
      clock: this.#life.clock,
      wrapEngine: (engine) => this.#life.wrap(engine),
      onError: (error) => errors.push(error),
    })
    await this.#company.start()
  }

  async close(): Promise<void> {
    await this.#company.close()
  }

  /** As `kill -9` does: nothing that was under way is heard of again. */
  async die(): Promise<void> {
    await this.#life.bury()
  }

  async idle(): Promise<void> {
    await this.#company.coordinator.idle()
    if (this.#errors.length > 0) throw this.#errors[0]
  }

  /** What can begin now begins, although not everything comes to an end. */
  async moment(): Promise<void> {
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
  }

  /** Time passes, stopping wherever something is due, and less and less often where it only waits for something else. */
  async advance(ms: number): Promise<void> {
    const until = this.clock.now() + ms
    for (let waited = 0; ;) {
      await this.idle()
      const now = this.clock.now()
      const next = await this.#company.store.first<{ due: number | null; later: number | null }>(nextAt())
      const due = next?.due ?? Infinity
      const later = next?.later == null ? Infinity : Math.max(next.later, now + Math.min(waited, 15) * 60_000)
      if (Math.min(due, later) > until) break
      waited = later < due ? waited + 1 : 0
      this.clock.jump(Math.max(Math.min(due, later), now + 1))
    }
    this.clock.jump(until)
    await this.idle()
  }

  async policies(): Promise<void> {
    await this.#writePolicies()
    await this.#company.loadPolicies()
  }

  async #writePolicies(): Promise<void> {
    await mkdir(join(this.#folder, 'policies'), { recursive: true })
    await writeFile(join(this.#folder, 'policies', 'all.cedar'), POLICIES + ALL[this.#model.policy])
  }

  async propose(e: Effect): Promise<void> {
    const { label, verdict, lane, note, connector, kind, holdMs: hold, spanMs: expires } = e
    const given = { label, verdict, lane, note, connector, kind, hold, expires }
    const run = await operate(this.#company, 'start', { workflow: 'one', input: given })
    this.#runs[e.n] = (run as { id: string }).id
    await this.idle()
  }

  /** Asks the company, and answers the code of its refusal, or null. */
  async ask<N extends OperationName>(name: N, args: Args<N>): Promise<string | null> {
    try {
      await operate(this.#company, name, args)
      return null
    } catch (error) {
      return errorCode(error)
    }
  }

  async effect(n: number): Promise<EffectRow> {
    return (await this.#company.store.read<EffectRow>(effects()))[n]!
  }

  async gateOf(n: number): Promise<string> {
    const { id } = await this.effect(n)
    const open = await this.#company.store.read<{ id: string; subject: string }>(gates())
    return open.find((g) => g.subject === id)!.id
  }

  async undo(n: number): Promise<string | null> {
    const { id } = await this.effect(n)
    const { binding } = (await operate(this.#company, 'undoPlan', { id })) as { binding: string }
    return this.ask('undo', { id, binding })
  }

  /** Another worker takes the effect over: whoever drives it is stale from now on. */
  async takeOver(n: number): Promise<void> {
    const { id } = await this.effect(n)
    await this.#company.store.write([work.revokeLease(id)])
    this.#company.coordinator.ring()
    while ((await this.effect(n)).state === 'dispatched') await new Promise((resolve) => setImmediate(resolve))
  }

  // What must be so.

  async compare(): Promise<void> {
    const rows = await this.#company.store.read<EffectRow>(effects())
    const open = await this.#company.store.read<{ kind: string; subject: string }>(gates())
    const waiting = { gated: 'effect', uncertain: 'uncertain', failed: 'dead_letter' } as Record<string, string>
    const actual = rows.map((row) => ({
      label: `${row.undoes === null ? '' : 'undo '}${(JSON.parse(row.input!) as { label: string }).label}`,
      state: row.state,
      token: row.token,
      approved: row.approved_by !== null,
      version: row.action_version,
      note: (JSON.parse(row.input!) as { note: string }).note,
      ended: row.settled_at !== null || row.state === 'refused',
      gates: open.filter((g) => g.subject === row.id).map((g) => g.kind),
      done: this.outside.done.get(row.key) ?? 0,
    }))
    const expected = this.#model.effects.map((e) => ({
      label: `${e.undoes === null ? '' : 'undo '}${e.label}`,
      state: e.state,
      token: e.token,
      approved: e.approved,
      version: e.version,
      note: e.note,
      ended: e.ended || e.state === 'refused',
      gates: e.ended || !waiting[e.state] ? [] : [waiting[e.state]!],
      done: e.done,
    }))
    assert.deepEqual(actual, expected)
  }

  /** What holds at the end of every history, whatever the model says. */
  async sound(): Promise<void> {
    const { store } = this.#company
    const rows = await store.read<EffectRow>(effects())
    for (const e of this.#model.effects.filter((x) => x.undoes === null)) {
      const events = await store.read<{ private: string }>(told(this.#runs[e.n]!))
      const states = events.map((row) => (JSON.parse(row.private) as { value: { state: string } }).value.state)
      assert.deepEqual(states, e.told, `what the run of ${e.label} was told`)
    }
    const read = async (query: typeof dispatches) =>
      (await store.read<{ seq: number; stream: string; body: string }>(query())).map((row) => ({
        ...row,
        body: JSON.parse(row.body) as { token: number; laneToken: number; reason: string; key: string },
      }))
    const sent = await read(dispatches)
    const proposed = await read(proposals)
    assert.equal(sent.length, this.outside.calls.length, 'one intent, one call')
    for (const [i, call] of this.outside.calls.entries()) {
      const row = rows.find((r) => r.key === call.key) ?? rows.find((r) => !call.undo && call.key.startsWith(r.id))!
      const before = this.outside.calls.slice(0, i)
      assert.ok(
        before.filter((c) => c.key === call.key).every((c) => c.token < call.token),
        'tokens of an effect grow',
      )
      assert.ok(
        before.filter((c) => c.lane === call.lane).every((c) => c.laneToken! < call.laneToken!),
        'tokens of a lane grow',
      )
      const intent = sent.find((s) => s.stream === row.id && s.body.token === call.token)
      assert.equal(intent?.body.laneToken, call.laneToken)
      const proposal = proposed.find((p) => p.stream === row.id)!
      assert.ok(proposal.seq < intent!.seq && proposal.body.reason !== '', 'a verdict before the call')
      assert.ok(
        before.every((c) => c.key !== call.key || c.note === call.note),
        'a key stands for one input',
      )
      if (row.key === call.key)
        assert.equal(call.note, (JSON.parse(row.input!) as { note: string }).note, 'what left is what was approved')
    }
    for (const [i, e] of this.#model.effects.entries()) {
      const row = rows[i]!
      const done = this.outside.done.get(row.key) ?? 0
      assert.ok(done <= 1 + e.retriedUnknown, `${e.label} was done ${done} times`)
      if (['refused', 'rejected', 'expired', 'cancelled'].includes(row.state))
        assert.ok(done <= e.retriedUnknown, `${e.label} is ${row.state} and was done`)
    }
    const verified = (await operate(this.#company, 'verify', {})) as { ok: boolean; problems: unknown[] }
    assert.ok(verified.ok, JSON.stringify(verified.problems))
    const doctor = (await operate(this.#company, 'doctor', {})) as { identical: boolean; difference: string | null }
    assert.ok(doctor.identical, doctor.difference ?? '')
  }
}
