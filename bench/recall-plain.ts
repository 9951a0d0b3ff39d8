import { DatabaseSync } from 'node:sqlite'

/** The baseline: SQLite's FTS5 as it comes, any word of the question, by its own BM25. */
export class PlainSearch {
  readonly #db = new DatabaseSync(':memory:')

  constructor(texts: ReadonlyMap<string, string>) {
    this.#db.exec('create virtual table t using fts5(name unindexed, text)')
    const insert = this.#db.prepare('insert into t (name, text) values (?, ?)')
    for (const [name, text] of texts) insert.run(name, text)
  }

  find(question: string): string[] {
    const words = new Set(question.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [])
    const any = [...words].map((word) => `"${word}"`).join(' OR ')
    const rows = this.#db.prepare('select name from t where t match ? order by rank limit 50').all(any)
    return rows.map((row) => row['name'] as string)
  }

  close(): void {
    this.#db.close()
  }
}
