import { createCipheriv, createECDH, hkdfSync, randomBytes, type ECDH } from 'node:crypto'

/** What a browser gives to whoever may send to it, base64url (W3C Push API, `PushSubscription.getKey`). */
export interface ReceiverKeys {
  /** A point of P-256, uncompressed: 65 bytes. */
  readonly p256dh: string
  /** 16 bytes that only the two know. */
  readonly auth: string
}

const CURVE = 'prime256v1'
const POINT_BYTES = 65
const AUTH_BYTES = 16
/** One record, and all of it filled: how long a message is says nothing of what it says. */
const RECORD_BYTES = 2_048
const TAG_BYTES = 16
/** Of the text, before the delimiter and what fills it up. */
export const MAX_TEXT_BYTES = RECORD_BYTES - TAG_BYTES - 1

/** Whether a browser's keys are such: a point on the curve, and a secret of the right length. */
export function areKeys({ p256dh, auth }: ReceiverKeys): boolean {
  const point = Buffer.from(p256dh, 'base64url')
  if (point.length !== POINT_BYTES || point[0] !== 4 || Buffer.from(auth, 'base64url').length !== AUTH_BYTES)
    return false
  try {
    const ecdh = createECDH(CURVE)
    ecdh.generateKeys()
    ecdh.computeSecret(point)
    return true
  } catch {
    return false
  }
}

/** Of a message; given only where a test checks them against the RFC. */
export interface Chosen {
  readonly sender?: ECDH
  readonly salt?: Uint8Array
  readonly recordBytes?: number
}

/**
 * A message for one browser and nobody else: `aes128gcm` (RFC 8188) with keys agreed as RFC 8291 says. The push service that
 * carries it sees neither what it says nor how long that is. Throws where the text is longer than `MAX_TEXT_BYTES`.
 */
export function encrypt(text: string, keys: ReceiverKeys, chosen: Chosen = {}): Buffer {
  const receiver = Buffer.from(keys.p256dh, 'base64url')
  const sender = chosen.sender ?? createECDH(CURVE)
  if (!chosen.sender) sender.generateKeys()
  const salt = chosen.salt ?? randomBytes(16)
  const recordBytes = chosen.recordBytes ?? RECORD_BYTES
  const own = sender.getPublicKey()
  // RFC 8291, 3.4: what both agree on, with the secret that the push service does not have.
  const agreed = hkdf(
    sender.computeSecret(receiver),
    Buffer.from(keys.auth, 'base64url'),
    Buffer.concat([Buffer.from('WebPush: info\0'), receiver, own]),
    32,
  )
  const key = hkdf(agreed, salt, Buffer.from('Content-Encoding: aes128gcm\0'), 16)
  const nonce = hkdf(agreed, salt, Buffer.from('Content-Encoding: nonce\0'), 12)
  const plain = Buffer.from(text)
  const room = recordBytes - TAG_BYTES - 1 - plain.length
  if (room < 0) throw new RangeError(`A message has at most ${MAX_TEXT_BYTES} bytes.`)
  const cipher = createCipheriv('aes-128-gcm', key, nonce)
  // 2: the last record (RFC 8188, 2). What follows it is nothing but length.
  const filled = chosen.recordBytes === undefined ? Buffer.alloc(room) : Buffer.alloc(0)
  const sealed = [cipher.update(Buffer.concat([plain, Buffer.of(2), filled])), cipher.final(), cipher.getAuthTag()]
  const size = Buffer.alloc(4)
  size.writeUInt32BE(recordBytes)
  return Buffer.concat([salt, size, Buffer.of(own.length), own, ...sealed])
}

function hkdf(key: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, info, length))
}
