import { useEffect, useSyncExternalStore } from 'react'
import { ApiError } from '../../src/client.ts'
import { api, queries } from './api.ts'

/** How the page stands to the company: `live` as it is, `stale` as it was when the stream was lost. */
export type Freshness = 'connecting' | 'live' | 'stale' | 'signed-out'

/** What happens in a burst is read once, and in a long one so often that the page mostly rests. */
const GATHER_MS = 120
const REST = 4
const LONGEST_REST_MS = 2_000
/** A server that does not answer holds up what is read next for no longer. */
const MOST_READING_MS = 10_000

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

let timer: ReturnType<typeof setTimeout> | undefined
let reading = false
let again = false
let rest = GATHER_MS
/** Whether something happened that pauses or resumes. */
let pausing = false

/**
 * Only what an event may have moved: who is signed in is not in the ledger, and what is paused has events of its own. What is
 * `still` is read anew by its key alone: a plan that is being confirmed, or what may be gone by the time it is asked for.
 */
function mayHaveMoved(name: unknown): boolean {
  return name !== 'access/state' && (name !== 'pauses' || pausing)
}

/** Something moved: what is shown is read anew, once for all that moves until then, and never twice at a time. */
export function moved(): void {
  again = true
  if (timer === undefined && !reading) timer = setTimeout(() => void read(), rest)
}

async function read(): Promise<void> {
  timer = undefined
  again = false
  reading = true
  const begun = performance.now()
  const all = queries.invalidateQueries({
    refetchType: 'active',
    predicate: ({ queryKey: [name], meta }) => meta?.still !== true && mayHaveMoved(name),
  })
  pausing = false
  await Promise.race([all, new Promise((resolve) => setTimeout(resolve, MOST_READING_MS))])
  reading = false
  rest = Math.min(LONGEST_REST_MS, Math.max(GATHER_MS, REST * (performance.now() - begun)))
  if (again) moved()
  else rest = GATHER_MS
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
    const listen = async () => {
      try {
        const onState = (state: 'live' | 'waiting') => become(state === 'live' ? 'live' : 'stale')
        for await (const { kind } of api.events({ signal: end.signal, onState })) {
          pausing ||= kind.startsWith('pause.')
          moved()
        }
      } catch (error) {
        become(error instanceof ApiError && error.status === 401 ? 'signed-out' : 'stale')
      }
    }
    void listen()
    return () => end.abort()
  }, [])
}
