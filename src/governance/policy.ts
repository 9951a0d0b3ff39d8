/** Policies: rules that say of an effect whether it runs, asks or is refused. See docs/policies.md. */
export { NO_POLICIES } from './policies/defaults.ts'
export { checkPolicies, loadPolicies, type PolicyOptions } from './policies/load.ts'
export {
  adoptPolicy,
  policiesWith,
  proposePolicy,
  readAllowed,
  type Allowance,
  type PolicyProposal,
} from './policies/propose.ts'
export type {
  Cap,
  Explanation,
  Finding,
  Outcome,
  Policies,
  PolicyInfo,
  PolicyRequest,
  Problem,
  Risk,
  Used,
  Verdict,
} from './policies/model.ts'
