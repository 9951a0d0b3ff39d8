import fc from 'fast-check'
import { agent, entity, signal, workflow, z, type Context, type Workflow } from '../../src/index.ts'
import type { AnyWorkflow } from '../../src/orchestration/workflow.ts'
import type { Life } from './life.ts'
import { actions, count, FAULTS, SERVICES, type Fault, type Service, type World } from './world.ts'

/** A workflow as data. Every operation has a label of its own, by which the scripted operator and world know it. */
export type Op = Readonly<
  | { op: 'step'; slow: boolean; throws: 'never' | 'caught' | 'until mended' }
  | { op: 'sleep' }
  | { op: 'ask'; answered: boolean }
  | { op: 'wait'; sent: 'early' | 'late' | 'never' }
  | { op: 'act'; service: Service; fault: Fault; says: 'approve' | 'reject' | 'edit'; hold: boolean }
  | { op: 'fact'; about: number }
  | { op: 'decide'; by: 'rule' | 'operator' }
  | { op: 'child'; ops: readonly Op[]; cancelled: boolean }
  | { op: 'all'; branches: readonly (readonly Op[])[] }
  | { op: 'race'; first: Op; second: Op }
>

export interface Program {
  readonly ops: readonly Op[]
  /** At the end it takes back what it did. */
  readonly compensate: boolean
}

const step = fc.record({
  op: fc.constant('step' as const),
  slow: fc.boolean(),
  throws: fc.constantFrom('never' as const, 'never' as const, 'caught' as const, 'until mended' as const),
})
const sleep = fc.constant({ op: 'sleep' as const })
const ask = fc.record({ op: fc.constant('ask' as const), answered: fc.boolean() })
const wait = fc.record({
  op: fc.constant('wait' as const),
  sent: fc.constantFrom('early' as const, 'late' as const, 'never' as const),
})
const act = fc.record({
  op: fc.constant('act' as const),
  service: fc.constantFrom(...SERVICES),
  fault: fc.constantFrom<Fault>('none', 'none', ...FAULTS),
  says: fc.constantFrom('approve' as const, 'approve' as const, 'approve' as const, 'reject' as const, 'edit' as const),
  hold: fc.boolean(),
})
const fact = fc.record({ op: fc.constant('fact' as const), about: fc.nat(2) })
const decide = fc.record({
  op: fc.constant('decide' as const),
  by: fc.constantFrom('rule' as const, 'operator' as const),
})
/**
 * Who wins is told by the script and not by how fast the machine is: the second is never there at once. (That a race
 * comes out the same on replay is the ledger's order; which of two equals is first is nobody's promise.)
 */
const race = fc.record({
  op: fc.constant('race' as const),
  first: fc.oneof(
    step.map((s) => ({ ...s, throws: 'never' as const })),
    sleep,
    ask,
    wait,
    act,
  ),
  second: fc.oneof(
    sleep,
    ask,
    wait.map((w) => ({ ...w, sent: w.sent === 'early' ? ('late' as const) : w.sent })),
    act,
  ),
})
const leaf: fc.Arbitrary<Op> = fc.oneof(step, sleep, ask, wait, act, act, fact, decide)
const child = fc.record({
  op: fc.constant('child' as const),
  ops: fc.array(leaf, { minLength: 1, maxLength: 3 }),
  cancelled: fc.boolean(),
})
const branch = fc.array(fc.oneof({ weight: 6, arbitrary: leaf }, { weight: 1, arbitrary: child }), {
  minLength: 1,
  maxLength: 3,
  size: 'max',
})
const all = fc.record({
  op: fc.constant('all' as const),
  branches: fc.array(branch, { minLength: 2, maxLength: 3, size: 'max' }),
})
const anyOp: fc.Arbitrary<Op> = fc.oneof(
  { weight: 3, arbitrary: leaf },
  { weight: 1, arbitrary: child },
  { weight: 4, arbitrary: all },
  { weight: 1, arbitrary: race },
)

const MAX_COMMITS = 30

/** Programs of at most 30 commits, as estimated from what each operation records. */
export const programs: fc.Arbitrary<Program> = fc
  .record({ ops: fc.array(anyOp, { minLength: 1, maxLength: 6, size: 'max' }), compensate: fc.boolean() })
  .filter((p) => commits(p.ops) <= MAX_COMMITS)
  .map((p) => ({ ...p, compensate: p.compensate && !hasRaces(p.ops) }))

/** Whether somebody may lose: then it counts who is quick, and nobody outside must be hasty. */
export function hasRaces(ops: readonly Op[]): boolean {
  return ops.some(
    (o) => o.op === 'race' || (o.op === 'all' && o.branches.some(hasRaces)) || (o.op === 'child' && hasRaces(o.ops)),
  )
}

function commits(ops: readonly Op[]): number {
  return ops.reduce((n, o) => {
    switch (o.op) {
      case 'all':
        return n + o.branches.reduce((m, b) => m + commits(b), 0)
      case 'race':
        return n + commits([o.first, o.second])
      case 'child':
        return n + 4 + commits(o.ops)
      case 'act':
        return n + (o.fault === 'none' ? 4 : 6)
      case 'step':
        return n + (o.throws === 'until mended' ? 4 : 1)
      default:
        return n + 2
    }
  }, 2)
}

export const begin = signal('begin', z.object({}))
export const poke = signal('poke', z.object({ to: z.string() }), { match: (p) => p.to })

/** What the operator and the world must know of an operation to play their part. */
export interface Part {
  readonly label: string
  readonly op: Op
}

/** A program with labels and times: what runs, and the script of everybody else. */
export interface Compiled {
  readonly parts: ReadonlyMap<string, Part>
  workflows(life: Life, world: World): AnyWorkflow[]
}

const HOUR_MS = 3_600_000
const Thing = (labels: readonly string[]) =>
  entity('thing', Object.fromEntries(labels.map((label) => [label, z.string()])))

export function compile(program: Program): Compiled {
  const parts = new Map<string, Part>()
  const labels = new Map<Op, string>()
  const hours = new Map<string, number>()
  const children: { readonly name: string; readonly ops: readonly Op[] }[] = []
  const name = (ops: readonly Op[], prefix: string): void => {
    ops.forEach((op, i) => {
      const label = `${prefix}${String.fromCharCode(97 + i)}`
      parts.set(label, { label, op })
      labels.set(op, label)
      // No two sums of different waits are equal: which is over first does not hang on seconds.
      hours.set(label, 2 ** hours.size)
      if (op.op === 'all') op.branches.forEach((b, n) => name(b, `${label}${n}`))
      if (op.op === 'race') name([op.first, op.second], `${label}-`)
      if (op.op === 'child') {
        children.push({ name: `child-${label}`, ops: op.ops })
        name(op.ops, `${label}+`)
      }
    })
  }
  // Through JSON, for fast-check gives the same object twice and a label belongs to one place.
  const own = JSON.parse(JSON.stringify(program)) as Program
  name(own.ops, '')
  return {
    parts,
    workflows: (life, world) => {
      const made = new Map<string, Workflow<never, unknown>>()
      const body = (ops: readonly Op[], compensate: boolean) => async (ctx: Context) => {
        const play = new Player(ctx, { life, world, labels, hours, things: Thing([...parts.keys()]), children: made })
        const results = await play.sequence(ops)
        if (!compensate) return results
        const { undone, left } = await ctx.compensate()
        return [...results, undone.length, left.length]
      }
      for (const c of children) made.set(c.name, workflow<never, unknown>(c.name, {}, body(c.ops, false)))
      return [workflow('program', { on: begin }, body(own.ops, own.compensate)), ...made.values()]
    },
  }
}

interface Stage {
  readonly life: Life
  readonly world: World
  readonly labels: ReadonlyMap<Op, string>
  readonly hours: ReadonlyMap<string, number>
  readonly things: ReturnType<typeof Thing>
  readonly children: ReadonlyMap<string, Workflow<never, unknown>>
}

/** Plays operations in one drive of a run. */
class Player {
  readonly #ctx: Context
  readonly #stage: Stage

  constructor(ctx: Context, stage: Stage) {
    this.#ctx = ctx
    this.#stage = stage
  }

  async sequence(ops: readonly Op[]): Promise<unknown[]> {
    const results: unknown[] = []
    for (const op of ops) results.push(await this.#play(op))
    return results
  }

  async #play(op: Op): Promise<unknown> {
    const ctx = this.#ctx
    const label = this.#stage.labels.get(op)!
    const long = this.#stage.hours.get(label)! * HOUR_MS
    switch (op.op) {
      case 'step':
        return this.#step(op, label)
      case 'sleep':
        await ctx.sleep(long, { name: label })
        return 'slept'
      case 'ask':
        return ctx.ask<string>(
          { title: label, ...(op.answered ? {} : { timeout: long, otherwise: 'nobody answered' }) },
          { name: label },
        )
      case 'wait': {
        const got = await ctx.waitFor(poke, {
          name: label,
          match: label,
          ...(op.sent === 'never' ? { timeout: long } : {}),
        })
        return got?.to ?? 'nothing came'
      }
      case 'act': {
        const input = { label, fault: op.fault }
        const done = await ctx.act(actions[op.service], input, { name: label, ...(op.hold ? { hold: '5m' } : {}) })
        return [done.state, done.input.edited ?? false]
      }
      case 'fact': {
        const about = await ctx.facts.about(this.#stage.things, `thing ${op.about}`, { name: `${label} about` })
        await ctx.facts.assert(about, { [label]: `value of ${label}` }, { name: label })
        return 'asserted'
      }
      case 'decide': {
        const chosen = agent(label, {
          output: z.string(),
          tiers: op.by === 'rule' ? [() => ({ value: `by rule ${label}` })] : ['operator'],
        })
        return (await ctx.decide(chosen, label)).value
      }
      case 'child':
        return ctx
          .child(this.#stage.children.get(`child-${label}`)! as unknown as Workflow<null, unknown>, null, {
            name: label,
          })
          .catch((error: { code?: string }) => error.code)
      case 'all':
        return Promise.all(op.branches.map((b) => this.sequence(b)))
      case 'race':
        return Promise.race([op.first, op.second].map(async (o, i) => [i, await this.#play(o)]))
    }
  }

  async #step(op: Op & { op: 'step' }, label: string): Promise<unknown> {
    const { life, world } = this.#stage
    const work = (): string => {
      count(world.worked, label)
      if (op.throws === 'caught' || (op.throws === 'until mended' && !world.mended.has(label)))
        throw new Error(`${label} threw`)
      return `did ${label}`
    }
    const result = this.#ctx.step(
      label,
      op.slow ? () => life.outside(`work ${label}`, () => attempt(work)).then((made) => made()) : work,
    )
    return op.throws === 'caught' ? result.catch(() => 'caught') : result
  }
}

/** Does it now, and answers or throws when asked: a call outside must not throw between its points. */
function attempt<T>(work: () => T): () => T {
  try {
    const value = work()
    return () => value
  } catch (error) {
    return () => {
      throw error
    }
  }
}
