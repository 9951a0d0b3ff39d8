import { createDecipheriv, createECDH, hkdfSync, randomBytes } from 'node:crypto'
import type { ReceiverKeys } from './encrypt.ts'

/** A browser's half of a subscription, written from RFC 8291 and RFC 8188 beside what encrypts. */
export class Receiver {
  readonly #ecdh = createECDH('prime256v1')
  readonly #auth: Buffer

  constructor(privateKey?: string, auth?: string) {
    if (privateKey === undefined) this.#ecdh.generateKeys()
    else this.#ecdh.setPrivateKey(Buffer.from(privateKey, 'base64url'))
    this.#auth = auth === undefined ? randomBytes(16) : Buffer.from(auth, 'base64url')
  }

  get keys(): ReceiverKeys {
    return { p256dh: this.#ecdh.getPublicKey().toString('base64url'), auth: this.#auth.toString('base64url') }
  }

  /** Throws where it is not for this one, or is not whole. */
  read(body: Buffer): string {
    const idLength = body[20]!
    const [salt, sender] = [body.subarray(0, 16), body.subarray(21, 21 + idLength)]
    const record = body.subarray(21 + idLength)
    if (record.length > body.readUInt32BE(16)) throw new Error('more than one record')
    const info = Buffer.concat([Buffer.from('WebPush: info\0'), this.#ecdh.getPublicKey(), sender])
    const agreed = Buffer.from(hkdfSync('sha256', this.#ecdh.computeSecret(sender), this.#auth, info, 32))
    const derive = (what: string, length: number) =>
      Buffer.from(hkdfSync('sha256', agreed, salt, Buffer.from(`Content-Encoding: ${what}\0`), length))
    const cipher = createDecipheriv('aes-128-gcm', derive('aes128gcm', 16), derive('nonce', 12))
    cipher.setAuthTag(record.subarray(-16))
    const padded = Buffer.concat([cipher.update(record.subarray(0, -16)), cipher.final()])
    const end = padded.findLastIndex((byte) => byte !== 0)
    if (padded[end] !== 2) throw new Error('not the last record')
    return padded.subarray(0, end).toString()
  }
}
