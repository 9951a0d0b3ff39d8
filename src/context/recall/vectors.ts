import { errorCode } from '../../lib/errors.ts'
import { sql, type Bound, type Store } from '../../store/index.ts'
import type { Encoder } from './encoder.ts'
import type { PassageRow } from './indexing.ts'

/** What one question may have made on the spot, of the passages that words alone put first. */
const ON_DEMAND = 24
/** After a question, so many passages around what it was answered by are made ahead: more is asked of what was asked of. */
const AHEAD = 12
const KEPT_QUERIES = 200
const HASHES_A_READ = 50
/** An encoder that failed is not asked again for so long. */
const REST_MS = 60_000

const vectorsByHash = sql(
  `select hash, numbers from vector where model = ? and hash in (${Array.from({ length: HASHES_A_READ }, () => '?').join(', ')})`,
)
// Only while it is indexed: what is erased meanwhile is not brought back.
const insertVector = sql(
  `insert into vector (hash, model, numbers, ahead, uses, made_at) select ?, ?, ?, ?, 0, ?
   where exists (select 1 from passage where hash = ?) on conflict (hash, model) do nothing`,
)
const useVector = sql('update vector set uses = uses + 1 where hash = ? and model = ?')
const count = sql(
  `insert into encoding (model, vectors, ahead, queries, tokens, took_ms, micros, currency, recalls, changed)
   values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
   on conflict (model) do update set vectors = encoding.vectors + excluded.vectors, ahead = encoding.ahead + excluded.ahead,
     queries = encoding.queries + excluded.queries, tokens = encoding.tokens + excluded.tokens,
     took_ms = encoding.took_ms + excluded.took_ms, micros = encoding.micros + excluded.micros,
     currency = excluded.currency, recalls = encoding.recalls + excluded.recalls, changed = encoding.changed + excluded.changed`,
)
const NO_CURRENCY = 'XXX'

/** What a token costs, in millionths of the currency's unit. */
export interface EncoderPrice {
  readonly microsPerToken: number
  readonly currency: string
}

/**
 * What passages mean to one model. Vectors are made when a question needs them and kept by the passage's text; around what
 * was asked about, a few are made ahead. Nothing is made on the write path.
 */
export class Vectors {
  readonly encoder: Encoder
  readonly #store: Store
  readonly price: EncoderPrice | null
  readonly #queries = new Map<string, Float32Array>()
  #ahead: Promise<void> = Promise.resolve()
  #restsUntil = 0
  #why = ''

  constructor(store: Store, encoder: Encoder, price: EncoderPrice | null) {
    this.#store = store
    this.encoder = encoder
    this.price = price
  }

  /**
   * The vectors of a question and of passages, in the order in which words alone put them: all that are kept, and of the
   * first ones those that are missing. Where the encoder fails: why, and words alone have to do.
   */
  async of(query: string, rows: readonly PassageRow[]): Promise<Meaning | { readonly failed: string }> {
    if (this.#store.clock.now() < this.#restsUntil) return { failed: this.#why }
    try {
      const known = await this.#kept(rows)
      const missing = rows.slice(0, ON_DEMAND).filter((row) => !known.has(row.hash))
      const question = this.#queries.get(query)
      const made = await this.#make(missing, false, question ? [] : [query])
      const vector = question ?? made.queries[0]!
      this.#remember(query, vector)
      for (const [hash, one] of made.byHash) known.set(hash, one)
      return { question: vector, byHash: known }
    } catch (error) {
      this.#why = errorCode(error)
      this.#restsUntil = this.#store.clock.now() + REST_MS
      return { failed: this.#why }
    }
  }

  /** What came of one recall; and what stands around its answer is made ahead, behind it. */
  async used(answered: readonly PassageRow[], around: readonly PassageRow[], changed: boolean): Promise<void> {
    await this.#store.write([
      ...answered.map((row) => useVector(row.hash, this.encoder.name)),
      this.#count({ recalls: 1, changed: changed ? 1 : 0 }),
    ])
    const docs = new Set(answered.map((row) => row.doc))
    const near = around.filter((row) => docs.has(row.doc))
    this.#ahead = this.#ahead.then(() => this.#makeAhead(near)).catch(() => {})
  }

  /** Everything that was begun ahead is made. */
  settled(): Promise<void> {
    return this.#ahead
  }

  async #makeAhead(rows: readonly PassageRow[]): Promise<void> {
    const known = await this.#kept(rows)
    await this.#make(rows.filter((row) => !known.has(row.hash)).slice(0, AHEAD), true, [])
  }

  async #kept(rows: readonly PassageRow[]): Promise<Map<string, Float32Array>> {
    const hashes = [...new Set(rows.map((row) => row.hash))]
    const found = new Map<string, Float32Array>()
    for (let at = 0; at < hashes.length; at += HASHES_A_READ) {
      const some = hashes.slice(at, at + HASHES_A_READ)
      const pad = Array<string>(HASHES_A_READ - some.length).fill('')
      const kept = await this.#store.read<{ hash: string; numbers: Uint8Array }>(
        vectorsByHash(this.encoder.name, ...some, ...pad),
      )
      // A copy: what a driver answers may lie anywhere in its buffer.
      for (const { hash, numbers } of kept) found.set(hash, new Float32Array(Uint8Array.from(numbers).buffer))
    }
    return found
  }

  async #make(rows: readonly PassageRow[], ahead: boolean, queries: readonly string[]) {
    const texts = [...queries, ...rows.map((row) => row.text)]
    const vectors: Float32Array[] = []
    const byHash = new Map<string, Float32Array>()
    for (let at = 0; at < texts.length; at += this.encoder.most) {
      const began = performance.now()
      const some = texts.slice(at, at + this.encoder.most)
      const embedded = await this.encoder.embed(some)
      vectors.push(...embedded.vectors)
      const asked = Math.max(0, Math.min(queries.length - at, some.length))
      const writes: Bound[] = []
      for (let i = at + asked; i < at + some.length; i++) {
        const { hash } = rows[i - queries.length]!
        const vector = vectors[i]!
        byHash.set(hash, vector)
        const bytes = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)
        writes.push(insertVector(hash, this.encoder.name, bytes, ahead ? 1 : 0, this.#store.clock.now(), hash))
      }
      const made = some.length - asked
      const took_ms = Math.round(performance.now() - began)
      const sums = { vectors: made, ahead: ahead ? made : 0, queries: asked, tokens: embedded.tokens, took_ms }
      await this.#store.write([...writes, this.#count(sums)])
    }
    return { queries: vectors.slice(0, queries.length), byHash }
  }

  #count(
    n: Partial<Record<'vectors' | 'ahead' | 'queries' | 'tokens' | 'took_ms' | 'recalls' | 'changed', number>>,
  ): Bound {
    const micros = Math.ceil((n.tokens ?? 0) * (this.price?.microsPerToken ?? 0))
    return count(
      this.encoder.name,
      n.vectors ?? 0,
      n.ahead ?? 0,
      n.queries ?? 0,
      n.tokens ?? 0,
      n.took_ms ?? 0,
      micros,
      this.price?.currency ?? NO_CURRENCY,
      n.recalls ?? 0,
      n.changed ?? 0,
    )
  }

  #remember(query: string, vector: Float32Array): void {
    if (this.#queries.size >= KEPT_QUERIES) this.#queries.clear()
    this.#queries.set(query, vector)
  }
}

export interface Meaning {
  readonly question: Float32Array
  readonly byHash: ReadonlyMap<string, Float32Array>
}

export interface EncodingRow {
  readonly model: string
  readonly vectors: number
  readonly ahead: number
  readonly queries: number
  readonly tokens: number
  readonly took_ms: number
  readonly micros: number
  readonly currency: string
  readonly recalls: number
  readonly changed: number
}

export const encodings = sql('select * from encoding order by model')
/** How many vectors are kept, and of those made ahead how many were used since. */
export const vectorUses = sql(
  `select model, count(*) as kept, sum(case when ahead = 1 and uses > 0 then 1 else 0 end) as ahead_used
   from vector group by model`,
)
