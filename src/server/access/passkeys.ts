import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import { randomBytes } from 'node:crypto'
import { addPasskey, credentials, passkey, passkeyUsed } from '../../governance/access/credentials.ts'
import { FactotumError } from '../../lib/errors.ts'
import type { Store } from '../../store/index.ts'

/** A challenge is answered within this, once. */
const CHALLENGE_MS = 300_000
const MAX_CHALLENGES = 1_000

interface Kept {
  readonly key: string
  readonly transports: readonly string[]
}

/** Where a passkey is for: the name that it is bound to, and the origins that may use it. */
export interface Party {
  readonly name: string
  readonly host: string
  readonly origins: readonly string[]
}

/** Passkeys (WebAuthn level 3) of the operator. The verifier is loaded when somebody first uses one. */
export class Passkeys {
  readonly #store: Store
  readonly #challenges = new Map<string, number>()

  constructor(store: Store) {
    this.#store = store
  }

  /** A name is what a passkey is bound to: an address cannot be one (WebAuthn level 3, 5.1.3). */
  static possible(host: string): boolean {
    return !/^[\d.]+$/.test(host) && !host.includes(':')
  }

  async registration({ name, host }: Party) {
    const { generateRegistrationOptions } = await import('@simplewebauthn/server')
    const known = (await credentials(this.#store)).filter((c) => c.kind === 'passkey')
    return generateRegistrationOptions({
      rpName: name,
      rpID: host,
      userName: `operator of ${name}`,
      userID: new TextEncoder().encode(this.#store.companyId),
      challenge: this.#challenge(),
      attestationType: 'none',
      excludeCredentials: known.map((c) => ({ id: c.id })),
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    })
  }

  /** Throws `access.bad_passkey`, `access.too_many`. */
  async register(response: RegistrationResponseJSON, name: string, { host, origins }: Party): Promise<void> {
    const { verifyRegistrationResponse } = await import('@simplewebauthn/server')
    const { registrationInfo } = await verifyRegistrationResponse({
      response,
      expectedChallenge: (challenge) => this.#answered(challenge),
      expectedOrigin: [...origins],
      expectedRPID: host,
      requireUserVerification: true,
    }).catch((cause: unknown) => {
      throw notGood(cause)
    })
    if (!registrationInfo) throw notGood()
    const { credential } = registrationInfo
    const kept: Kept = {
      key: Buffer.from(credential.publicKey).toString('base64url'),
      transports: credential.transports ?? [],
    }
    await addPasskey(this.#store, { id: credential.id, secret: JSON.stringify(kept), uses: credential.counter, name })
  }

  /** Which passkeys there are is not told: the authenticator finds its own. */
  async options({ host }: Party) {
    const { generateAuthenticationOptions } = await import('@simplewebauthn/server')
    return generateAuthenticationOptions({ rpID: host, challenge: this.#challenge(), userVerification: 'required' })
  }

  /** Whether this is the operator. */
  async verify(response: AuthenticationResponseJSON, { host, origins }: Party): Promise<boolean> {
    const row = await passkey(this.#store, response.id)
    if (!row) return false
    const { verifyAuthenticationResponse } = await import('@simplewebauthn/server')
    const { key } = JSON.parse(row.secret) as Kept
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response,
      expectedChallenge: (challenge) => this.#answered(challenge),
      expectedOrigin: [...origins],
      expectedRPID: host,
      credential: { id: row.id, publicKey: new Uint8Array(Buffer.from(key, 'base64url')), counter: row.uses },
      requireUserVerification: true,
    }).catch(() => ({ verified: false as const, authenticationInfo: null }))
    if (!verified) return false
    await passkeyUsed(this.#store, row.id, authenticationInfo.newCounter)
    return true
  }

  #challenge(): Uint8Array<ArrayBuffer> {
    const challenge = new Uint8Array(randomBytes(32))
    this.#challenges.set(Buffer.from(challenge).toString('base64url'), this.#store.clock.now() + CHALLENGE_MS)
    if (this.#challenges.size > MAX_CHALLENGES) this.#challenges.delete(this.#challenges.keys().next().value!)
    return challenge
  }

  #answered(challenge: string): boolean {
    const until = this.#challenges.get(challenge)
    this.#challenges.delete(challenge)
    return until !== undefined && until > this.#store.clock.now()
  }
}

function notGood(cause?: unknown): FactotumError {
  return new FactotumError(
    'access.bad_passkey',
    'That passkey could not be checked. Try again, and answer within five minutes.',
    { cause },
  )
}
