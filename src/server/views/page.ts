import { z } from 'zod'
import { FactotumError } from '../../lib/errors.ts'

/** What is asked of a list: `paged` of operation.ts. */
export interface Paging {
  readonly limit: number
  readonly cursor?: string | undefined
}

/** Part of a list. `next`: the cursor that goes on after it; null: there is no more. One that filters may have fewer than were asked for. */
export interface Page<T> {
  readonly items: readonly T[]
  readonly next: string | null
}

/** Where a row stands in its list: what the list is ordered by, unique. */
type Place = readonly (string | number)[]

/** Of what is listed by the event that made it. */
export const bySeq = z.tuple([z.int()])

/**
 * A page of a list whose rows stay where they are while others are added: it goes on after the place of the last row
 * that was read, wherever that is by now. `show` answers null for a row that is not shown. Throws `list.bad_cursor`.
 */
export async function page<P extends Place, R, S>(
  { limit, cursor }: Paging,
  list: {
    readonly order: z.ZodType<P>
    readonly read: (after: P | null, limit: number) => Promise<readonly R[]>
    readonly place: (row: R) => Place
    readonly show: (row: R) => S
  },
): Promise<Page<NonNullable<Awaited<S>>>> {
  const found = await list.read(placeOf(cursor, list.order), limit + 1)
  const rows = found.slice(0, limit)
  const shown = await Promise.all(rows.map((row) => list.show(row)))
  return {
    items: shown.filter((item) => item !== null) as NonNullable<Awaited<S>>[],
    next: found.length > limit ? cursorOf(list.place(rows.at(-1)!)) : null,
  }
}

export function cursorOf(place: Place): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url')
}

/** Throws `list.bad_cursor`. */
export function placeOf<P extends Place>(cursor: string | undefined, order: z.ZodType<P>): P | null {
  if (cursor === undefined) return null
  const place = order.safeParse(decoded(cursor))
  if (place.success) return place.data
  throw new FactotumError(
    'list.bad_cursor',
    'The cursor is not one of this list. Give the "next" of the page before, with the same filters, or none to begin again.',
  )
}

function decoded(cursor: string): unknown {
  const text = Buffer.from(cursor, 'base64url').toString()
  try {
    // No store keeps one, and one of them does not take it.
    return text.includes('\\u0000') ? null : (JSON.parse(text) as unknown)
  } catch {
    return null
  }
}
