import { sql } from '../store/index.ts'

/**
 * Ephemeral context: what one run keeps while it works. It has a time to live, no history, and is physically gone
 * once it has expired and its run has ended; until then a run that is driven again still reads what it read before.
 */
export const putScratch = sql(
  `insert into scratch (run, op, key, value, expires_at) values (?, ?, ?, ?, ?) on conflict (run, op) do nothing`,
)
export const scratchOf = sql('select op, key, value, expires_at from scratch where run = ?')
export interface ScratchRow {
  readonly op: string
  readonly key: string
  readonly value: string
  readonly expires_at: number
}
