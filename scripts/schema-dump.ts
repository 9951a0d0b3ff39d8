/**
 * Writes src/store/schema/*.sql: what the migrations add up to, for people to read and for reviews to compare.
 * `node --conditions=factotum-source scripts/schema-dump.ts`. A test fails when it was forgotten.
 */
import { writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { migrate, readMigrations } from '../src/store/migrate.ts'
import { openPostgres } from '../src/store/postgres.ts'
import { startPostgres, testDatabase } from '../test/postgres.ts'

export const schemaFile = (dialect: 'sqlite' | 'postgres'): string =>
  fileURLToPath(new URL(`../src/store/schema/${dialect}.sql`, import.meta.url))

const head = (name: string): string =>
  `-- Factotum on ${name}, after all migrations. Written by scripts/schema-dump.ts: do not edit.\n`

export function dumpSqlite(): string {
  const db = new DatabaseSync(':memory:')
  migrate(readMigrations('sqlite'), { exec: (text) => db.exec(text), rows: (text) => db.prepare(text).all() as never })
  const rows = db
    .prepare("select sql from sqlite_schema where sql is not null order by tbl_name, type = 'index', name")
    .all()
  db.close()
  return `${head('SQLite')}\n${rows.map((r) => `${String(r.sql)};\n`).join('')}`
}

const TABLES = `select c.oid, c.relname as name, c.reloptions::text as options from pg_class c
  where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' order by c.relname collate "C"`
const COLUMNS = `select a.attname as name, format_type(a.atttypid, a.atttypmod) as type, l.collname as collation,
    a.attnotnull as required, pg_get_expr(d.adbin, d.adrelid) as value
  from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    left join pg_collation l on l.oid = a.attcollation and l.collname <> 'default'
  where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped order by a.attnum`
// Since PostgreSQL 18 `not null` is a constraint with a name; it stands with its column here.
const CONSTRAINTS = `select pg_get_constraintdef(oid) as text from pg_constraint
  where conrelid = $1 and contype <> 'n' order by contype <> 'p', conname collate "C"`
const INDEXES = `select pg_get_indexdef(i.indexrelid) as text from pg_index i join pg_class c on c.oid = i.indexrelid
  where i.indrelid = $1 and not exists (select 1 from pg_constraint k where k.conindid = i.indexrelid) order by c.relname collate "C"`

/** Migrates the empty database at `url` and describes it from its catalogue. */
export async function dumpPostgres(url: string): Promise<string> {
  await (await openPostgres(url)).close()
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const rows = async (text: string, ...values: unknown[]): Promise<Row[]> =>
    (await client.query<Row>(text, values)).rows
  let out = head('PostgreSQL')
  for (const table of await rows(TABLES)) {
    const columns = (await rows(COLUMNS, table.oid)).map(
      (c) =>
        `${String(c.name)} ${String(c.type)}${c.collation === null ? '' : ` collate "${String(c.collation)}"`}` +
        `${c.required ? ' not null' : ''}${c.value === null ? '' : ` default ${String(c.value)}`}`,
    )
    const constraints = (await rows(CONSTRAINTS, table.oid)).map((c) => String(c.text))
    const options = table.options === null ? '' : ` with (${String(table.options).slice(1, -1)})`
    out += `\ncreate table ${String(table.name)} (\n  ${[...columns, ...constraints].join(',\n  ')}\n)${options};\n`
    for (const index of await rows(INDEXES, table.oid)) out += `${String(index.text)};\n`
  }
  await client.end()
  return out
}

type Row = Record<string, string | boolean | null>

async function main(): Promise<void> {
  const server = process.env.DATABASE_URL ? null : await startPostgres()
  if (server) process.env.DATABASE_URL = server.url
  try {
    const database = (await testDatabase())!
    writeFileSync(schemaFile('sqlite'), dumpSqlite())
    writeFileSync(schemaFile('postgres'), await dumpPostgres(database.url))
    await database.drop()
  } finally {
    await server?.stop()
  }
}

if (import.meta.main) await main()
