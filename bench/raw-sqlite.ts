import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { rawRows } from './raw-rows.ts'

const SCHEMA = new URL('../src/store/migrations/sqlite/0001_kernel.sql', import.meta.url)

/** The limit on SQLite: rows/s of a loop that does nothing but make and insert rows, one fsync a group. */
export interface RawLoop {
  /** Writes groups for about `ms`; answers rows per second. */
  run(ms: number): number | Promise<number>
  close(): void | Promise<void>
}

/**
 * Equal: the schema and with it every column and index; journal, fsync and page settings; the rows (raw-rows.ts); rows
 * in a transaction. Not there: everything else, the starts and ends of runs included.
 */
export function rawSqlite(path: string, group: number): RawLoop {
  const db = new DatabaseSync(path)
  db.exec('pragma journal_mode = wal; pragma synchronous = full; pragma secure_delete = on; pragma foreign_keys = on')
  db.exec('pragma wal_autocheckpoint = 4000; pragma cache_size = -32000; pragma temp_store = memory')
  db.exec(readFileSync(SCHEMA, 'utf8'))
  const insert = db.prepare('insert into event (seq, key, kind, stream, actor, cause, at, body, private, salt, private_hash, leaf) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
  const begin = db.prepare('begin immediate')
  const commit = db.prepare('commit')
  const make = rawRows(group)
  let seq = 0
  return {
    run(ms) {
      const from = seq
      const start = performance.now()
      let now = start
      while (now - start < ms) {
        begin.run()
        for (const r of make(group, seq)) insert.run(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11])
        commit.run()
        seq += group
        now = performance.now()
      }
      return ((seq - from) * 1_000) / (now - start)
    },
    close: () => db.close(),
  }
}
