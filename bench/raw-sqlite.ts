import { readFileSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { rawRows, type RawKind } from './raw-rows.ts'

const SCHEMA = new URL('../src/store/migrations/sqlite/0001_kernel.sql', import.meta.url)

/** What the machine can do at best: a loop that does nothing but make rows and insert them, one fsync a group. */
export interface RawLoop {
  /** Writes groups for about `ms`; answers steps per second. */
  run(ms: number): number | Promise<number>
  close(): void | Promise<void>
}

interface RawDatabase {
  readonly begin: StatementSync
  readonly event: StatementSync
  readonly commit: StatementSync
  prepare(text: string): StatementSync
  close(): void
}

/** A new database with our schema and our settings, without any of our code. */
export function openRaw(path: string): RawDatabase {
  const db = new DatabaseSync(path)
  db.exec('pragma journal_mode = wal; pragma synchronous = full; pragma secure_delete = on; pragma foreign_keys = on')
  db.exec('pragma wal_autocheckpoint = 4000; pragma cache_size = -32000; pragma temp_store = memory')
  db.exec(readFileSync(SCHEMA, 'utf8'))
  return {
    begin: db.prepare('begin immediate'),
    event: db.prepare(
      'insert into event (seq, key, kind, stream, actor, cause, at, body, private, salt, private_hash, leaf) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    ),
    commit: db.prepare('commit'),
    prepare: (text) => db.prepare(text),
    close: () => db.close(),
  }
}

/**
 * The limit on SQLite. Equal: the schema and with it every table, column and index; journal, fsync and page settings; the
 * rows (raw-rows.ts) and how many share a transaction. Not there: everything else.
 */
export function rawSqlite(path: string, group: number, kind: RawKind): RawLoop {
  const db = openRaw(path)
  const { event, begin, commit } = db
  const begins = [
    db.prepare(
      `insert into run (id, workflow, version, state, generation, trust, input, started_at, started_seq) values (?, 'ten-steps', 1, 'active', 0, 'operator', 'null', ?, ?)`,
    ),
    db.prepare(`insert into work (id, kind, at, inbox) values (?1, 'run', ?2, 0)`),
    db.prepare(`insert into lease (id, holder, epoch, until) values (?1, 'proc_bench', 1, ?2)`),
  ] as const
  const endRun = db.prepare(`update run set state = 'done', result = '10', ended_at = ? where id = ?`)
  const endWork = db.prepare('delete from work where id = ?')
  const endLease = db.prepare('update lease set epoch = epoch + 1, until = 0 where id = ?')
  const make = rawRows(group, kind)
  let seq = 0

  /** Answers how many of the group were steps. */
  function writeGroup(): number {
    let steps = 0
    begin.run()
    for (const { event: e, run } of make(group, seq)) {
      event.run(e[0], e[1], e[2], e[3], e[4], e[5], e[6], e[7], e[8], e[9], e[10], e[11])
      if (run === 'starts') {
        begins[0].run(e[3], e[6], e[0])
        begins[1].run(e[3], e[6])
        begins[2].run(e[3], e[6])
      } else if (run === 'ends') {
        endRun.run(e[6], e[3])
        endWork.run(e[3])
        endLease.run(e[3])
      } else steps++
    }
    commit.run()
    seq += group
    return steps
  }

  return {
    run(ms) {
      let steps = 0
      const start = performance.now()
      let now = start
      while (now - start < ms) {
        steps += writeGroup()
        now = performance.now()
      }
      return (steps * 1_000) / (now - start)
    },
    close: () => db.close(),
  }
}
