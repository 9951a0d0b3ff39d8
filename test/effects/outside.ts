import { action, ActionError, type ActionContext, type Connector, type Reconciled } from '../../src/connector.ts'
import { workflow, z } from '../../src/index.ts'
import { CONNECTORS, KINDS, type Answer, type Call, type Kind } from './model.ts'

const Input = z.object({
  label: z.string(),
  verdict: z.enum(['run', 'ask', 'refuse']),
  lane: z.string(),
  note: z.string(),
})
type Input = z.infer<typeof Input>
const Output = z.object({ label: z.string() })

const RISK = { tells: 'compensable', honours: 'reversible', neither: 'irreversible', read: 'read' } as const

/** A call that hangs until the test lets it go, having done what it is there for or not. */
export interface Hanging {
  readonly done: boolean
  readonly begun: () => void
  readonly released: Promise<void>
}

/**
 * The world outside: it answers as it was told to, effect by effect, and remembers every call. What it says of itself
 * when it is asked is the truth, unless it is told to say nothing.
 */
export class Outside {
  readonly calls: Call[] = []
  /** What the next calls for a label lead to; then they succeed. */
  readonly answers = new Map<string, Answer[]>()
  readonly undoAnswers = new Map<string, Answer[]>()
  readonly blind = new Set<string>()
  readonly done = new Map<string, number>()
  readonly hanging = new Map<string, Hanging>()
  version = 1
  #seen: (label: string) => string | null

  /** `seen`: what there is to observe for a label; null: it cannot be looked at. */
  constructor(seen: (label: string) => string | null) {
    this.#seen = seen
  }

  connectors(): Connector[] {
    return CONNECTORS.map((name) => ({
      name,
      actions: KINDS.map((kind) => this.action(name, kind)),
      signals: [],
      open: async () => null,
      close: async () => {},
      describe: () => name,
    }))
  }

  workflow() {
    const input = Input.extend({
      connector: z.string(),
      kind: z.enum(KINDS),
      hold: z.int(),
      expires: z.int().nullable(),
    })
    return workflow('one', { input }, async (ctx, { connector, kind, hold, expires, ...given }) =>
      ctx.act(this.action(connector, kind), given, { hold, ...(expires === null ? {} : { expires }) }),
    )
  }

  action(connector: string, kind: Kind) {
    const { version } = this
    const found = (key: string, label: string): Reconciled<{ label: string }> => {
      if (this.blind.has(label)) return { found: 'unknown' }
      return this.done.has(key) ? { found: 'yes', output: { label } } : { found: 'no' }
    }
    return action<Input, { label: string }>(`${connector}.${kind}`, {
      version,
      risk: RISK[kind],
      input: Input,
      output: Output,
      title: (i) => `${kind} ${i.label}`,
      lane: (i) => i.lane,
      timeout: '10m',
      idempotent: kind === 'honours' || kind === 'read',
      absentAfter: 0,
      run: (i, ctx) => this.#call(i, kind, this.answers, ctx, false),
      observe: async ({ label }) => {
        const seen = this.#seen(label)
        if (seen === null) throw new ActionError('transient', 'outside.dark', 'Nothing can be seen.')
        return seen
      },
      ...(kind === 'neither' || kind === 'read'
        ? {}
        : {
            undo: async (i: Input, _: { label: string }, ctx: ActionContext) => {
              await this.#call(i, kind, this.undoAnswers, ctx, true)
            },
          }),
      ...(kind === 'tells'
        ? {
            reconcile: async (i: Input, { key }: ActionContext) => found(key, i.label),
            reconcileUndo: async (i: Input, _: { label: string }, { key }: ActionContext) => {
              const answer = found(key, i.label)
              return answer.found === 'yes' ? { found: 'yes' as const, output: null } : answer
            },
          }
        : {}),
    })
  }

  async #call(
    input: Input,
    kind: Kind,
    answers: ReadonlyMap<string, Answer[]>,
    ctx: ActionContext,
    undo: boolean,
  ): Promise<{ label: string }> {
    const { key, token, laneToken } = ctx
    this.calls.push({ key, token, lane: input.lane, laneToken, note: input.note, undo })
    const hanging = this.hanging.get(input.label)
    if (hanging) {
      this.hanging.delete(input.label)
      if (hanging.done) this.#do(key, kind)
      hanging.begun()
      await hanging.released
      return { label: input.label }
    }
    const answer = answers.get(input.label)?.shift() ?? 'ok'
    if (answer === 'transient') throw new ActionError('transient', 'outside.busy', 'Not now.')
    if (answer === 'domain') throw new ActionError('domain', 'outside.refused', 'Never.')
    if (answer !== 'lost, not done') this.#do(key, kind)
    if (answer !== 'ok') throw new ActionError('uncertain', 'outside.silent', 'No answer.')
    return { label: input.label }
  }

  #do(key: string, kind: Kind): void {
    if (kind === 'read' || (kind === 'honours' && this.done.has(key))) return
    this.done.set(key, (this.done.get(key) ?? 0) + 1)
  }
}
