import { emptyRoot, equalBytes, HASH_BYTES, isCount, nodeHash } from './merkle.ts'

const half = (n: number): number => Math.floor(n / 2)
const isOdd = (n: number): boolean => n % 2 === 1

/**
 * Whether the leaf hash at `index` is in the tree of `size` leaves with this root. The algorithm of RFC 9162 section
 * 2.1.3.2, which states how RFC 6962 proofs are checked. Never throws: whatever is malformed is not a proof.
 */
export function verifyInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!isCount(index) || !isCount(size) || index >= size || !areHashes([leaf, root, ...proof])) return false
  let node = index
  let last = size - 1
  let hash = leaf
  for (const sibling of proof) {
    if (last === 0) return false
    if (isOdd(node) || node === last) {
      hash = nodeHash(sibling, hash)
      while (!isOdd(node) && node !== 0) [node, last] = [half(node), half(last)]
    } else {
      hash = nodeHash(hash, sibling)
    }
    ;[node, last] = [half(node), half(last)]
  }
  return last === 0 && equalBytes(hash, root)
}

/**
 * Whether the tree of `size1` leaves with `root1` is the beginning of the tree of `size2` leaves with `root2`. RFC 9162
 * section 2.1.4.2. The empty tree is the beginning of every tree, with an empty proof. Never throws.
 */
export function verifyConsistency(
  size1: number,
  size2: number,
  proof: readonly Uint8Array[],
  root1: Uint8Array,
  root2: Uint8Array,
): boolean {
  if (!isCount(size1) || !isCount(size2) || size1 > size2 || !areHashes([root1, root2, ...proof])) return false
  if (size1 === size2) return proof.length === 0 && equalBytes(root1, root2)
  if (size1 === 0) return proof.length === 0 && equalBytes(root1, emptyRoot)

  let node = size1 - 1
  let last = size2 - 1
  while (isOdd(node)) [node, last] = [half(node), half(last)]
  // When the old tree is one complete subtree its root is where both climbs start, and the proof leaves it out.
  const [start, ...siblings] = node === 0 ? [root1, ...proof] : proof
  if (!start) return false
  let old = start
  let now = start
  for (const sibling of siblings) {
    if (last === 0) return false
    if (isOdd(node) || node === last) {
      old = nodeHash(sibling, old)
      now = nodeHash(sibling, now)
      while (!isOdd(node) && node !== 0) [node, last] = [half(node), half(last)]
    } else {
      now = nodeHash(now, sibling)
    }
    ;[node, last] = [half(node), half(last)]
  }
  return last === 0 && equalBytes(old, root1) && equalBytes(now, root2)
}

function areHashes(list: readonly Uint8Array[]): boolean {
  return list.every((hash) => hash.length === HASH_BYTES)
}
