import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import type { Args, Item, ListName } from '../../src/client.ts'
import { api } from './api.ts'

const PAGE = 200

export interface Listing<T> {
  /** All that was read so far; undefined: nothing yet. */
  readonly data: readonly T[] | undefined
  readonly error: unknown
  readonly refetch: () => unknown
  /** Reads the next page; undefined: there is none, or it is being read. */
  readonly more: (() => void) | undefined
  /** Everything that there is was read. */
  readonly whole: boolean
}

/**
 * A list page by page: what is behind the last row is asked for when one comes near it. `of`: it is read anew when that is another,
 * instead of whenever something happens.
 */
export function usePages<N extends ListName>(
  name: N,
  args: Omit<Args<N>, 'limit' | 'cursor'>,
  of?: number,
): Listing<Item<N>> {
  type Page = { readonly items: readonly Item<N>[]; readonly next: string | null }
  const asked = useInfiniteQuery({
    queryKey: [name, 'pages', args, of ?? null],
    meta: { still: of !== undefined },
    placeholderData: keepPreviousData,
    initialPageParam: null as string | null,
    queryFn: async ({ pageParam, signal }) => {
      const given = { ...args, limit: PAGE, ...(pageParam === null ? {} : { cursor: pageParam }) }
      return (await api.get(name, ...([given, { signal }] as never))) as unknown as Page
    },
    getNextPageParam: (page) => page.next,
  })
  const data = useMemo(() => asked.data?.pages.flatMap((p) => p.items), [asked.data])
  return {
    data,
    error: asked.error,
    refetch: asked.refetch,
    more: asked.hasNextPage && !asked.isFetchingNextPage ? () => void asked.fetchNextPage() : undefined,
    whole: asked.data !== undefined && !asked.hasNextPage,
  }
}
