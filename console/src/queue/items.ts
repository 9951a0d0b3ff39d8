import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useSyncExternalStore } from 'react'
import type { Result } from '../../../src/client.ts'
import { api } from '../api.ts'

/** In the place of a kind: those that were put off. */
export const SNOOZED = 'snoozed'

/** One line of the queue. */
export type Item = Result<'queue'>['items'][number]

const PAGE = 200

/** What was decided here and is not yet out of what the server lists: deciding is instant. */
let leaving: ReadonlySet<string> = new Set()
const readers = new Set<() => void>()

function setLeaving(next: ReadonlySet<string>): void {
  leaving = next
  for (const reader of readers) reader()
}

export function leave(ids: readonly string[]): void {
  setLeaving(new Set([...leaving, ...ids]))
}

export function comeBack(ids: readonly string[]): void {
  setLeaving(new Set([...leaving].filter((id) => !ids.includes(id))))
}

function subscribe(reader: () => void): () => void {
  readers.add(reader)
  return () => readers.delete(reader)
}

/** The open items in the order of the server, by pages, without those that were just decided here. */
export function useItems(kind: string | undefined, find: string | undefined) {
  const asked = useInfiniteQuery({
    queryKey: ['queue', { kind: kind ?? null, find: find ?? null }],
    placeholderData: keepPreviousData,
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      api.get(
        'queue',
        {
          limit: PAGE,
          ...(kind === undefined ? {} : kind === SNOOZED ? { snoozed: true } : { kind }),
          ...(find === undefined ? {} : { find }),
          ...(pageParam === null ? {} : { cursor: pageParam }),
        },
        { signal },
      ),
    getNextPageParam: (page) => page.next,
  })
  const gone = useSyncExternalStore(subscribe, () => leaving)
  const all = useMemo(() => asked.data?.pages.flatMap((p) => p.items), [asked.data])
  const items = useMemo(() => all?.filter(({ id }) => !gone.has(id)), [all, gone])
  useEffect(() => {
    // What the server no longer lists need not be hidden.
    const listed = new Set(all?.map(({ id }) => id))
    if (all && !asked.isFetching && [...leaving].some((id) => !listed.has(id)))
      setLeaving(new Set([...leaving].filter((id) => listed.has(id))))
  }, [all, asked.isFetching])
  return {
    items,
    counts: asked.data?.pages[0]?.counts ?? {},
    snoozed: asked.data?.pages[0]?.snoozed ?? 0,
    error: asked.error,
    refetch: asked.refetch,
    more: asked.hasNextPage && !asked.isFetchingNextPage ? () => void asked.fetchNextPage() : undefined,
  }
}
