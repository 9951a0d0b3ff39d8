import type { z } from 'zod'
import type { Trust } from '../../context/signals.ts'
import type { Json } from '../../lib/json.ts'

/** What an action can do to the world, from nothing to something nobody can take back. */
export type Risk = 'read' | 'reversible' | 'compensable' | 'irreversible'

export type Outcome = 'run' | 'ask' | 'refuse'

/** Calendar days and months are those of the company's zone. */
export type Period = 'day' | 'month'

/** What a company can do, as far as policies are concerned: any action of a connector fits. */
export interface PolicyAction {
  /** `connector.verb` */
  readonly action: string
  readonly connector: string
  readonly risk: Risk
  readonly input?: z.ZodType
}

/** What is to be counted for a policy with a cap, from `since` (epoch ms, the start of the day or month) on. */
export interface Cap {
  readonly policy: string
  readonly per: Period
  readonly since: number
  /** The currency whose amounts are to be added up; null: only the number of times counts. */
  readonly currency: string | null
}

/** What ran under a policy since the start of the period: effects whose recorded verdict names it. */
export interface Used {
  readonly policy: string
  readonly per: Period
  readonly count: number
  /** Millionths of the cap's currency, added up; 0 where it has none. */
  readonly micros: number
}

/** One effect that is about to be proposed. It is plain JSON, so that a test is a file. */
export interface PolicyRequest {
  /** `connector.verb` */
  readonly action: string
  readonly connector: string
  /** Null: by the operator, by hand. */
  readonly workflow: string | null
  readonly risk: Risk
  /** The lowest label of what led to it. */
  readonly trust: Trust
  /** As the action's schema reads it. */
  readonly input: Json
  /** What it costs or moves at most, in millionths of a currency's unit. */
  readonly money: { readonly micros: number; readonly currency: string } | null
  /** Epoch ms. */
  readonly at: number
  readonly away: boolean
  /** For each of `caps(at)`; a cap that is not counted here is taken as used up. */
  readonly used: readonly Used[]
}

export interface Verdict {
  readonly outcome: Outcome
  /** The policy that said so, and why: shown at the gate and kept in the record. No personal data. */
  readonly reason: string
  /** The ids of the policies that decided; none where the default did. */
  readonly policies: readonly string[]
  /** The hash of the policy set that was asked. */
  readonly version: string
}

/** What one policy that matched, or could not be evaluated, came to. */
export interface Finding {
  readonly policy: string
  /** `policies/refunds.cedar:12` */
  readonly place: string
  /** `void`: it matched and does not count, `why` says for which reason. */
  readonly effect: Outcome | 'error' | 'void'
  readonly why: string
}

export interface Explanation extends Verdict {
  readonly findings: readonly Finding[]
}

export interface PolicyInfo {
  readonly id: string
  /** In the company's folder: `policies/refunds.cedar`. */
  readonly file: string
  readonly line: number
  readonly outcome: Outcome
  readonly reason: string | null
  /** Its last day, `2026-12-31`. */
  readonly expires: string | null
  /** As it is written: `10 per day`. */
  readonly cap: string | null
}

/** Something that is wrong in a policy file. `line` and `column` count from 1, columns in UTF-16 units. */
export interface Problem {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly message: string
}

/** A company's policies, loaded. Nothing here throws. */
export interface Policies {
  /** The same for the same files with the same text. */
  readonly version: string
  /** What is odd and yet allowed: mixed scripts in a name, for one. */
  readonly warnings: readonly Problem[]
  /** In the order of their files and lines. */
  list(): readonly PolicyInfo[]
  /** The policies that no longer apply at that moment. */
  expired(at: number): readonly PolicyInfo[]
  /** What has to be counted before `verdict` is asked: one for each policy and period. */
  caps(at: number): readonly Cap[]
  verdict(request: PolicyRequest): Verdict
  /** The verdict, with what every policy that matched had to say. */
  explain(request: PolicyRequest): Explanation
}
