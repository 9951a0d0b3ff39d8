import { errorCode } from '../lib/errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { CommitResult } from './commit.ts'
import { eventKind } from './events.ts'
import type { CommitInput } from './prepared.ts'
import type { Store } from './store.ts'
import * as work from './work.ts'

/** Something that every store must do, tried on an empty one. `again` is a restart. */
export type Check = (
  what: string,
  run: (store: Store, again: (clock?: Clock) => Promise<Store>) => Promise<void>,
  clock?: () => Clock,
) => void

export const noted = eventKind<{ n: number }, { text: string }>('test.noted@1', () => [])
export const added = eventKind<{ at?: number }>('test.added@1', (e) => [work.addWork(e.stream, 'run', e.body.at)])
export const rung = eventKind<{ at: number }>('test.rung@1', (e) => [work.ringWork(e.body.at, e.stream)])

export const note = (key: string, n = 0): CommitInput => ({ key, events: [noted(`s-${key}`, { n })] })

/** All in one turn of the event loop, so that they share a group: what each came to. */
export async function together(store: Store, inputs: readonly CommitInput[]): Promise<(CommitResult | string)[]> {
  const settled = await Promise.allSettled(inputs.map((input) => store.commit(input)))
  return settled.map((s) => (s.status === 'fulfilled' ? s.value : errorCode(s.reason)))
}
