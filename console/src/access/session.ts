import type { OperationName } from '../../../src/client.ts'
import { access, queries } from '../api.ts'

/** Who is signed in, and how one may: what `/access/state` says. */
export interface AccessState {
  readonly signedIn: boolean
  /** Nobody has set up how to sign in yet: the link of the first start does. */
  readonly firstStart: boolean
  readonly caller: { readonly actor: string; readonly scopes: string; readonly may: readonly string[] } | null
  readonly methods: readonly string[]
  /** Whether a passkey can be made and used under the name in the address; else where one could be. */
  readonly passkeys: { readonly here: boolean; readonly at: string | null }
}

/** Where the answer of `/access/state` is kept. */
export const STATE = ['access/state']

function caller(): AccessState['caller'] {
  return queries.getQueryData<AccessState>(STATE)?.caller ?? null
}

/** Whether whoever is signed in may ask for it: nothing else is offered. */
export function mayAsk(operation: OperationName): boolean {
  return caller()?.may.includes(operation) ?? false
}

/** A guest looks, and has no factotum command. */
export function isGuest(): boolean {
  return caller()?.actor.startsWith('guest:') ?? true
}

export async function signOut(): Promise<void> {
  await access('sign-out', {})
  location.assign('/')
}

/** The one-time key in the address after `#`: it is never sent in a request line, and leaves the address at once. */
export function keyInAddress(hash: string): string | null {
  const key = new URLSearchParams(hash.replace(/^#/, '')).get('key')
  return key === null || key === '' ? null : key
}
