import type { Guard } from './engine.ts'
import { sql } from './sql.ts'

/**
 * The one change that the ledger allows: private parts go, together with their salts. The hash of each stays, so that its
 * leaf verifies. For the commit that records which ones: whoever verifies accepts exactly those.
 */
export const erasePrivate = sql('update event set private = null, salt = null where seq between ? and ?')

const endsAt = sql('select 1 as ok where (select coalesce(max(seq) + 1, 0) from event) = ?')

/** Nothing was recorded since the ledger had this many events. */
export function nothingSince(events: number): Guard {
  return { check: endsAt(events), code: 'store.moved_on', message: 'Something was recorded in the meantime.' }
}
