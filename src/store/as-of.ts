import { sql } from './sql.ts'
import type { Store } from './store.ts'

/** `seq` is dense and `at` never falls, so a search by halves finds it in twenty steps of a million, in one query. */
const lastUntil = sql(
  `with recursive search (low, high) as (
     select cast(-1 as bigint), cast((select coalesce(max(seq), -1) from event) as bigint)
     union all
     select case when e.at <= ? then e.seq else s.low end, case when e.at <= ? then s.high else e.seq - 1 end
     from search s join event e on e.seq = (s.low + s.high + 1) / 2 where s.low < s.high
   ) select low from search where low = high`,
)

const newestOf = sql('select seq from event where stream = ? order by seq desc limit 1')

/** The newest event of a record, by its `seq`: the cause of the next one. Null where nothing is recorded of it. */
export async function newestSeq(store: Store, stream: string): Promise<number | null> {
  return (await store.first<{ seq: number }>(newestOf(stream)))?.seq ?? null
}

/** The last event that was recorded until then, by its `seq`; -1: there was none yet. `at`: epoch ms. */
export async function seqAt(store: Store, at: number): Promise<number> {
  return Number((await store.first<{ low: number }>(lastUntil(at, at)))?.low ?? -1)
}
