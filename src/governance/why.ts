import { FactotumError } from '../lib/errors.ts'
import type { Json } from '../lib/json.ts'
import { sql, type EventRow, type Store } from '../store/index.ts'

const newestOf = sql('select * from event where stream = ? order by seq desc limit 1')
const eventAt = sql('select * from event where seq = ?')

/** One link of the causal chain. */
export interface Link {
  readonly seq: number
  readonly at: number
  readonly kind: string
  readonly stream: string
  readonly actor: string
  /** The `seq` of the event that led to it. */
  readonly cause: number | null
  readonly body: Readonly<Record<string, Json>>
  /** Null where there is none, or it was erased. */
  readonly private: Readonly<Record<string, Json>> | null
  /** It had a private part. */
  readonly erased: boolean
}

/** A chain is as long as what happened; this only stops a ledger that was tampered with from looping. */
const MAX_LINKS = 10_000

/**
 * Why something is as it is: from what began it to its newest event, each caused by the one before. `id` is a run, an
 * effect, a gate, a signal, a decision, an entity, a conversation, or the number of an event. Throws `why.not_found`.
 */
export async function why(store: Store, id: string): Promise<Link[]> {
  const start = /^\d+$/.test(id) ? eventAt(Number(id)) : newestOf(id)
  let row = await store.first<EventRow>(start)
  if (!row)
    throw new FactotumError(
      'why.not_found',
      `Nothing is recorded under "${id}". Give the id of a run, an effect, a gate, a signal or a decision, or the number of an event.`,
    )
  const links: Link[] = []
  while (row && links.length < MAX_LINKS) {
    links.push(toLink(row))
    row = row.cause === null || row.cause >= row.seq ? undefined : await store.first<EventRow>(eventAt(row.cause))
  }
  return links.reverse()
}

export function toLink(row: EventRow): Link {
  return {
    seq: row.seq,
    at: row.at,
    kind: row.kind,
    stream: row.stream,
    actor: row.actor,
    cause: row.cause,
    body: JSON.parse(row.body) as Link['body'],
    private: row.private === null ? null : (JSON.parse(row.private) as Link['private']),
    erased: row.private === null && row.private_hash !== null,
  }
}
