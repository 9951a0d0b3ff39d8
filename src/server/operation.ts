import { z } from 'zod'
import type { OpenCompany } from './open.ts'

/** One thing that can be asked of a company, over HTTP or by the CLI beside it. */
export interface Operation<A, R> {
  readonly args: z.ZodType<A>
  readonly run: (company: OpenCompany, args: A) => Promise<R>
  /** Whether it only reads, and so can be asked of the company as it was. */
  readonly reads?: boolean
}

export function operation<A, R>(
  args: z.ZodType<A>,
  run: (company: OpenCompany, args: A) => Promise<R>,
): Operation<A, R> {
  return { args, run }
}

/** An operation that changes nothing of the company and nothing outside: the past can be asked as well. */
export function reading<A, R>(args: z.ZodType<A>, run: (company: OpenCompany, args: A) => Promise<R>): Operation<A, R> {
  return { args, run, reads: true }
}

/** Arguments that many operations share. */
export const none = z.object({})
export const newest = z.object({ state: z.string().optional(), limit: z.int().min(1).max(1_000).default(50) })
export const byId = z.object({ id: z.string().min(1) })
