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

/** What an erasure on record took away, as verifiers tell it. */
export type Erasure = Readonly<{
  /** The event that says so, and when, epoch ms. */
  seq: number
  at: number
  /** Whose private parts went, and how many events those are. */
  ranges: Ranges
  events: number
}>

const MOST_ERASURES = 20
const MOST_RANGES = 8

/** For people: how many there are and what each covered, the newest first. Nothing where nothing was erased. */
export function erasureLines(erasures: readonly Erasure[]): string[] {
  if (erasures.length === 0) return []
  const some = (n: number, of: string) => `${n} ${of}${n === 1 ? '' : 's'}`
  const total = erasures.reduce((n, e) => n + e.events, 0)
  const rest = (n: number) => (n > 0 ? [`and ${n} more`] : [])
  const shown = erasures.toReversed().slice(0, MOST_ERASURES)
  return [
    `erased since: the private parts of ${some(total, 'event')}, by ${some(erasures.length, 'erasure')} on record`,
    ...shown.map(({ seq, at, events, ranges }) => {
      const named = ranges.slice(0, MOST_RANGES).map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`))
      const of = events === 0 ? '' : `: ${[...named, ...rest(ranges.length - MOST_RANGES)].join(', ')}`
      return `  event ${seq}, ${new Date(at).toISOString().slice(0, 16)}Z, of ${some(events, 'event')}${of}`
    }),
    ...rest(erasures.length - shown.length).map((more) => `  ${more}`),
  ]
}

function isRange(value: unknown): value is readonly [number, number] {
  return Array.isArray(value) && value.length === 2 && value.every(Number.isSafeInteger)
}
