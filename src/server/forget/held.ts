import { clearOf } from '../../context/ephemeral.ts'
import { sql, type Bound, type Store } from '../../store/index.ts'
import type { Scope, Thing } from './scope.ts'

/** Rows that no event made, of things that concern a person: they go in the commit of the erasure. One line for each table. */
const HELD: readonly {
  readonly table: string
  readonly of: Thing
  readonly count: (id: string) => Bound
  readonly remove: (id: string) => Bound
}[] = [
  {
    table: 'ephemeral',
    of: 'run',
    count: sql('select count(*) as n from ephemeral where owner = ?'),
    remove: clearOf,
  },
  {
    table: 'ephemeral',
    of: 'session',
    count: sql('select count(*) as n from ephemeral where ? in (owner, origin)'),
    remove: clearOf,
  },
]

export const HELD_TABLES = [...new Set(HELD.map((one) => one.table))]

export function heldRemovals(scope: Scope): Bound[] {
  return HELD.flatMap(({ of, remove }) => scope.all(of).map((id) => remove(id)))
}

export async function heldCount(store: Store, scope: Scope): Promise<number> {
  let sum = 0
  for (const { of, count } of HELD)
    for (const id of scope.all(of)) sum += (await store.first<{ n: number }>(count(id)))!.n
  return sum
}
