import { hash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { StoreError } from './errors.ts'
import type { Value } from './sql.ts'

export interface Migration {
  readonly version: number
  readonly name: string
  readonly text: string
  readonly checksum: string
}

/** The numbered, immutable migrations of one store, oldest first. */
export function readMigrations(dialect: 'sqlite' | 'postgres'): Migration[] {
  const folder = new URL(`./migrations/${dialect}/`, import.meta.url)
  return readdirSync(folder)
    .filter((file) => /^\d{4}_.*\.sql$/.test(file))
    .sort()
    .map((file) => {
      const text = readFileSync(new URL(file, folder), 'utf8')
      return { version: Number(file.slice(0, 4)), name: file, text, checksum: hash('sha256', text) }
    })
}

export const MIGRATION_TABLE =
  'create table if not exists migration (version integer primary key, name text not null, checksum text not null)'

/** Which migrations are still to run. Throws `store.newer` and `store.migration_changed`. */
export function pendingMigrations(known: readonly Migration[], applied: readonly Record<string, Value>[]): Migration[] {
  const newest = known.at(-1)?.version ?? 0
  for (const row of applied) {
    if (Number(row.version) > newest) {
      throw new StoreError(
        'store.newer',
        `This company was written by a newer Factotum (schema ${String(row.version)}; this program knows ${newest}). Update Factotum; the data was not touched.`,
      )
    }
    const migration = known.find((m) => m.version === Number(row.version))
    if (migration && migration.checksum !== row.checksum) {
      throw new StoreError(
        'store.migration_changed',
        `Migration ${migration.name} is not the one this company was made with. Released migrations never change; install an unmodified Factotum.`,
      )
    }
  }
  return known.filter((m) => !applied.some((row) => Number(row.version) === m.version))
}

/** Brings a SQLite database up to date, each migration in a transaction of its own. */
export function migrate(
  known: readonly Migration[],
  db: { exec(text: string): void; rows(text: string): Record<string, Value>[] },
): void {
  db.exec(MIGRATION_TABLE)
  for (const m of pendingMigrations(known, db.rows('select version, checksum from migration order by version'))) {
    db.exec(`begin; ${m.text}\n; insert into migration values (${m.version}, '${m.name}', '${m.checksum}'); commit`)
  }
}
