import { keepPreviousData, QueryClient, useQuery, type UseQueryResult } from '@tanstack/react-query'
import { ApiError, client, type Args, type ReadingName, type Result } from '../../src/client.ts'

export const api = client({ url: '' })

/** What is not an operation: signing in and what belongs to it. Throws `ApiError`. */
export async function access<T>(path: string, body?: object): Promise<T> {
  const init =
    body === undefined
      ? {}
      : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const response = await fetch(`/access/${path}`, init).catch((cause: unknown) => {
    throw new ApiError('client.unreachable', 'No answer came. Is the company running?', 0, { cause })
  })
  const said: unknown = await response.json().catch(() => null)
  if (response.ok) return said as T
  const { code = 'http.unknown', detail = response.statusText } = (said ?? {}) as { code?: string; detail?: string }
  throw new ApiError(code, detail, response.status)
}

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // The event stream says what moved; nothing is asked for again only because time went by.
      staleTime: Number.POSITIVE_INFINITY,
      refetchOnWindowFocus: false,
      refetchOnReconnect: false,
      networkMode: 'always',
      // The client asks again by itself where that may help.
      retry: false,
    },
    mutations: { networkMode: 'always' },
  },
})

interface Asking {
  readonly enabled?: boolean
  /** The company as it was: the number of an event, or a time. */
  readonly asOf?: string | number | undefined
  /** Shows what was there until the answer is: for lists whose filter changes. */
  readonly keep?: boolean
}

/** Reads ahead what will be looked at next, where it is not there already. */
export function readAhead<N extends ReadingName>(name: N, args: Args<N>): void {
  void queries.prefetchQuery({
    queryKey: [name, args, null],
    queryFn: ({ signal }) => api.get(name, ...([args, { signal }] as never)),
  })
}

/** A reading of the company, kept until something moves. */
export function useReading<N extends ReadingName>(
  name: N,
  args: Args<N>,
  { enabled = true, asOf, keep = false }: Asking = {},
): UseQueryResult<Result<N>> {
  return useQuery({
    queryKey: [name, args, asOf ?? null],
    queryFn: ({ signal }) => {
      const options = { signal, ...(asOf === undefined ? {} : { asOf }) }
      return api.get(name, ...([args, options] as never))
    },
    enabled,
    ...(keep ? { placeholderData: keepPreviousData } : {}),
  }) as UseQueryResult<Result<N>>
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
