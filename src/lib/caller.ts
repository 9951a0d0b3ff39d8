import { AsyncLocalStorage } from 'node:async_hooks'
import { FactotumError } from './errors.ts'

/**
 * What a caller may do, each including those before it: look; put something before the operator or into the company's
 * memory; decide in the operator's place; and what touches the machine, the rules, or everything at once.
 */
export const SCOPES = ['read', 'propose', 'decide', 'admin'] as const
export type Scope = (typeof SCOPES)[number]

/** The operator, however they came in: what the ledger says where nobody else acts. */
export const OPERATOR = 'operator'

/** Who asks, as the ledger names them (`operator`, `token:tok_…`, `guest:tok_…`), and the highest scope that they have. */
export interface Caller {
  readonly actor: string
  readonly scopes: Scope
  /** The session that they came with, where they are in a browser. */
  readonly session?: string
}

export function allows(caller: Caller, scope: Scope): boolean {
  return SCOPES.indexOf(caller.scopes) >= SCOPES.indexOf(scope)
}

/** Somebody who looks, though not at what people wrote. */
export function isGuest(caller: Caller | undefined): boolean {
  return caller?.actor.startsWith('guest:') ?? false
}

/** Throws `access.scope` where whoever asks may not, though the operation is open to them: some arguments are not. */
export function demand(scope: Scope, what: string): void {
  const caller = callers.getStore()
  if (caller && !allows(caller, scope))
    throw new FactotumError('access.scope', `${what} takes the scope "${scope}"; yours is "${caller.scopes}".`)
}

/** Throws `access.scope` for a program or guest, whatever their scope: it is about being the operator. */
export function demandOperator(what: string): void {
  if ((callers.getStore()?.actor ?? OPERATOR) !== OPERATOR)
    throw new FactotumError('access.scope', `${what} is for the operator, and for nobody who acts for them.`)
}

const callers = new AsyncLocalStorage<Caller | undefined>()

/** Whoever this is done for; undefined for what the company does by itself and for the command beside it. */
export function callerNow(): Caller | undefined {
  return callers.getStore()
}

/** Does something for a caller: what it commits as the operator's own is recorded as theirs. */
export function actingFor<R>(caller: Caller, act: () => R): R {
  return callers.run(caller, act)
}

/** What goes on afterwards by itself is nobody's: the loop that a request rang works for the company. */
export function actingAlone<R>(act: () => R): R {
  return callers.getStore() === undefined ? act() : callers.run(undefined, act)
}
