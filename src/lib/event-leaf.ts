/** How an event becomes a leaf of the ledger's tree. These bytes are a format for ever: a change needs a new prefix. */
import { hash } from 'node:crypto'
import { FactotumError } from './errors.ts'

/** What of an event is under the signature. Erasing its private part changes none of it. */
export type LeafEvent = Readonly<{
  /** From 0, dense: also the leaf's index. */
  seq: number
  key: string | null
  kind: string
  stream: string
  actor: string
  /** The `seq` of the event that led to this one. */
  cause: number | null
  /** Epoch milliseconds. */
  at: number
  /** JSON text exactly as stored; it is hashed as a string and never parsed. */
  body: string
  /** What `privateHash` gave, or null when the event has no private part. */
  privateHash: string | null
}>

/** A salt is always this long: with a free length, bytes could move between salt and text without changing the hash. */
export const SALT_BYTES = 16

/**
 * The canonical text of an event: a JSON array, so that no field can run into the next; hashed as UTF-8.
 *
 * Numbers must be safe integers, as the store guarantees. Measured (Node 26, 2 cores, 419-byte event): one
 * `JSON.stringify` of the array 0.87 µs; concatenating `JSON.stringify` of each field 1.25 µs, of only the fields that
 * may need escapes 0.92 µs.
 */
export function eventBytes(e: LeafEvent): string {
  return JSON.stringify(['factotum/1', e.seq, e.key, e.kind, e.stream, e.actor, e.cause, e.at, e.body, e.privateHash])
}

/**
 * The leaf hash of an event, 32 bytes. Measured with `eventBytes`: 3.9 µs in one shot over the prefixed string; the same
 * through a reused scratch buffer; 4.3 µs through `Buffer.from`; 5.3 µs through `createHash`.
 */
export function eventLeaf(e: LeafEvent): Buffer {
  // RFC 6962 section 2.1: a leaf's hash starts with a zero byte.
  return sha256('\0' + eventBytes(e))
}

/**
 * SHA-256, 32 bytes. By way of latin1 text: 1.5 µs for an event, where asking for a buffer is 2.4 µs and leaves the
 * collector an ArrayBuffer of its own for each.
 */
export function sha256(data: string | Uint8Array): Buffer {
  return Buffer.from(hash('sha256', data, 'latin1'), 'latin1')
}

/**
 * Base64 of SHA-256(salt || UTF-8 of the private text). Throws `ledger.salt_invalid` unless the salt is 16 bytes, and
 * `ledger.text_invalid` for lone surrogates, which UTF-8 cannot tell apart. Measured 1.8 µs; 2.4 µs with `createHash`.
 */
export function privateHash(salt: Uint8Array, text: string): string {
  if (salt.length !== SALT_BYTES) {
    throw new FactotumError(
      'ledger.salt_invalid',
      `The salt of a private part is ${SALT_BYTES} random bytes, not ${salt.length}. Make it with randomBytes(${SALT_BYTES}).`,
    )
  }
  if (!text.isWellFormed()) {
    throw new FactotumError(
      'ledger.text_invalid',
      'The private part has half a surrogate pair, which cannot be stored as UTF-8. Write it as JSON, which escapes it.',
    )
  }
  if (text.length > MAX_SCRATCH_CHARS) return hash('sha256', Buffer.concat([salt, Buffer.from(text)]), 'base64')
  scratch.set(salt)
  const end = SALT_BYTES + scratch.write(text, SALT_BYTES)
  return hash('sha256', scratch.subarray(0, end), 'base64')
}

/** Most texts fit in here: hashing is synchronous, and reusing it saves a third of a microsecond and two buffers. */
const MAX_SCRATCH_CHARS = 4_096
/** A UTF-16 unit is at most three bytes of UTF-8. */
const scratch = Buffer.alloc(SALT_BYTES + 3 * MAX_SCRATCH_CHARS)
