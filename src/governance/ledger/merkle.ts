/**
 * SHA-256 hashing of RFC 6962 Merkle trees (section 2.1). A leaf and an inner node are hashed with different first
 * bytes, so that one can never be passed off as the other.
 */
import { FactotumError } from '../../lib/errors.ts'
import { sha256 } from '../../lib/event-leaf.ts'

/** Every hash in the ledger is this long. */
export const HASH_BYTES = 32

/** The root of a tree with no leaves: the hash of nothing. */
export const emptyRoot: Buffer = sha256('')

// One preimage buffer for all inner nodes: hashing is synchronous, and reusing it measured 1.9 µs against 2.4 µs with
// `Buffer.concat`.
const preimage = Buffer.alloc(1 + 2 * HASH_BYTES, 1)

/** `SHA-256(0x00 || data)`, 32 bytes. A string is hashed as UTF-8; a lone surrogate in it would become U+FFFD. */
export function leafHash(data: Uint8Array | string): Buffer {
  if (typeof data === 'string') return sha256('\0' + data)
  const bytes = Buffer.alloc(1 + data.length)
  bytes.set(data, 1)
  return sha256(bytes)
}

/** `SHA-256(0x01 || left || right)`, 32 bytes. Throws `ledger.hash_invalid` unless both are 32 bytes. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  if (left.length !== HASH_BYTES || right.length !== HASH_BYTES) {
    throw new FactotumError(
      'ledger.hash_invalid',
      `A tree node joins two hashes of 32 bytes; these are ${left.length} and ${right.length}. Run "factotum ledger verify" to find the damaged row.`,
    )
  }
  preimage.set(left, 1)
  preimage.set(right, 1 + HASH_BYTES)
  return sha256(preimage)
}

/** Whether two byte strings are equal. Roots and leaves are public: nothing here needs constant time. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

/** Whether `n` can count leaves: a whole number from 0 to 2^53 - 1. Beyond 2^31, JavaScript's bit operators lie. */
export function isCount(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0
}

/** The root of a complete subtree from the hashes of one level of it, left to right. Their number is a power of two. */
export function foldComplete(hashes: readonly Uint8Array[]): Uint8Array {
  let row = hashes
  while (row.length > 1) {
    const above: Uint8Array[] = []
    for (let i = 0; i < row.length; i += 2) above.push(nodeHash(row[i]!, row[i + 1]!))
    row = above
  }
  return row[0]!
}
