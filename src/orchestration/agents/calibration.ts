import { sql, type Store } from '../../store/index.ts'
import type { Tier } from '../../context/decisions.ts'

/** How often a tier of an agent was right, of the newest decisions that somebody judged. */
export interface TrackRecord {
  readonly judged: number
  readonly agreed: number
}

/** Only the newest count, so that a tier which drifts away loses its right and one that was mended gets it back. */
const NEWEST = 100

/**
 * How many judged decisions a tier's own claim weighs as much as. Ten: after ten of them record and claim count the same.
 * At 0.8 sure enough, a tier that claims 0.9 has lost the right to decide after two corrections in a row, one that claims
 * 1 after three, and 40 kept decisions buy back ten corrections.
 */
const CLAIM_WEIGHT = 10

/**
 * What a tier's claim may be believed: the mean of a Beta posterior whose prior is the claim, with the weight of
 * `CLAIM_WEIGHT` decisions (Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.4):
 * (agreed + claimed × weight) / (judged + weight). With nothing judged it is the claim.
 */
export function calibrated(claimed: number, { judged, agreed }: TrackRecord): number {
  return (agreed + claimed * CLAIM_WEIGHT) / (judged + CLAIM_WEIGHT)
}

const newestJudged = sql(
  `select agreed from opinion where agent = ? and tier = ? and source = ? and judged_seq is not null
   order by judged_seq desc, decision limit ?`,
)

export async function trackRecord(store: Store, agent: string, tier: Tier, source: string): Promise<TrackRecord> {
  const rows = await store.read<{ agreed: number }>(newestJudged(agent, tier, source, NEWEST))
  return { judged: rows.length, agreed: rows.filter((r) => r.agreed === 1).length }
}

/** A track record in words, never as a percentage: how much of it there is matters as much as how good it is. */
export function inWords({ judged, agreed }: TrackRecord): string {
  if (judged === 0) return 'not judged yet'
  return `${agreed} of the last ${judged} kept by you`
}
