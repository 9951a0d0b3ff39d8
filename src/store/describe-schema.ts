import type { Store } from './store.ts'

/** Tables with their columns (`name type`, `not null` where it is), and indexes, in words that both stores share. */
export async function describeSchema(store: Store): Promise<{ tables: Record<string, string[]>; indexes: string[] }> {
  const sqlite = store.engine.dialect === 'sqlite'
  const columns = sqlite
    ? `select m.name as tab, c.name as col, lower(c.type) as type, c."notnull" = 0 and c.pk = 0 as nullable
       from sqlite_schema m join pragma_table_info(m.name) c where m.type = 'table' and m.name not like 'sqlite_%' order by m.name, c.cid`
    : `select table_name as tab, column_name as col, data_type as type, is_nullable = 'YES' as nullable
       from information_schema.columns where table_schema = current_schema() order by table_name, ordinal_position`
  const indexes = sqlite
    ? `select name from sqlite_schema where type = 'index' and sql is not null order by name`
    : `select indexname as name from pg_indexes where schemaname = current_schema() and indexname not like '%_pkey' order by indexname`
  const words: Record<string, string> = { bigint: 'integer', bytea: 'blob', 'double precision': 'real' }
  const tables: Record<string, string[]> = {}
  for (const row of await store.engine.queryText(columns, [])) {
    const type = words[String(row.type)] ?? String(row.type)
    ;(tables[String(row.tab)] ??= []).push(`${String(row.col)} ${type}${row.nullable ? '' : ' not null'}`)
  }
  return { tables, indexes: (await store.engine.queryText(indexes, [])).map((r) => String(r.name)) }
}

/** The columns of each table's primary key, in order. A table without one is absent. */
export async function primaryKeys(store: Store): Promise<Record<string, string[]>> {
  const text =
    store.engine.dialect === 'sqlite'
      ? `select m.name as tab, c.name as col from sqlite_schema m join pragma_table_info(m.name) c
         where m.type = 'table' and c.pk > 0 order by m.name, c.pk`
      : `select c.relname as tab, a.attname as col from pg_index i join pg_class c on c.oid = i.indrelid
         cross join unnest(i.indkey::int2[]) with ordinality as k (att, place)
         join pg_attribute a on a.attrelid = c.oid and a.attnum = k.att
         where i.indisprimary and c.relnamespace = current_schema()::regnamespace order by c.relname, k.place`
  const keys: Record<string, string[]> = {}
  for (const row of await store.engine.queryText(text, [])) (keys[String(row.tab)] ??= []).push(String(row.col))
  return keys
}
