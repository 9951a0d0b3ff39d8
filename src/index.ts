/** The public API for workflow authors: a table of contents. */

// what the company is made of
export { company, type Company, type CompanyOptions } from './server/company.ts'
export { budget, type Budget } from './governance/spend/budgets.ts'
export { workflow, type Workflow } from './orchestration/workflow.ts'
export { agent, type Agent, type Rule, type Ruling } from './orchestration/agent.ts'
export { models } from './orchestration/agents/ai-sdk.ts'
export { remote } from './orchestration/agents/remote.ts'
export { attribute, entity, type AsOf, type Attribute, type Entity, type EntityKind } from './context/facts.ts'
export { signal, type SignalKind } from './context/signals.ts'

// what a workflow is given
export type { Compensation, Context, Decided, Passage, Question, Tick } from './orchestration/workflow.ts'
export type { Conversation, EndedTask, NewTask, Task } from './orchestration/workflow.ts'
export type { Precedent } from './context/precedents.ts'
export type { EffectResult } from './execution/effects.ts'

// values and errors
export { FactotumError } from './lib/errors.ts'
export type { Duration } from './lib/durations.ts'
export type { Json } from './lib/json.ts'
export { z } from 'zod'
