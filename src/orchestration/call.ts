import { errorCode, errorMessage } from '../lib/errors.ts'
import { jsonCopy, shortHash, type Json } from '../lib/json.ts'
import type { Bound, Cause, EventInput, Guard, WaitKind } from '../store/index.ts'
import { StepError } from './errors.ts'
import { stepCompleted, stepFailed } from './events.ts'
import type { Completion } from './history.ts'

/** How a call began: it is done, or it waits for something. The events are committed with its record. */
export interface Begun {
  readonly done?: {
    readonly value?: unknown
    readonly refs?: Json
    /** The value is a `jsonCopy` already. */
    readonly copied?: true
  }
  readonly wait?: {
    readonly kind: WaitKind
    readonly subject: string | null
    readonly deadline: number | null
    /** What is answered when the deadline is first. */
    readonly otherwise?: Json
  }
  readonly events?: readonly EventInput[]
  readonly guards?: readonly Guard[]
  readonly also?: readonly Bound[]
}

/** What a verb of the context tells the driver about one call. */
export interface Call<T> {
  readonly kind: string
  readonly name: string
  readonly key?: string | number | undefined
  /** What is declared about the call's input: a change of it is a mismatch. */
  readonly input?: unknown
  /** Does the work. Called again when a guard did not hold. `cause`: what led here; `wait`: the id a wait will have. */
  readonly begin: (at: { readonly op: string; readonly wait: string; readonly cause: number }) => Promise<Begun> | Begun
  /** Makes the value from its record: loads what the record only refers to. Absent: the record is the value. */
  readonly read?: (completion: Completion) => Promise<T> | T
}

/** A call that the workflow waits for. */
export interface Pending {
  readonly op: string
  readonly call: Call<unknown>
  readonly hash: string
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  /** What had been delivered when the call was made: on replay it may begin later, and follows from no more. */
  readonly cause: number
  state: 'new' | 'working' | 'waiting'
}

const kindHashes = new Map<string, string>()

/** The hash of a call's kind and declared input: what a record is compared with. Throws when the input is not JSON. */
export function callHash(op: string, { kind, input }: Pick<Call<unknown>, 'kind' | 'input'>): string {
  if (input !== undefined) {
    try {
      return shortHash([kind, jsonCopy(input, `The input of "${op}"`)])
    } catch (error) {
      throw new StepError(op, errorCode(error), errorMessage(error))
    }
  }
  let known = kindHashes.get(kind)
  if (known === undefined) kindHashes.set(kind, (known = shortHash(kind)))
  return known
}

interface By {
  readonly actor: string
  readonly cause: Cause
}

type StepRecord = { readonly input: EventInput; readonly completion: Pick<Completion, 'ok' | 'code' | 'value'> }

/** The record of a call that is done, and what of it is delivered. */
export function stepRecord(run: string, pending: Pending, done: Begun['done'], by: By): StepRecord {
  const { op, hash } = pending
  const { kind } = pending.call
  const value = done?.value
  if (value instanceof Error) return failureRecord(run, pending, value, by)
  try {
    const copy = done?.copied ? (value as Json) : jsonCopy(value, `The result of "${op}"`)
    const body = done?.refs === undefined ? { op, kind, hash } : { op, kind, hash, refs: done.refs }
    return {
      input: stepCompleted(run, body, { actor: by.actor, cause: by.cause, private: { value: copy } }),
      completion: { ok: true, code: '', value: copy },
    }
  } catch (error) {
    return failureRecord(run, pending, error, by)
  }
}

function failureRecord(run: string, { op, hash, call: { kind } }: Pending, error: unknown, by: By): StepRecord {
  const code = errorCode(error)
  const message = errorMessage(error).slice(0, 4_000)
  return {
    input: stepFailed(run, { op, kind, hash, code }, { ...by, private: { message } }),
    completion: { ok: false, code, value: message },
  }
}

const ignore = (): void => {}

/**
 * The promise of a call. Nobody may be listening when it is rejected: the workflow awaits something else first, or has
 * returned. The error is on the record; it must not end the process.
 */
export function unwatched<T>(promise: Promise<T>): Promise<T> {
  promise.catch(ignore)
  return promise
}
