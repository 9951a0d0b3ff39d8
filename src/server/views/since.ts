import { sql, type Store } from '../../store/index.ts'

/** Where a stretch of the ledger begins: its first event, and the time, epoch ms. */
export interface Since {
  readonly seq: number
  readonly at: number
}

const timeOf = sql('select at from event where seq = ?')

export async function sinceSeq(store: Store, seq: number): Promise<Since> {
  const event = await store.first<{ at: number }>(timeOf(seq))
  return { seq, at: event?.at ?? store.clock.now() }
}

/** Times only grow with `seq`, and there is no index on them: found by halving. */
export async function sinceTime(store: Store, at: number): Promise<Since> {
  let low = 0
  let high = await store.engine.head()
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const event = await store.first<{ at: number }>(timeOf(middle))
    if (event !== undefined && event.at < at) low = middle + 1
    else high = middle
  }
  return { seq: low, at }
}
