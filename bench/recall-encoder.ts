import { createHash } from 'node:crypto'
import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { makeEncoder, type Encoder } from '../src/context/recall/encoder.ts'

const CACHE = fileURLToPath(new URL('../.cache/bench-vectors.sqlite', import.meta.url))

export const vectorsAreCached = (): boolean => existsSync(CACHE)

/** The offline encoder, whose vectors are kept from one run of the benchmark to the next. */
export class CachedEncoder implements Encoder {
  readonly name: string
  readonly most: number
  /** Texts that this run encoded itself, and what that took. */
  made = 0
  ms = 0
  readonly #offline = makeEncoder('offline')
  readonly #db: DatabaseSync

  constructor() {
    this.name = this.#offline.name
    this.most = this.#offline.most
    mkdirSync(dirname(CACHE), { recursive: true })
    this.#db = new DatabaseSync(CACHE)
    this.#db.exec(
      'pragma journal_mode = wal; pragma synchronous = off; create table if not exists vector (hash text primary key, numbers blob) without rowid',
    )
  }

  async embed(texts: readonly string[]) {
    const vectors: Float32Array[] = []
    for (const text of texts) vectors.push(this.#known(text) ?? (await this.#make(text)))
    return { vectors, tokens: 0 }
  }

  close(): void {
    this.#db.close()
  }

  #known(text: string): Float32Array | null {
    const row = this.#db.prepare('select numbers from vector where hash = ?').get(hashOf(text))
    return row ? new Float32Array(Uint8Array.from(row['numbers'] as Uint8Array).buffer) : null
  }

  async #make(text: string): Promise<Float32Array> {
    const began = performance.now()
    const vector = (await this.#offline.embed([text])).vectors[0]!
    this.ms += performance.now() - began
    this.made++
    const bytes = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)
    this.#db.prepare('insert or replace into vector (hash, numbers) values (?, ?)').run(hashOf(text), bytes)
    return vector
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
