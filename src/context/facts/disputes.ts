import type { Json } from '../../lib/json.ts'
import { eventKind, sql, type Guard, type Store } from '../../store/index.ts'
import type { Trust } from '../signals.ts'
import type { QuoteSpan } from './events.ts'
import type { FactRow } from './rows.ts'

/** What somebody says against what is believed: another value, that it ended, that it never was; or two that were merged. */
export type Says = 'value' | 'end' | 'retract' | 'merge'

export interface ConflictRow {
  readonly id: string
  readonly entity: string
  readonly attribute: string
  readonly slot: string
  readonly says: Says
  readonly state: 'open' | 'settled'
  /** JSON: ids of the fact versions that it contradicts. */
  readonly against: string
  readonly rival: string | null
  readonly value: string | null
  readonly reason: string | null
  readonly valid_from: number
  readonly valid_to: number | null
  readonly trust: Trust
  readonly actor: string
  readonly maker: string
  readonly source: string | null
  readonly span: string | null
  readonly digest: string
  readonly gate: string | null
  readonly opened_at: number
  readonly opened_seq: number
  readonly outcome: string | null
  readonly settled_by: string | null
  readonly settled_seq: number | null
}

export interface Disputed {
  readonly conflict: string
  readonly attribute: string
  readonly slot: string
  readonly says: Says
  readonly against: readonly string[]
  readonly rival: string | null
  readonly validFrom: number
  readonly validTo: number | null
  readonly trust: Trust
  readonly maker: string
  readonly source: string | null
  readonly span: QuoteSpan | null
  readonly digest: string
  /** Null: the attribute's rule settled it, in favour of what is believed. */
  readonly gate: string | null
}

const insertConflict = sql(
  `insert into conflict (id, entity, attribute, slot, says, state, against, rival, value, reason, valid_from, valid_to,
     trust, actor, maker, source, span, digest, gate, opened_at, opened_seq, outcome, settled_by, settled_seq)
   values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
)
const settleConflict = sql(
  `update conflict set state = 'settled', outcome = ?, settled_by = ?, settled_seq = ? where id = ?`,
)

/** Somebody contradicts what is believed and may not replace it: it stands, and the operator is asked. */
export const factDisputed = eventKind<Disputed, { readonly value: Json; readonly reason: string | null }>(
  'fact.disputed@1',
  (e) => {
    const { body: b, private: secret } = e
    const ruled = b.gate === null
    return [
      insertConflict(
        b.conflict,
        e.stream,
        b.attribute,
        b.slot,
        b.says,
        ruled ? 'settled' : 'open',
        JSON.stringify(b.against),
        b.rival,
        secret && JSON.stringify(secret.value),
        secret?.reason,
        b.validFrom,
        b.validTo,
        b.trust,
        e.actor,
        b.maker,
        b.source,
        b.span && JSON.stringify(b.span),
        b.digest,
        b.gate,
        e.at,
        e.seq,
        ruled ? 'rule' : null,
        ruled ? 'system' : null,
        ruled ? e.seq : null,
      ),
    ]
  },
)

/** The operator decided it, or it is no longer a question. */
export const conflictSettled = eventKind<{ readonly conflict: string; readonly outcome: string }>(
  'fact.settled@1',
  (e) => [settleConflict(e.body.outcome, e.actor, e.seq, e.body.conflict)],
)

const conflictById = sql('select * from conflict where id = ?')
const sameOpen = sql(`select id from conflict where entity = ? and digest = ? and state = 'open'`)
const sameRuled = sql(`select id from conflict where entity = ? and digest = ? and outcome = 'rule' limit 1`)
const noneOpen = sql(
  `select 1 as ok where not exists (select 1 from conflict where entity = ? and digest = ? and state = 'open')`,
)
const stillOpen = sql(`select 1 as ok from conflict where id = ? and state = 'open'`)
const conflictsOf = sql('select * from conflict where entity = ? order by opened_seq')

export function getConflict(store: Store, id: string): Promise<ConflictRow | undefined> {
  return store.first<ConflictRow>(conflictById(id))
}

/** The same is asked already, or the same rule has answered it. */
export async function isAsked(store: Store, entity: string, digest: string): Promise<boolean> {
  return ((await store.first(sameOpen(entity, digest))) ?? (await store.first(sameRuled(entity, digest)))) !== undefined
}

export function notAsked(entity: string, digest: string): Guard {
  return { check: noneOpen(entity, digest), code: 'fact.moved', message: 'The same is disputed already.' }
}

export function conflictIsOpen(id: string): Guard {
  return { check: stillOpen(id), code: 'fact.moved', message: 'This conflict was settled in the meantime.' }
}

/** Whether what a fact says of a time, epoch ms, is what is disputed. */
export function isAgainst(
  conflict: ConflictRow,
  { attribute, slot }: Pick<FactRow, 'attribute' | 'slot'>,
  at: number,
): boolean {
  const { valid_from: from, valid_to: to } = conflict
  return conflict.attribute === attribute && conflict.slot === slot && from <= at && (to === null || at < to)
}

/** What is and was in dispute about an entity and its parts, oldest first. */
export async function conflictsAbout(store: Store, members: readonly string[]): Promise<ConflictRow[]> {
  const rows = (await Promise.all(members.map((m) => store.read<ConflictRow>(conflictsOf(m))))).flat()
  return rows.sort((a, b) => a.opened_seq - b.opened_seq)
}

export const DISPUTE_EVENTS = [factDisputed, conflictSettled]
