import type { z } from 'zod'
import type { Tier } from '../context/decisions.ts'

/** What a rule answers: a value with reasons, or nothing when it is not sure and somebody else must decide. */
export interface Ruling<O> {
  readonly value: O
  /** 0 to 1. Default 1: a rule that fires is sure. */
  readonly confidence?: number
  readonly because?: string
}

export type Rule<I, O> = (input: I) => Ruling<O> | null | undefined | Promise<Ruling<O> | null | undefined>

/** A replaceable worker: a capability with typed input and output, and the tiers that may do it, cheapest first. */
export interface Agent<I = never, O = unknown> {
  readonly agent: string
  readonly input: z.ZodType<I> | null
  readonly output: z.ZodType<O>
  readonly instructions: string | null
  readonly tiers: readonly (Rule<I, O> | Exclude<Tier, 'rule'>)[]
}

export interface AgentOptions<I, O> {
  readonly input?: z.ZodType<I>
  readonly output: z.ZodType<O>
  readonly instructions?: string
  readonly tiers: readonly (Rule<I, O> | Exclude<Tier, 'rule'>)[]
}

/**
 * Declares an agent.
 *
 *     const triage = agent('triage', { input: mail.Message, output: z.enum(['lead', 'spam']), tiers: [byRules, 'operator'] })
 *
 * The first tier that is sure decides. A tier that this company has nothing for is passed over, and the record says so.
 */
export function agent<O, I = unknown>(name: string, options: AgentOptions<I, O>): Agent<I, O> {
  return {
    agent: name,
    input: options.input ?? null,
    output: options.output,
    instructions: options.instructions ?? null,
    tiers: options.tiers,
  }
}
