import type { AnyEventKind, EventRow, ProjectedEvent } from './events.ts'
import type { Bound } from './sql.ts'

/**
 * What an event of the ledger writes into the projections: the same that its commit wrote, but for what was erased
 * since. Undefined for a kind that this program does not know.
 */
export function replayer(kinds: readonly AnyEventKind[]): (row: EventRow) => readonly Bound[] | undefined {
  const byKind = new Map(kinds.map((k) => [k.kind, k.project]))
  return (row) => {
    const event: ProjectedEvent = {
      seq: row.seq,
      kind: row.kind,
      stream: row.stream,
      actor: row.actor,
      cause: row.cause,
      at: row.at,
      body: JSON.parse(row.body) as object,
      private: row.private === null ? null : (JSON.parse(row.private) as object),
    }
    return byKind.get(row.kind)?.(event as never)
  }
}
