/** The event that says which private parts were erased. Verifiers of an exported file read it too. */
export const ERASED_KIND = 'personal.erased@1'

/** First and last `seq` of each run of events, ascending. */
export type Ranges = readonly (readonly [from: number, to: number])[]

export function rangesOf(seqs: Iterable<number>): Ranges {
  const ranges: [number, number][] = []
  for (const seq of [...seqs].sort((a, b) => a - b)) {
    const last = ranges.at(-1)
    if (last && seq <= last[1] + 1) last[1] = seq
    else ranges.push([seq, seq])
  }
  return ranges
}

/** What an erasure's body names: nothing, where it is not written as Factotum writes it. `more`: it goes on with one before it. */
export function erasedIn(body: string): { readonly ranges: Ranges; readonly more: boolean } {
  try {
    const { erased, report } = JSON.parse(body) as { readonly erased?: unknown; readonly report?: unknown }
    return { ranges: Array.isArray(erased) ? erased.filter(isRange) : [], more: report === null }
  } catch {
    return { ranges: [], more: false }
  }
}

function isRange(value: unknown): value is readonly [number, number] {
  return Array.isArray(value) && value.length === 2 && value.every(Number.isSafeInteger)
}
