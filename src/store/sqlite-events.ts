/** Reading the ledger's rows in bulk. */
import type { StatementSync } from 'node:sqlite'
import { setImmediate as turn } from 'node:timers/promises'
import type { EventRow } from './events.ts'
import { sql } from './sql.ts'

/** Between two reads everybody else has a turn: what a driver reads in one go stops the whole process. */
export const EVENTS_PER_READ = 200
export const eventRange = sql(
  `select seq, key, kind, stream, actor, cause, at, body, private, salt, private_hash, leaf
   from event where seq >= ? and seq < ? order by seq`,
)().statement

type EventFields = [
  seq: number,
  key: string | null,
  kind: string,
  stream: string,
  actor: string,
  cause: number | null,
  at: number,
  body: string,
  text: string | null,
  salt: Uint8Array | null,
  private_hash: string | null,
  leaf: Uint8Array,
]

/**
 * The events from `from` up to, not including, `to`. As arrays: the objects that the driver makes have no fixed shape, and
 * reading and copying those took a third of the time of a snapshot.
 */
export function eventRows(range: StatementSync, from: number, to: number): EventRow[] {
  range.setReturnArrays(true)
  const rows = range.all(from, to) as unknown as EventFields[]
  return rows.map(([seq, key, kind, stream, actor, cause, at, body, text, salt, private_hash, leaf]): EventRow => ({
    seq,
    key,
    kind,
    stream,
    actor,
    cause,
    at,
    body,
    private: text,
    salt,
    private_hash,
    leaf,
  }))
}

export async function* readEvents(range: StatementSync, from: number, to: number): AsyncGenerator<EventRow[]> {
  for (let at = from; at < to; at += EVENTS_PER_READ) {
    if (at > from) await turn()
    yield eventRows(range, at, Math.min(to, at + EVENTS_PER_READ))
  }
}
