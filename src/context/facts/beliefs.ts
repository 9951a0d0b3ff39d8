import { sql, type Guard, type Store } from '../../store/index.ts'
import type { Trust } from '../signals.ts'
import type { Keep } from './events.ts'
import { originOf, saidSeq, spanOf, type FactRow } from './rows.ts'
import { common, FOR_EVER, joined, without, type Span } from './spans.ts'

const overlapping = sql(
  `select * from fact where entity = ? and attribute = ? and slot = ? and ended_seq is null
   and coalesce(valid_to, 9007199254740991) > ? and valid_from < ? order by valid_from, id`,
)
const isBelieved = sql('select 1 as ok from fact where id = ? and ended_seq is null')
const thatMany = sql(
  `select 1 as ok where (select count(*) from fact where entity = ? and attribute = ? and slot = ? and ended_seq is null
   and coalesce(valid_to, 9007199254740991) > ? and valid_from < ?) = ?`,
)
const closedBy = sql(
  'select * from fact where entity = ? and attribute = ? and slot = ? and ended_seq = ? order by valid_from',
)
const correctedBy = sql('select * from fact where entity = ? and attribute = ? and corrected_by = ?')
const factById = sql('select * from fact where id = ?')

/** Before any time that a fact could hold from: what is read with it is read from its beginning. */
const ALWAYS: Span = { from: Number.MIN_SAFE_INTEGER, to: null }

/** A rectangle that is believed, or will be when the events that were made so far are committed. */
export interface Held extends Span {
  readonly id: string
  readonly origin: string
  readonly trust: Trust
  readonly said: number
  /** A row that has the value: itself, or what it is a copy of. */
  readonly row: FactRow
}

export interface Cut {
  readonly closes: string[]
  readonly keeps: Keep[]
}

/**
 * What is believed of one value of one entity over a span. Changed here as the events of a commit will change it, so
 * that several that follow one another agree; and guarded, so that they are refused when it changed before them.
 */
export class Beliefs {
  readonly entity: string
  readonly attribute: string
  readonly slot: string
  readonly #store: Store
  readonly #over: Span
  readonly #read: readonly FactRow[]
  #held: Held[]

  private constructor(
    store: Store,
    of: { readonly entity: string; readonly attribute: string; readonly slot: string },
    over: Span,
    rows: readonly FactRow[],
  ) {
    this.#store = store
    this.entity = of.entity
    this.attribute = of.attribute
    this.slot = of.slot
    this.#over = over
    this.#read = rows
    this.#held = rows.map((row) => ({
      ...spanOf(row),
      id: row.id,
      origin: originOf(row),
      trust: row.trust,
      said: saidSeq(row),
      row,
    }))
  }

  static async read(
    store: Store,
    entity: string,
    attribute: string,
    slot: string,
    over: Span = ALWAYS,
  ): Promise<Beliefs> {
    const rows = await store.read<FactRow>(overlapping(entity, attribute, slot, over.from, over.to ?? FOR_EVER))
    return new Beliefs(store, { entity, attribute, slot }, over, rows)
  }

  get held(): readonly Held[] {
    return this.#held
  }

  /** Makes room: closes what overlaps any of the spans, and keeps what of it lies beside them. */
  cut(spans: readonly Span[]): Cut {
    const closes: string[] = []
    const keeps: Keep[] = []
    for (const held of this.#held) {
      let rest: Span[] = [held]
      for (const span of spans) rest = rest.flatMap((piece) => without(piece, span))
      if (rest.length === 1 && rest[0] === held) continue
      closes.push(held.id)
      this.#held = this.#held.filter((h) => h !== held)
      for (const piece of rest) keeps.push(this.#keep(held.row, piece))
    }
    return { closes, keeps }
  }

  /**
   * Takes back the statement that `origin` made, wherever it is still believed. What it had replaced there holds again,
   * passing over statements that `gone` says are taken back too; with what of that is still believed beside it, as one.
   */
  async takeBack(origin: string, gone: (origin: string) => boolean): Promise<Cut> {
    const mine = this.#held.filter((h) => h.origin === origin)
    const closes = mine.map((h) => h.id)
    let keeps: Keep[] = []
    this.#held = this.#held.filter((h) => h.origin !== origin)
    for (const held of mine) {
      for (const { row, span } of await this.#beneath(origin, held, gone)) {
        let whole = span
        for (const beside of this.#held.filter((h) => h.origin === originOf(row))) {
          const both = joined(whole, beside)
          if (!both) continue
          whole = both
          this.#held = this.#held.filter((h) => h !== beside)
          if (keeps.some((k) => k.fact === beside.id)) keeps = keeps.filter((k) => k.fact !== beside.id)
          else closes.push(beside.id)
        }
        keeps.push(this.#keep(row, whole))
      }
    }
    return { closes, keeps }
  }

  /** Refuses the commit when what was read has changed. */
  guards(): Guard[] {
    const moved = { code: 'fact.moved', message: `What is known about ${this.attribute} changed in the meantime.` }
    const { from, to } = this.#over
    const many = thatMany(this.entity, this.attribute, this.slot, from, to ?? FOR_EVER, this.#read.length)
    const closed = this.#read.filter((row) => !this.#held.some((h) => h.id === row.id))
    return [{ check: many, ...moved }, ...closed.map((row) => ({ check: isBelieved(row.id), ...moved }))]
  }

  #keep(row: FactRow, { from, to }: Span): Keep {
    const fact = this.#store.newId('fact')
    this.#held.push({ from, to, id: fact, origin: originOf(row), trust: row.trust, said: saidSeq(row), row })
    return { fact, of: row.id, from, to }
  }

  /** What a statement replaced within a span. */
  async #beneath(
    origin: string,
    within: Span,
    gone: (origin: string) => boolean,
  ): Promise<{ row: FactRow; span: Span }[]> {
    const wrong = await this.#store.first<FactRow>(correctedBy(this.entity, this.attribute, origin))
    if (wrong) {
      // A correction stands for what it corrects, also where that came back only later.
      const again = await this.#rightly(wrong.id, gone)
      return again ? [{ row: await this.#row(again), span: within }] : this.#beneath(wrong.id, within, gone)
    }
    const said = await this.#row(origin)
    const closed = await this.#store.read<FactRow>(closedBy(this.entity, this.attribute, this.slot, said.recorded_seq))
    const found: { row: FactRow; span: Span }[] = []
    for (const row of closed) {
      const span = common(spanOf(row), within)
      if (!span) continue
      const under = originOf(row)
      // A statement replaces others only: what it says again of its own is no older.
      if (under === origin) continue
      const right = await this.#rightly(under, gone)
      if (right) found.push({ row: right === under ? row : await this.#row(right), span })
      else found.push(...(await this.#beneath(under, span, gone)))
    }
    return found
  }

  /** A statement as it was corrected since; undefined where it is taken back. */
  async #rightly(origin: string, gone: (origin: string) => boolean): Promise<string | undefined> {
    const row = await this.#row(origin)
    const corrected = row.corrected_by === null ? undefined : await this.#rightly(row.corrected_by, gone)
    return corrected ?? (gone(origin) || row.retracted_seq !== null ? undefined : origin)
  }

  async #row(id: string): Promise<FactRow> {
    return (await this.#store.first<FactRow>(factById(id)))!
  }
}
