import { open } from 'node:fs/promises'
import { relative } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { describeSchema, primaryKeys } from '../../store/describe-schema.ts'
import { sql, type Bound, type Store, type Value } from '../../store/index.ts'
import { NOT_REBUILT } from '../../store/tables.ts'
import { filesIn } from './files.ts'
import type { Scope } from './scope.ts'

/** Where something of hers still stands. `where`: what `--also` takes; null where it cannot go. */
export interface Mention {
  readonly what: 'event' | 'id' | 'blob' | 'row' | 'file'
  readonly where: string
  readonly kind: string
  /** The run or thing whose event or row it is. */
  readonly of: string | null
}

const labelsOf = sql('select label as text from entity_key where entity = ? and label is not null')
const partiesOf = sql('select distinct party as text from message where party_key = ? and party is not null')
const valuesOf = sql('select distinct attribute, value from fact where entity = ? and value is not null')
const valueOfOther = sql('select entity from fact where attribute = ? and value = ?')
const SHORTEST = 5

/** The words by which she can be found: addresses, labels, and values of facts that no other entity has. */
export async function needlesOf(store: Store, scope: Scope, target: string): Promise<string[]> {
  const found = new Set<string>()
  if (!scope.has('entity', target)) found.add(target.trim())
  const texts = async (query: Parameters<Store['read']>[0]) =>
    (await store.read<{ text: string }>(query)).forEach(({ text }) => found.add(text.trim()))
  for (const key of scope.all('key')) await texts(partiesOf(key))
  for (const entity of scope.all('entity')) {
    await texts(labelsOf(entity))
    for (const { attribute, value } of await store.read<{ attribute: string; value: string }>(valuesOf(entity))) {
      const text: unknown = JSON.parse(value)
      if (typeof text !== 'string') continue
      const others = await store.read<{ entity: string }>(valueOfOther(attribute, value))
      if (others.every((row) => scope.has('entity', row.entity))) found.add(text.trim())
    }
  }
  return [...found].filter((text) => text.length >= SHORTEST).slice(0, MAX_NEEDLES)
}

const MAX_NEEDLES = 50
/** A person who is everywhere fills pages: so many are listed. */
const MAX_MENTIONS = 1_000

const blobNames = sql('select hash from blob where hash > ? order by hash limit 50')
const blobBytes = sql('select bytes from blob where hash = ?')

/**
 * Everything that the company holds and where one of these words stands: private parts and bodies of events, rows that no
 * event made, blobs, files in the data folder. Projections say what events say. For a person to judge: that a word stands there does not say whose it is.
 */
export async function mentionsOf(
  store: Store,
  dataFolder: string,
  needles: readonly string[],
  except: ReadonlySet<number> = new Set(),
): Promise<Mention[]> {
  const mentions = new Map<string, Mention>()
  const add = (m: Mention) => {
    if (mentions.size < MAX_MENTIONS) mentions.set(`${m.what} ${m.where}`, m)
  }
  if (needles.length === 0) return []
  const named = matcher(needles)
  for await (const rows of store.engine.events(0, await store.engine.head()))
    for (const { seq, kind, stream, key, body, private: secret } of rows) {
      const one = { where: String(seq), kind, of: stream }
      if (secret !== null && !except.has(seq) && named.test(secret)) add({ what: 'event', ...one })
      if (named.test(`${body} ${key ?? ''}`)) add({ what: 'id', ...one })
    }
  const { tables } = await describeSchema(store)
  const keys = await primaryKeys(store)
  for (const table of Object.keys(NOT_REBUILT).filter((name) => name !== 'event' && name in tables)) {
    const columns = tables[table]!.filter((column) => / text\b/.test(column)).map((column) => column.split(' ')[0]!)
    if (columns.length === 0) continue
    for await (const rows of pagesOf(store, table, keys[table] ?? [], columns))
      for (const row of rows)
        if (named.test(columns.map((column) => row[column] ?? '').join(' '))) {
          const id = String(row[columns[0]!])
          add({ what: 'row', where: `${table} ${id}`, kind: table, of: id })
        }
  }
  const folded = needles.map((needle) => fold(Buffer.from(needle)))
  const holds = (bytes: Uint8Array) => {
    const text = fold(bytes)
    return folded.some((needle) => text.includes(needle))
  }
  for (let last = ''; ;) {
    const names = await store.read<{ hash: string }>(blobNames(last))
    if (names.length === 0) break
    for (const { hash } of names) {
      const row = await store.first<{ bytes: Uint8Array }>(blobBytes(hash))
      if (row && holds(row.bytes)) add({ what: 'blob', where: hash, kind: 'blob', of: null })
    }
    last = names.at(-1)!.hash
    await turn()
  }
  for await (const path of filesIn(dataFolder))
    if (await fileHolds(path, folded))
      add({ what: 'file', where: `data/${relative(dataFolder, path)}`, kind: 'file', of: null })
  return [...mentions.values()]
}

/** Finds any of the words, however its letters are written, also as JSON writes it. */
function matcher(needles: readonly string[]): RegExp {
  const forms = new Set(needles.flatMap((needle) => [needle, JSON.stringify(needle).slice(1, -1)]))
  return new RegExp([...forms].map((form) => form.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|'), 'i')
}

const ROWS_PER_READ = 200

/** All rows of a table, a page at a time: an index is as large as all that was ever said. Without a key it has few. */
async function* pagesOf(
  store: Store,
  table: string,
  key: readonly string[],
  columns: readonly string[],
): AsyncGenerator<Record<string, Value>[]> {
  const read = `select ${[...new Set([...key, ...columns])].join(', ')} from ${table}`
  if (key.length === 0) return yield store.read(rowsOf(read))
  const order = `order by ${key.join(', ')} limit ${ROWS_PER_READ}`
  const next = `where (${key.join(', ')}) > (${key.map(() => '?').join(', ')})`
  for (let rows = await store.read(rowsOf(`${read} ${order}`)); rows.length > 0;) {
    yield rows
    await turn()
    const last = rows.at(-1)!
    rows = await store.read(rowsOf(`${read} ${next} ${order}`, ...key.map((column) => last[column]!)))
  }
}

const statements = new Map<string, ReturnType<typeof sql>>()

function rowsOf(text: string, ...values: Value[]): Bound {
  const statement = statements.get(text) ?? sql(text)
  statements.set(text, statement)
  return statement(...values)
}

/** Bytes as text that keeps each byte, with ASCII letters made small. */
function fold(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    .toString('latin1')
    .replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

const CHUNK_BYTES = 1024 * 1024

async function fileHolds(path: string, needles: readonly string[]): Promise<boolean> {
  const overlap = Math.max(0, ...needles.map((needle) => needle.length)) - 1
  const file = await open(path, 'r')
  try {
    let before = ''
    for await (const chunk of file.createReadStream({ highWaterMark: CHUNK_BYTES, autoClose: false })) {
      const text = before + fold(chunk as Uint8Array)
      if (needles.some((needle) => text.includes(needle))) return true
      before = overlap > 0 ? text.slice(-overlap) : ''
    }
    return false
  } finally {
    await file.close()
  }
}
