import { FactotumError } from '../../lib/errors.ts'
import { NODE_LEVEL_STEP } from './frontier.ts'
import { foldComplete } from './merkle.ts'
import type { ReadNode } from './proofs.ts'

/** What a store keeps of the tree. Both ranges are half open, `from` to `to`, and answered in order. */
export type SubtreeRows = Readonly<{
  /** Leaf hashes of the events `from` to `to`: at most 128 of them a call. */
  leaves: (from: number, to: number) => Promise<readonly Uint8Array[]>
  /** Kept hashes of a level that is a multiple of 8, as `OnNode` gave them: at most 128 of them a call. */
  nodes: (level: number, from: number, to: number) => Promise<readonly Uint8Array[]>
}>

/**
 * Answers the hash of any complete subtree from the leaves and every eighth level. Throws `ledger.node_missing` when the
 * store has fewer rows than the tree needs: the proof was asked for beyond what is sealed, or rows are gone.
 */
export function subtreeReader(rows: SubtreeRows): ReadNode {
  return async (level, index) => {
    const depth = level % NODE_LEVEL_STEP
    const stored = level - depth
    const from = index * 2 ** depth
    const to = from + 2 ** depth
    const hashes = stored === 0 ? await rows.leaves(from, to) : await rows.nodes(stored, from, to)
    if (hashes.length !== to - from) {
      throw new FactotumError(
        'ledger.node_missing',
        `The ledger has ${hashes.length} of the ${to - from} hashes ${from} to ${to - 1} at level ${stored}. Ask for a proof at a sealed size, and run "factotum ledger verify".`,
        { metadata: { level: stored, from, to } },
      )
    }
    return foldComplete(hashes)
  }
}
