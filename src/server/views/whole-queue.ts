import type { QueueItem } from './queue.ts'
import type { QueuePage } from './queue-rows.ts'

/** So many gates are shown whole in one answer. */
export const MAX_WHOLE = 50
const MAX_PAGE = 1_000

/** How an operation is asked: in this process, or of a server. */
export type AskQueue = (name: 'queue' | 'gates', args: object) => Promise<unknown>

/** The first gates of the queue in its order, each whole, and how many wait altogether. */
export async function wholeQueue(
  ask: AskQueue,
  most: number,
): Promise<{ readonly items: readonly QueueItem[]; readonly waiting: number }> {
  const page = (await ask('queue', { limit: Math.min(most, MAX_PAGE) })) as QueuePage
  const items: QueueItem[] = []
  for (let i = 0; i < page.items.length; i += MAX_WHOLE) {
    const ids = page.items.slice(i, i + MAX_WHOLE).map(({ id }) => id)
    items.push(...((await ask('gates', { ids })) as QueueItem[]))
  }
  return { items, waiting: Object.values(page.counts).reduce((a, b) => a + b, 0) }
}
