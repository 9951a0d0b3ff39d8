import { StoreError } from './errors.ts'

/** What both stores can bind and return. Times are integer milliseconds, JSON is text, flags are 0 or 1. */
export type Value = string | number | null | Uint8Array

/** One SQL text that both stores speak, with `?` for each value. Prepared once per connection. */
export interface Statement {
  readonly id: number
  readonly text: string
}

/** A statement with its values: a projection's write, a guard, or a query. */
export interface Bound {
  readonly statement: Statement
  readonly values: readonly Value[]
}

let statements = 0

/**
 * Declares a statement once, at module level; calling it binds values: `insertRun(id, at)`.
 * A missing value is null, so that an absent optional property and a rebuilt one write the same row.
 */
export function sql(text: string): (...values: (Value | undefined)[]) => Bound {
  const statement: Statement = { id: statements++, text: text.replace(/\s+/g, ' ').trim() }
  return (...values) => {
    for (let i = 0; i < values.length; i++) values[i] = storable(values[i])
    return { statement, values: values as Value[] }
  }
}

/**
 * What a column can hold, the same in both stores. NUL becomes U+FFFD, as half a surrogate pair does when text is
 * written as UTF-8: PostgreSQL refuses NUL and SQLite reads only up to it. The ledger has the exact text, for JSON
 * escapes both; a hostile mail must not fail its commit.
 */
export function storable(value: Value | undefined): Value {
  if (value === undefined) return null
  if (typeof value === 'string') return value.includes('\0') ? value.replaceAll('\0', '\ufffd') : value
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new StoreError('store.not_storable', `${value} cannot be stored in a column. Store null or a finite number.`)
  }
  return value
}

/** The same text with `$1, $2, …`: PostgreSQL's placeholders. No statement of ours has a `?` in a literal. */
export function numbered(text: string): string {
  let n = 0
  return text.replace(/\?/g, () => `$${++n}`)
}
