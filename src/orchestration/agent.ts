import type { AnyAction, Money } from '../execution/action.ts'
import type { Tier } from '../context/decisions.ts'
import { FactotumError } from '../lib/errors.ts'
import { milliseconds, type Duration } from '../lib/durations.ts'
import type { RemoteTier } from './agents/remote.ts'
import type { Schema } from './agents/schema.ts'

/** What a rule answers: a value with reasons, or nothing when it is not sure and somebody else must decide. */
export interface Ruling<O> {
  readonly value: O
  /** 0 to 1. Default 1: a rule that fires is sure. */
  readonly confidence?: number
  readonly because?: string
  /** What else it weighed, and why not. */
  readonly options?: readonly { readonly value: O; readonly whyNot: string }[]
}

export type Rule<I, O> = (input: I) => Ruling<O> | null | undefined | Promise<Ruling<O> | null | undefined>

/** One who may decide: a rule of the author's, a tier that the company sets up, or an agent elsewhere. */
export type TierEntry<I, O> = Rule<I, O> | Exclude<Tier, 'rule'> | RemoteTier

/** A reading action that a model may call; `allowed` narrows what it may ask, by what the agent was given. */
export interface ReadingTool<I> {
  readonly action: AnyAction
  readonly allowed: (input: I) => Schema<unknown>
}

/** What a model may look up before it answers, at most five times a decision. Nothing that writes. */
export interface Tools<I> {
  /** What is believed of whom the run has read already. */
  readonly facts?: boolean
  /** What was said before with whom the run has read already. */
  readonly recall?: boolean
  /** The messages of the conversation that the run belongs to, whose turn it is, and since when. */
  readonly conversation?: boolean
  /** The open tasks that came of what the run has read, or of its message. */
  readonly tasks?: boolean
  /** Actions of risk `read`. Without `allowed` the model may ask whatever the action's own input takes. */
  readonly actions?: readonly (AnyAction | ReadingTool<I>)[]
}

export interface Limits {
  /** How many decisions in 24 hours may ask a model or a remote agent. */
  readonly perDay?: number
  /** Tokens of one decision, in and out, over all calls of one tier. Default 20,000. */
  readonly tokens?: number
  /** Tokens of one answer. Default 2,000. */
  readonly outputTokens?: number
  /** What one tier may cost at most for one decision. */
  readonly money?: Money
  /** How long one tier may take. Default 60 s. */
  readonly timeout?: Duration
}

/** A replaceable worker: a capability with typed input and output, and the tiers that may do it, cheapest first. */
export interface Agent<I = never, O = unknown> {
  readonly agent: string
  readonly input: Schema<I> | null
  /** What it may answer to this input. */
  readonly output: (input: I) => Schema<O>
  /** What it may answer to any input; null where that depends on the input. */
  readonly outputs: Schema<O> | null
  readonly instructions: string | null
  /** What the operator is asked, in one sentence. */
  readonly title: (input: I) => string
  readonly tiers: readonly TierEntry<I, O>[]
  readonly tools: {
    readonly facts: boolean
    readonly recall: boolean
    readonly conversation: boolean
    readonly tasks: boolean
    readonly actions: readonly ReadingTool<I>[]
  }
  /** 0 to 1. */
  readonly sureEnough: number
  readonly limits: {
    readonly perDay: number | null
    readonly tokens: number
    readonly outputTokens: number
    readonly money: Money | null
    readonly timeoutMs: number
  }
}

/** Any agent, as a registry keeps it: its input is checked by its own schema before it is used. */
export type AnyAgent = Omit<Agent, 'input' | 'tiers' | 'title' | 'output' | 'outputs'> & {
  readonly input: Schema<unknown> | null
  readonly title: (input: never) => string
  readonly output: (input: never) => Schema<unknown>
  readonly outputs: Schema<unknown> | null
  readonly tiers: readonly TierEntry<never, unknown>[]
}

export interface AgentOptions<I, O> {
  readonly input?: Schema<I>
  /**
   * What it may answer. As a function of the input, so that ids, addresses and amounts can only be those that the workflow
   * gave it: `output: (input) => z.object({ charge: z.enum(input.charges) })`.
   */
  readonly output: Schema<O> | ((input: NoInfer<I>) => Schema<O>)
  readonly instructions?: string
  /** What the operator is asked at its gate, in one sentence about this input. Default: its name and instructions. */
  readonly title?: (input: NoInfer<I>) => string
  readonly tiers: readonly TierEntry<NoInfer<I>, O>[]
  readonly tools?: Tools<NoInfer<I>>
  /** How sure a tier must be to decide, after its own claim was held against its track record. Default 0.8. */
  readonly sureEnough?: number
  readonly limits?: Limits
}

const SURE_ENOUGH = 0.8
const TOKENS = 20_000
const OUTPUT_TOKENS = 2_000

/**
 * Declares an agent.
 *
 *     const triage = agent('triage', { input: mail.Message, output: z.enum(['lead', 'spam']), tiers: [byRules, 'learned', 'operator'] })
 *
 * The first tier that is sure decides. A tier that this company has nothing for is passed over, and the record says so.
 * Throws `agent.writing_tool` for a tool that does more than read, and `agent.bad_limit`.
 */
export function agent<O, I = unknown>(name: string, options: AgentOptions<I, O>): Agent<I, O> {
  const { output, limits = {}, tools = {} } = options
  const sureEnough = options.sureEnough ?? SURE_ENOUGH
  if (!(sureEnough >= 0 && sureEnough <= 1))
    throw new FactotumError('agent.bad_limit', `"${name}": sureEnough is from 0 to 1, such as 0.8.`)
  const tokens = { tokens: limits.tokens ?? TOKENS, outputTokens: limits.outputTokens ?? OUTPUT_TOKENS }
  if (!(tokens.outputTokens > 0 && tokens.tokens > tokens.outputTokens))
    throw new FactotumError(
      'agent.bad_limit',
      `"${name}" may use ${tokens.tokens} tokens, ${tokens.outputTokens} of them for an answer: that leaves nothing for the question. Give it more, or set outputTokens.`,
    )
  return {
    agent: name,
    input: options.input ?? null,
    output: '~standard' in output ? () => output : output,
    outputs: '~standard' in output ? output : null,
    instructions: options.instructions ?? null,
    title: options.title ?? (() => `${name}: ${options.instructions ?? 'decide'}`),
    tiers: options.tiers,
    tools: {
      facts: tools.facts ?? false,
      recall: tools.recall ?? false,
      conversation: tools.conversation ?? false,
      tasks: tools.tasks ?? false,
      actions: (tools.actions ?? []).map((tool) => readingTool(name, tool)),
    },
    sureEnough,
    limits: {
      ...tokens,
      perDay: limits.perDay ?? null,
      money: limits.money ?? null,
      timeoutMs: milliseconds(limits.timeout ?? '60s'),
    },
  }
}

function readingTool<I>(agentName: string, tool: AnyAction | ReadingTool<I>): ReadingTool<I> {
  const given = typeof tool.action === 'string' ? (tool as AnyAction) : null
  const action = given ?? (tool as ReadingTool<I>).action
  if (action.risk !== 'read')
    throw new FactotumError(
      'agent.writing_tool',
      `"${agentName}" is given ${action.action} as a tool, which is ${action.risk}. A model only reads: let it answer with a value, and call ctx.act in the workflow.`,
    )
  return given ? { action, allowed: () => action.input } : (tool as ReadingTool<I>)
}
