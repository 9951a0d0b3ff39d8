import { useEffect, useSyncExternalStore } from 'react'
import { ApiError } from '../../src/client.ts'
import { api, queries } from './api.ts'

/** How the page stands to the company: `live` as it is, `stale` as it was when the stream was lost. */
export type Freshness = 'connecting' | 'live' | 'stale' | 'signed-out'

/** What happens in a burst is read once. */
const GATHER_MS = 120

let freshness: Freshness = 'connecting'
let since = Date.now()
const readers = new Set<() => void>()

function become(next: Freshness): void {
  if (next === freshness) return
  // What was missed while nobody listened is read anew.
  if (next === 'live' && freshness === 'stale') void queries.invalidateQueries()
  freshness = next
  since = Date.now()
  for (const reader of readers) reader()
}

function subscribe(reader: () => void): () => void {
  readers.add(reader)
  return () => readers.delete(reader)
}

export function useFreshness(): { readonly freshness: Freshness; readonly since: number } {
  const now = useSyncExternalStore(subscribe, () => freshness)
  return { freshness: now, since }
}

/** Listens as long as the page is there, and has read anew what an event may have moved. */
export function useLive(): void {
  useEffect(() => {
    const end = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const heard = () => {
      timer ??= setTimeout(() => {
        timer = undefined
        void queries.invalidateQueries({ refetchType: 'active' })
      }, GATHER_MS)
    }
    const listen = async () => {
      try {
        const onState = (state: 'live' | 'waiting') => become(state === 'live' ? 'live' : 'stale')
        for await (const _ of api.events({ signal: end.signal, onState })) heard()
      } catch (error) {
        become(error instanceof ApiError && error.status === 401 ? 'signed-out' : 'stale')
      }
    }
    void listen()
    return () => {
      end.abort()
      clearTimeout(timer)
    }
  }, [])
}
