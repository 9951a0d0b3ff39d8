import { z } from 'zod'
import type { Scope } from '../lib/caller.ts'
import type { OpenCompany } from './open.ts'

export type { Scope } from '../lib/caller.ts'

/**
 * `past`: only reads, and can be asked of the company as it was. `now`: changes nothing, and is asked of today. `change`: it
 * does something.
 */
export type Mood = 'past' | 'now' | 'change'

/** One thing that can be asked of a company, over HTTP or by the CLI beside it. */
export interface Operation<A, R, M extends Mood = Mood> {
  readonly mood: M
  readonly scope: Scope
  readonly args: z.ZodType<A>
  readonly run: (company: OpenCompany, args: A) => Promise<R>
  /** Its answer holds a secret that is told once: nobody keeps it, to repeat it or for a log. */
  readonly secret?: true
}

type Run<A, R> = (company: OpenCompany, args: A) => Promise<R>

/** Something that is done. */
export function operation<A, R>(scope: Scope, args: z.ZodType<A>, run: Run<A, R>): Operation<A, R, 'change'> {
  return { mood: 'change', scope, args, run }
}

/** It changes nothing of the company and nothing outside: the past can be asked as well. */
export function reading<A, R>(scope: Scope, args: z.ZodType<A>, run: Run<A, R>): Operation<A, R, 'past'> {
  return { mood: 'past', scope, args, run }
}

/** It changes nothing, and is about what is there now: caches, files, what would be done. */
export function looking<A, R>(scope: Scope, args: z.ZodType<A>, run: Run<A, R>): Operation<A, R, 'now'> {
  return { mood: 'now', scope, args, run }
}

/** Its answer holds a secret that is told once. */
export function secret<A, R, M extends Mood>(of: Operation<A, R, M>): Operation<A, R, M> {
  return { ...of, secret: true }
}

/** Arguments that many operations share. */
export const none = z.object({})
/** Of every list: how many, and the `next` of the page before. */
export const paged = z.object({
  limit: z.int().min(1).max(1_000).default(50),
  cursor: z.string().max(1_000).optional(),
})
export const newest = paged.extend({ state: z.string().optional() })
export const byId = z.object({ id: z.string().min(1) })
