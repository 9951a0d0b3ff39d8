import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { addPasskey, credentials, passkey, passkeyUsed } from '../../governance/access/credentials.ts'
import { FactotumError } from '../../lib/errors.ts'
import type { Store } from '../../store/index.ts'

/** A challenge is answered within this, once. */
const CHALLENGE_MS = 300_000
const NONCE_BYTES = 16
const TIME_BYTES = 8

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
  /**
   * A challenge says until when it holds, sealed by this: anybody may ask for one, and nothing is kept of those that nobody
   * answers.
   */
  readonly #seal = randomBytes(32)
  readonly #used = new Map<string, number>()

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
    this.#spent(response.response.clientDataJSON)
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
    this.#spent(response.response.clientDataJSON)
    await passkeyUsed(this.#store, row.id, authenticationInfo.newCounter)
    return true
  }

  #challenge(): Uint8Array<ArrayBuffer> {
    const until = Buffer.alloc(TIME_BYTES)
    until.writeBigUInt64BE(BigInt(this.#store.clock.now() + CHALLENGE_MS))
    const said = Buffer.concat([randomBytes(NONCE_BYTES), until])
    return new Uint8Array(Buffer.concat([said, this.#sealOf(said)]))
  }

  #answered(challenge: string): boolean {
    const bytes = Buffer.from(challenge, 'base64url')
    const said = bytes.subarray(0, NONCE_BYTES + TIME_BYTES)
    const sealed = bytes.subarray(said.length)
    const seal = this.#sealOf(said)
    if (sealed.length !== seal.length || !timingSafeEqual(sealed, seal)) return false
    return Number(said.readBigUInt64BE(NONCE_BYTES)) > this.#store.clock.now() && !this.#used.has(challenge)
  }

  /** What was answered well is answered. */
  #spent(clientDataJSON: string): void {
    const now = this.#store.clock.now()
    for (const [challenge, until] of this.#used) if (until <= now) this.#used.delete(challenge)
    const { challenge } = JSON.parse(Buffer.from(clientDataJSON, 'base64url').toString()) as { challenge: string }
    this.#used.set(challenge, now + CHALLENGE_MS)
  }

  #sealOf(said: Uint8Array): Buffer {
    return createHmac('sha256', this.#seal).update(said).digest()
  }
}

function notGood(cause?: unknown): FactotumError {
  return new FactotumError(
    'access.bad_passkey',
    'That passkey could not be checked. Try again, and answer within five minutes.',
    { cause },
  )
}
