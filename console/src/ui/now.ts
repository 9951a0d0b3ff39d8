import { useSyncExternalStore } from 'react'

/** One clock for the page: what is told relative to now is told anew every ten seconds, all of it at once. */
const TICK_MS = 10_000
let now = Date.now()
const readers = new Set<() => void>()
setInterval(() => {
  now = Date.now()
  for (const reader of readers) reader()
}, TICK_MS)

function subscribe(reader: () => void): () => void {
  readers.add(reader)
  return () => readers.delete(reader)
}

export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now)
}
