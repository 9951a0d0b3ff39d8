import { errorMessage } from '../../lib/errors.ts'
import type { OpenCompany } from '../open.ts'

/** Snapshots within reach that were made before an erasure, and so may hold what it erases. */
export interface EarlierSnapshots {
  /** Where they are kept; null where that cannot be reached. */
  readonly to: string | null
  readonly names: readonly string[]
  /** Those that were deleted for it. */
  readonly removed: readonly string[]
  /** Why they could not be listed, or could not all be deleted. */
  readonly problem: string | null
}

/** Before an erasure that is about to be: all there are. */
export function snapshotsNow(c: OpenCompany): Promise<EarlierSnapshots> {
  return listed(c, () => true)
}

/**
 * After it. With `remove` they are deleted, once a new one is there in their place. What is erased is erased, whatever
 * becomes of this.
 */
export async function snapshotsBefore(c: OpenCompany, remove: boolean): Promise<EarlierSnapshots> {
  const held = await listed(c, (one) => one.erasedSince)
  if (!remove || held.names.length === 0) return held
  let problem: string | null = null
  try {
    await c.snapshots.create()
    await c.snapshots.removeErased()
  } catch (error) {
    problem = errorMessage(error)
  }
  const left = await listed(c, (one) => one.erasedSince)
  const removed = left.problem === null ? held.names.filter((name) => !left.names.includes(name)) : []
  return { ...left, removed, problem: problem ?? left.problem }
}

async function listed(c: OpenCompany, which: (one: { erasedSince: boolean }) => boolean): Promise<EarlierSnapshots> {
  try {
    const { to, snapshots } = await c.snapshots.list()
    return { to, names: snapshots.filter(which).map((one) => one.name), removed: [], problem: null }
  } catch (error) {
    return { to: null, names: [], removed: [], problem: errorMessage(error) }
  }
}
