import type { Json } from '../../lib/json.ts'
import { eventKind, sql, type Bound } from '../../store/index.ts'
import type { Trust } from '../signals.ts'

const COPIED = 'trust, actor, source, maker, span, reason'
const insertFact = sql(
  `insert into fact (id, entity, attribute, slot, value, valid_from, valid_to, recorded_seq, ended_seq, ${COPIED}, origin, said_seq, said_at)
   values (?, ?, ?, ?, ?, ?, ?, ?, null, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
)
const copyFact = sql(
  `insert into fact (id, entity, attribute, slot, value, valid_from, valid_to, recorded_seq, ended_seq, ${COPIED}, origin, said_seq, said_at)
   select cast(? as text), entity, attribute, slot, value, cast(? as bigint), cast(? as bigint), cast(? as bigint), null,
     ${COPIED}, coalesce(origin, id), coalesce(said_seq, recorded_seq), said_at from fact where id = ?`,
)
const closeFact = sql('update fact set ended_seq = ? where id = ?')
const correctFact = sql('update fact set corrected_by = ? where id = ?')
const retractFact = sql('update fact set retracted_seq = ? where id = ?')

/** A new rectangle with the value and the origin of another, `of`. */
export interface Keep {
  readonly fact: string
  readonly of: string
  readonly from: number
  readonly to: number | null
}

/** What a change of belief does to what was believed: the projection decides nothing. */
export interface Belief {
  readonly attribute: string
  readonly closes: readonly string[]
  readonly keeps: readonly Keep[]
}

interface Provenance {
  readonly trust: Trust
  readonly maker: string
  readonly source: string | null
  readonly span: QuoteSpan | null
}

/** Which words of a message say so: UTF-16 offsets into its text, and the HMAC of what stood there. */
export interface QuoteSpan {
  readonly message: string
  readonly start: number
  readonly end: number
  readonly hash: string
}

interface Stated extends Belief, Provenance {
  readonly fact: string
  readonly slot: string
  readonly validFrom: number
  readonly validTo: number | null
}

interface Erasable {
  readonly value: Json
  readonly reason: string | null
}

interface Seen<B, P> {
  readonly seq: number
  readonly at: number
  readonly stream: string
  readonly actor: string
  readonly body: B
  readonly private: P | null
}

function believe(e: Seen<Belief, unknown>): Bound[] {
  return [
    ...e.body.closes.map((id) => closeFact(e.seq, id)),
    ...e.body.keeps.map((k) => copyFact(k.fact, k.from, k.to, e.seq, k.of)),
  ]
}

/** The new row first: of a statement with several pieces, the others are copies of it. */
function state(e: Seen<Stated, Erasable>): Bound[] {
  const { body: b, private: secret } = e
  const closed = b.closes.map((id) => closeFact(e.seq, id))
  const row = insertFact(
    b.fact,
    e.stream,
    b.attribute,
    b.slot,
    secret && JSON.stringify(secret.value),
    b.validFrom,
    b.validTo,
    e.seq,
    b.trust,
    e.actor,
    b.source,
    b.maker,
    b.span && JSON.stringify(b.span),
    secret?.reason,
    b.fact,
    e.seq,
    e.at,
  )
  return [...closed, row, ...b.keeps.map((k) => copyFact(k.fact, k.from, k.to, e.seq, k.of))]
}

/** It is so over a span; what it replaces there is closed, and goes on beside it. */
export const factAsserted = eventKind<Stated, Erasable>('fact.asserted@2', state)

/** It was recorded wrongly: another value for the same time. `corrects`: by which row that was said. */
export const factCorrected = eventKind<Stated & { readonly corrects: string }, Erasable>('fact.corrected@1', (e) => [
  ...state(e),
  correctFact(e.body.fact, e.body.corrects),
])

/** It stopped being true. */
export const factEnded = eventKind<Belief & Provenance & { readonly at: number }, { readonly reason: string | null }>(
  'fact.ended@1',
  believe,
)

/** It should never have been believed; what it had replaced holds again. `fact`: the row by which it was said. */
export const factRetracted = eventKind<
  Belief & { readonly fact: string; readonly trust: Trust; readonly maker: string; readonly source: string | null },
  { readonly reason: string | null }
>('fact.retracted@2', (e) => [...believe(e), retractFact(e.seq, e.body.fact)])

// --- first versions ---------------------------------------------------------------------------------------------
// They name no row for what goes on beside what closed it: it is named after the fact that closed it.

const remainder = sql(
  `insert into fact (id, entity, attribute, slot, value, valid_from, valid_to, recorded_seq, ended_seq, ${COPIED}, origin, said_seq, said_at)
   select cast(? as text), entity, attribute, slot, value, valid_from, cast(? as bigint), cast(? as bigint), null,
     ${COPIED}, coalesce(origin, id), coalesce(said_seq, recorded_seq), said_at from fact where id = ? and valid_from < ?`,
)
const closeOrigin = sql('update fact set ended_seq = ? where ended_seq is null and origin = ?')
const closeOriginOf = sql(
  'update fact set ended_seq = ? where ended_seq is null and origin = (select f.origin from fact f where f.id = ?)',
)

interface Asserted1 {
  readonly fact: string
  readonly attribute: string
  readonly validFrom: number
  readonly ends: string | null
  readonly trust: Trust
  readonly source: string | null
}

const factAsserted1 = eventKind<Asserted1, { readonly value: Json }>('fact.asserted@1', (e) => {
  const { fact, ends, validFrom } = e.body
  const before =
    ends === null ? [] : [closeFact(e.seq, ends), remainder(`${fact}:before`, validFrom, e.seq, ends, validFrom)]
  return [
    ...before,
    insertFact(
      fact,
      e.stream,
      e.body.attribute,
      '',
      e.private && JSON.stringify(e.private.value),
      validFrom,
      null,
      e.seq,
      e.body.trust,
      e.actor,
      e.body.source,
      null,
      null,
      null,
      fact,
      e.seq,
      e.at,
    ),
  ]
})

interface Restored {
  readonly fact: string
  readonly attribute: string
  readonly validFrom: number
  readonly trust: Trust
  /** The version whose value holds again. */
  readonly of: string
}

const factRetracted1 = eventKind<
  { readonly fact: string; readonly restores: Restored | null },
  { readonly value: Json }
>('fact.retracted@1', (e) => {
  const { fact, restores } = e.body
  const again = restores
    ? [closeOriginOf(e.seq, restores.of), copyFact(restores.fact, restores.validFrom, null, e.seq, restores.of)]
    : []
  return [closeOrigin(e.seq, fact), retractFact(e.seq, fact), ...again]
})

export const STATEMENT_EVENTS = [factAsserted, factCorrected, factEnded, factRetracted, factAsserted1, factRetracted1]
