import { access } from '../api.ts'

/** Who is signed in, and how one may: what `/access/state` says. */
export interface AccessState {
  readonly signedIn: boolean
  /** Nobody has set up how to sign in yet: the link of the first start does. */
  readonly firstStart: boolean
  readonly caller: { readonly actor: string; readonly scopes: string } | null
  readonly methods: readonly string[]
  /** Whether a passkey can be made and used under the name in the address; else where one could be. */
  readonly passkeys: { readonly here: boolean; readonly at: string | null }
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
