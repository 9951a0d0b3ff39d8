import { FactotumError } from '../../lib/errors.ts'
import { emptyRoot, HASH_BYTES, isCount, nodeHash } from './merkle.ts'

/**
 * A complete subtree that is worth keeping: `level` 8, 16, 24, …, `index` counted from the left within the level, so it
 * covers the leaves from `index * 2^level` up to, not including, `(index + 1) * 2^level`.
 */
export type OnNode = (level: number, index: number, hash: Buffer) => void

/**
 * Levels are kept in steps of this many. Level 0 is the leaves, which are stored with their events; with one more row
 * for every 256 of them a proof reads a few hundred hashes at most, whatever the size of the ledger.
 */
export const NODE_LEVEL_STEP = 8

/**
 * The right edge of a growing RFC 6962 tree: the roots of the complete subtrees that its leaves fall into, one for each
 * 1 in the binary form of `size` (a "compact range"). It is all that is needed to append leaves and to know the root.
 */
export class Frontier {
  #size = 0
  /** Left to right, which is largest subtree first. */
  #roots: Buffer[] = []
  readonly #onNode: OnNode | undefined

  constructor(onNode?: OnNode) {
    this.#onNode = onNode
  }

  /**
   * Resumes from what `toBuffer` returned at that size. `onNode` is called for subtrees completed from now on.
   * Throws `ledger.frontier_invalid` when the bytes cannot belong to a tree of this size.
   */
  static from(size: number, bytes: Uint8Array, onNode?: OnNode): Frontier {
    if (!isCount(size) || bytes.length !== ones(size) * HASH_BYTES) {
      throw new FactotumError(
        'ledger.frontier_invalid',
        `The saved tree edge has ${bytes.length} bytes, which a ledger of ${size} events cannot have. Delete it: it is rebuilt from the leaves.`,
      )
    }
    const frontier = new Frontier(onNode)
    const copy = Buffer.from(bytes)
    frontier.#size = size
    for (let at = 0; at < copy.length; at += HASH_BYTES) frontier.#roots.push(copy.subarray(at, at + HASH_BYTES))
    return frontier
  }

  /** The number of leaves so far, which is also the index of the next. */
  get size(): number {
    return this.#size
  }

  /** Appends a leaf hash (32 bytes, see `leafHash`). Throws `ledger.hash_invalid` for any other length. */
  append(leaf: Uint8Array): void {
    if (leaf.length !== HASH_BYTES) {
      throw new FactotumError(
        'ledger.hash_invalid',
        `A leaf hash is 32 bytes; the one of event ${this.#size} is ${leaf.length}. Run "factotum ledger verify" to find the damaged row.`,
      )
    }
    let node = Buffer.from(leaf.buffer, leaf.byteOffset, HASH_BYTES)
    let level = 0
    // Each trailing 1 of the size is a complete subtree that the new node completes into the next larger one.
    for (let index = this.#size; index % 2 === 1; index = (index - 1) / 2) {
      node = nodeHash(this.#roots.pop()!, node)
      level++
      if (level % NODE_LEVEL_STEP === 0) this.#onNode?.(level, (index - 1) / 2, node)
    }
    this.#roots.push(node)
    this.#size++
  }

  /** The tree's root, `MTH(D[size])` of RFC 6962 section 2.1. */
  root(): Buffer {
    let root = this.#roots.at(-1)
    if (!root) return emptyRoot
    for (let i = this.#roots.length - 2; i >= 0; i--) root = nodeHash(this.#roots[i]!, root)
    return root
  }

  /** 32 bytes for each subtree root, left to right (largest subtree first). Keep `size` beside it. */
  toBuffer(): Buffer {
    return Buffer.concat(this.#roots)
  }
}

function ones(n: number): number {
  let count = 0
  for (let rest = n; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2
  return count
}
