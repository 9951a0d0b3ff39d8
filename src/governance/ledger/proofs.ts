import { FactotumError } from '../../lib/errors.ts'
import { isCount, nodeHash } from './merkle.ts'

/** The hash of the complete subtree `index` of `level`, over the leaves `index * 2^level` to `(index + 1) * 2^level`. */
export type ReadNode = (level: number, index: number) => Uint8Array | Promise<Uint8Array>

/**
 * The hashes that, with the leaf, give the root of the tree of `size` leaves: RFC 6962 section 2.1.1, `PATH(m, D[n])`,
 * nearest sibling first. Throws `ledger.proof_range` unless `0 <= index < size`; what `readNode` throws passes through.
 */
export async function inclusionProof(index: number, size: number, readNode: ReadNode): Promise<Uint8Array[]> {
  if (!isCount(index) || !isCount(size) || index >= size) {
    throw new FactotumError(
      'ledger.proof_range',
      `There is no event ${index} in a ledger of ${size} events. Choose one below ${size}, or wait for the next checkpoint.`,
    )
  }
  return path(index, 0, size, readNode)
}

/**
 * The hashes that show that the tree of `size1` leaves is the beginning of the tree of `size2`: RFC 6962 section 2.1.2,
 * `PROOF(m, D[n])`. Empty when either size needs none. Throws `ledger.proof_range` unless `0 <= size1 <= size2`.
 */
export async function consistencyProof(size1: number, size2: number, readNode: ReadNode): Promise<Uint8Array[]> {
  if (!isCount(size1) || !isCount(size2) || size1 > size2) {
    throw new FactotumError(
      'ledger.proof_range',
      `A ledger of ${size1} events cannot be the beginning of one of ${size2}. Give the older size first.`,
    )
  }
  return size1 === 0 ? [] : subproof(size1, 0, size2, true, readNode)
}

async function path(index: number, from: number, to: number, read: ReadNode): Promise<Uint8Array[]> {
  if (to - from === 1) return []
  const middle = split(from, to)
  return index < middle
    ? [...(await path(index, from, middle, read)), await rangeRoot(middle, to, read)]
    : [...(await path(index, middle, to, read)), await rangeRoot(from, middle, read)]
}

/** `isOld` while the range still begins where the old tree does: the verifier has that root and needs no copy of it. */
async function subproof(m: number, from: number, to: number, isOld: boolean, read: ReadNode): Promise<Uint8Array[]> {
  if (m === to) return isOld ? [] : [await rangeRoot(from, to, read)]
  const middle = split(from, to)
  return m <= middle
    ? [...(await subproof(m, from, middle, isOld, read)), await rangeRoot(middle, to, read)]
    : [...(await subproof(m, middle, to, false, read)), await rangeRoot(from, middle, read)]
}

/** Ranges come from `split`, so one whose width is a power of two is a complete subtree at a whole index. */
async function rangeRoot(from: number, to: number, read: ReadNode): Promise<Uint8Array> {
  const width = to - from
  const level = Math.round(Math.log2(width))
  if (2 ** level === width) return read(level, from / width)
  const middle = split(from, to)
  return nodeHash(await rangeRoot(from, middle, read), await rangeRoot(middle, to, read))
}

/** RFC 6962 splits a range after the largest power of two that is smaller than its width. */
function split(from: number, to: number): number {
  let k = 1
  while (k * 2 < to - from) k *= 2
  return from + k
}
