import { action, ActionError, type ActionContext, type Connector, type Reconciled } from '../../src/connector.ts'
import { z } from '../../src/index.ts'
import type { Life } from './life.ts'

export const FAULTS = ['none', 'transient', 'domain', 'uncertain: done', 'uncertain: not done'] as const
export type Fault = (typeof FAULTS)[number]
export const SERVICES = ['honours', 'tells', 'neither'] as const
/** `honours` the idempotency key, `tells` what it did for a key, or `neither`. */
export type Service = (typeof SERVICES)[number]

const Input = z.object({ label: z.string(), fault: z.enum(FAULTS), edited: z.boolean().optional() })
const Output = z.object({ label: z.string() })
type Input = z.infer<typeof Input>
type Output = z.infer<typeof Output>

interface Connection {
  readonly life: Life
  readonly world: World
}

/** The outside: what was done there, told by the one who did it. It survives every process. */
export class World {
  /** How often something was done for an idempotency key. */
  readonly done = new Map<string, number>()
  /** The same by what it was for, which is the same in every history. */
  readonly doneFor = new Map<string, number>()
  readonly #tried = new Map<string, number>()
  /** How often the work of a step ran. */
  readonly worked = new Map<string, number>()
  /** Steps whose cause of failure the operator has removed. */
  readonly mended = new Set<string>()

  did(key: string): boolean {
    return this.done.has(key)
  }

  /** One request as the service sees it. What it answers is thrown where it is not an output. */
  request(key: string, label: string, fault: Fault, honours: boolean): Output | ActionError {
    const tried = count(this.#tried, key)
    if (honours && this.did(key)) return { label }
    if (fault === 'domain') return new ActionError('domain', 'world.refused', 'No, never.')
    if (tried === 1 && fault === 'transient') return new ActionError('transient', 'world.busy', 'Not now.')
    if (tried === 1 && fault === 'uncertain: not done')
      return new ActionError('uncertain', 'world.silent', 'No answer.')
    count(this.done, key)
    count(this.doneFor, label)
    return tried === 1 && fault === 'uncertain: done'
      ? new ActionError('uncertain', 'world.silent', 'No answer.')
      : { label }
  }

  connector(life: Life): Connector {
    return {
      name: 'world',
      actions: Object.values(actions),
      signals: [],
      open: async (): Promise<Connection> => ({ life, world: this }),
      close: async () => {},
      describe: () => 'the world',
    }
  }
}

export function count(map: Map<string, number>, key: string): number {
  const n = (map.get(key) ?? 0) + 1
  map.set(key, n)
  return n
}

async function request(
  ctx: ActionContext,
  key: string,
  label: string,
  fault: Fault,
  honours: boolean,
): Promise<Output> {
  const { life, world } = ctx.connection as Connection
  const answer = await life.outside(`call ${label}`, () => world.request(key, label, fault, honours))
  if (answer instanceof ActionError) throw answer
  return answer
}

const shared = { risk: 'compensable', input: Input, output: Output, title: (input: Input) => input.label } as const

function named(input: Input): string {
  return input.edited ? `${input.label} as edited` : input.label
}

export const actions = {
  honours: action('world.honours', {
    ...shared,
    idempotent: true,
    run: (input, ctx) => request(ctx, ctx.key, named(input), input.fault, true),
    undo: async (input, _output, ctx) => void (await request(ctx, ctx.key, `${input.label} undone`, 'none', true)),
  }),
  tells: action('world.tells', {
    ...shared,
    run: (input, ctx) => request(ctx, ctx.key, named(input), input.fault, false),
    absentAfter: 0,
    async reconcile(input, ctx): Promise<Reconciled<Output>> {
      const { life, world } = ctx.connection as Connection
      const found = await life.outside(`ask about ${input.label}`, () => world.did(ctx.key))
      return found ? { found: 'yes', output: { label: named(input) } } : { found: 'no' }
    },
    undo: async (input, _output, ctx) => void (await request(ctx, ctx.key, `${input.label} undone`, 'none', false)),
  }),
  neither: action('world.neither', {
    ...shared,
    run: (input, ctx) => request(ctx, ctx.key, named(input), input.fault, false),
  }),
} as const
