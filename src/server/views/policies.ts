import { z } from 'zod'
import type { Trust } from '../../context/signals.ts'
import type { AnyAction } from '../../execution/action.ts'
import { getEffect } from '../../execution/effects.ts'
import type { EffectRow } from '../../execution/events.ts'
import { actionOf, type VerdictRequest } from '../../execution/execution.ts'
import { verdictOf } from '../../execution/verdicts.ts'
import {
  adoptPolicy,
  loadPolicies,
  policiesWith,
  proposePolicy,
  readAllowed,
  type Explanation,
  type Outcome,
  type Policies,
  type PolicyOptions,
  type PolicyProposal,
  type PolicyRequest,
} from '../../governance/policy.ts'
import { policyAdopted } from '../../governance/policies/adopted.ts'
import { FactotumError } from '../../lib/errors.ts'
import type { Json } from '../../lib/json.ts'
import { PLAN_WORKFLOW } from '../../orchestration/planner/planner.ts'
import type { Company } from '../company.ts'
import type { OpenCompany } from '../open.ts'

/** What a company's policies are checked against. Its connectors name the actions, its workflows the principals. */
export function policyOptions(company: Company): PolicyOptions {
  return {
    actions: company.connectors.flatMap((c) => c.actions),
    workflows: [...company.workflows.map((w) => w.workflow), PLAN_WORKFLOW],
    zone: company.zone,
  }
}

/** The request about an effect as it would be proposed now, with what is used of each cap. */
async function requestNow(c: OpenCompany, policies: Policies, facts: VerdictRequest): Promise<PolicyRequest> {
  let request: PolicyRequest | undefined
  const asked: Policies = { ...policies, verdict: (r) => policies.verdict((request = r)) }
  await verdictOf(c.store, asked, (await c.attention.absence(c.store.clock.now())) !== null, facts)
  return request!
}

function factsOf(effect: EffectRow): VerdictRequest {
  if (effect.input === null)
    throw new FactotumError(
      'effect.erased',
      `The input of effect ${effect.id} was erased: policies have nothing to look at.`,
    )
  return {
    action: effect.action,
    connector: effect.action.split('.')[0]!,
    workflow: effect.workflow,
    risk: effect.risk,
    // One from before trust was kept counts as what is trusted least.
    trust: effect.trust ?? 'outsider',
    input: JSON.parse(effect.input) as Json,
    money: effect.cost === null ? null : (JSON.parse(effect.cost) as PolicyRequest['money']),
    proposedSeq: effect.proposed_seq,
  }
}

export interface PolicyTest extends Explanation {
  readonly action: string
  readonly workflow: string | null
  readonly trust: Trust
  /** Whether the company that answers runs by these files; else it was started before they were changed. */
  readonly current: boolean
}

/** What the verdict on an effect would be now, by the files as they are. Throws `effect.not_found`, `policy.invalid`. */
export async function testEffect(c: OpenCompany, id: string): Promise<PolicyTest> {
  const policies = await loadPolicies(c.folder, policyOptions(c.company))
  const request = await requestNow(c, policies, factsOf(await getEffect(c.store, id)))
  const { action, workflow, trust } = request
  return { ...policies.explain(request), action, workflow, trust, current: policies.version === c.policies.version }
}

/**
 * A policy that would have let the effect of a gate run, as a change of a file. Throws `policy.no_effect`,
 * `policy.no_use` where another policy would still ask or refuse, and what `proposePolicy` throws.
 */
export async function proposeFor(c: OpenCompany, gate: string): Promise<PolicyProposal> {
  const { kind, subject } = await c.gates.get(gate)
  if (kind !== 'effect')
    throw new FactotumError(
      'policy.no_effect',
      `Gate ${gate} proposes no action: there is nothing that a policy could allow.`,
    )
  const facts = factsOf(await getEffect(c.store, subject))
  const options = policyOptions(c.company)
  const proposal = proposePolicy({
    ...facts,
    action: actionOf(c.execution, facts.action),
    at: c.store.clock.now(),
    before: await readAllowed(c.folder),
    taken: (await loadPolicies(c.folder, options)).list().map((p) => p.id),
    zone: c.company.zone,
  })
  const policies = await policiesWith(c.folder, proposal, options)
  const { outcome, reason } = policies.verdict(await requestNow(c, policies, facts))
  if (outcome !== 'run')
    throw new FactotumError(
      'policy.no_use',
      `It would change nothing: the next one would still be ${outcome === 'ask' ? 'asked about' : 'refused'}, by ${reason}. Change that first.`,
    )
  return proposal
}

/** Makes the change that was shown, and goes on by it. Throws `policy.changed`, and what `adoptPolicy` throws. */
export async function adoptFor(c: OpenCompany, gate: string, binding: string): Promise<PolicyProposal> {
  const proposal = await proposeFor(c, gate)
  if (proposal.binding !== binding)
    throw new FactotumError('policy.changed', 'What would be written is no longer what was shown. Look at it again.')
  await adoptPolicy(c.folder, proposal, policyOptions(c.company))
  await c.loadPolicies()
  const { version } = c.policies
  const adopted = policyAdopted(
    'policies',
    { gate, policy: proposal.id, file: proposal.file, version },
    { actor: 'operator' },
  )
  // A name that was taken out by hand is free again: the record tells of each time that it was written.
  await c.store.commit({ key: c.store.newId('policy'), events: [adopted] })
  return proposal
}

const TestFile = z.strictObject({
  action: z.string(),
  connector: z.string().optional(),
  workflow: z.string().nullable().default(null),
  risk: z.enum(['read', 'reversible', 'compensable', 'irreversible']).optional(),
  trust: z.enum(['operator', 'verified', 'outsider']),
  input: z.json().default(null),
  money: z.object({ micros: z.int(), currency: z.string() }).nullable().default(null),
  at: z.union([z.int(), z.iso.datetime({ offset: true })]).optional(),
  away: z.boolean().default(false),
  used: z
    .array(
      z.object({
        policy: z.string(),
        per: z.enum(['day', 'month']),
        count: z.int().nonnegative(),
        micros: z.int().nonnegative().default(0),
      }),
    )
    .optional(),
  expect: z.enum(['run', 'ask', 'refuse']).optional(),
})

/**
 * A request from a test file. What it leaves out is filled in: connector and risk from the action, now, nothing used.
 * Throws `policy.bad_test`.
 */
export function readPolicyTest(
  text: string,
  actions: readonly AnyAction[],
  policies: Policies,
  now: number,
): { readonly request: PolicyRequest; readonly expect: Outcome | null } {
  const parsed = TestFile.safeParse(parseJson(text))
  if (!parsed.success) throw badTest(z.prettifyError(parsed.error))
  const { expect, connector, risk, at: given, used, input, ...rest } = parsed.data
  const action = actions.find((a) => a.action === rest.action)
  if (!action) throw badTest(`the company has no action "${rest.action}"`)
  const read = action.input.safeParse(input)
  if (!read.success) throw badTest(`${rest.action} does not take that input: ${z.prettifyError(read.error)}`)
  const at = given === undefined ? now : new Date(given).getTime()
  const none = policies.caps(at).map(({ policy, per }) => ({ policy, per, count: 0, micros: 0 }))
  const request = {
    ...rest,
    connector: connector ?? action.connector,
    risk: risk ?? action.risk,
    input: read.data as Json,
    at,
    used: [...(used ?? []), ...none],
  }
  return { request, expect: expect ?? null }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw badTest('it is not JSON')
  }
}

function badTest(what: string): FactotumError {
  return new FactotumError('policy.bad_test', `This is no policy test: ${what}. docs/policies.md shows one.`)
}
