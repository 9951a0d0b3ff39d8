import { FactotumError } from '../lib/errors.ts'

export type RunErrorCode =
  | 'run.duplicate_step'
  | 'run.bad_name'
  | 'run.too_many_steps'
  | 'run.context_released'
  | 'run.foreign_await'
  | 'run.mismatch'
  | 'run.workflow_missing'
  | 'run.version'
  | 'run.cancelled'
  | 'run.child_ended'
  | 'run.children_open'
  | 'run.not_found'
  | 'run.not_stuck'
  | 'run.ended'
  | 'run.bad_input'
  | 'run.no_such_step'

export class RunError extends FactotumError {
  constructor(code: RunErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(code, message, options)
    this.name = 'RunError'
  }
}

/** A step that threw: the same error live and replayed, with the code and sentence that were recorded. */
export class StepError extends FactotumError {
  readonly step: string

  constructor(step: string, code: string, message: string) {
    super(code, message, { metadata: { step } })
    this.name = 'StepError'
    this.step = step
  }
}
