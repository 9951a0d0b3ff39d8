import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

/** Who a company is to push services: they take messages from whom the browser subscribed to, and from nobody else. */
export interface PushKey {
  /** What browsers subscribe to: a point of P-256, uncompressed, base64url. */
  readonly text: string
  readonly key: KeyObject
}

/** A key as it is kept: PEM. */
export function newPushKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().trim()
}

export function parsePushKey(pem: string): PushKey {
  const key = createPrivateKey(pem)
  const { x = '', y = '' } = createPublicKey(key).export({ format: 'jwk' })
  const point = [Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]
  return { text: Buffer.concat(point).toString('base64url'), key }
}

/** RFC 8292, 2: at most 24 hours. */
const GOOD_FOR_S = 12 * 3_600
export interface Signing {
  readonly endpoint: string
  /** How the push service reaches whoever sends too much, https: or mailto: (RFC 8292, 2.1); null: not said. */
  readonly contact: string | null
  /** Epoch ms. */
  readonly now: number
}

/** The `Authorization` of one message to one push service (RFC 8292). */
export function authorization({ key, text }: PushKey, { endpoint, contact, now }: Signing): string {
  const part = (of: object) => Buffer.from(JSON.stringify(of)).toString('base64url')
  const claims = {
    aud: new URL(endpoint).origin,
    exp: Math.floor(now / 1_000) + GOOD_FOR_S,
    ...(contact === null ? {} : { sub: contact }),
  }
  const said = `${part({ typ: 'JWT', alg: 'ES256' })}.${part(claims)}`
  const signature = sign('sha256', Buffer.from(said), { key, dsaEncoding: 'ieee-p1363' })
  return `vapid t=${said}.${signature.toString('base64url')}, k=${text}`
}
