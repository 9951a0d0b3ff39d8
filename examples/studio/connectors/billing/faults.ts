/**
 * What can go wrong at the service, switched by `POST /faults`:
 * `before` (500, nothing was done), `after` (500, it was done), `timeout` (it was done, no answer ever), `slow` (it was
 * done, the answer comes late), `rate` (429, nothing was done), `garbage` (it was done, the answer is no JSON),
 * `unauthorised` (401, nothing was done), `echo` (422, nothing was done, and the answer repeats the credentials).
 */
export const FAULTS = ['before', 'after', 'timeout', 'slow', 'rate', 'garbage', 'unauthorised', 'echo'] as const

export interface Fault {
  readonly fault: (typeof FAULTS)[number]
  /** What it strikes: the beginning of `POST /refunds`, say. Default: every request. */
  readonly on?: string
  /** It strikes the next so many requests. Default 1, or no end where a probability is given. */
  readonly next?: number
  /** It strikes so many of them, 0 to 1. Default 1: each. */
  readonly probability?: number
  /** The same seed strikes the same requests. */
  readonly seed?: number
  /** How long, in milliseconds: for `slow` and `rate` (default 1000), and until a `timeout` drops the line (default never). */
  readonly ms?: number
}

/** Which fault strikes a request, `POST /refunds` say; undefined when none does. */
export type Strike = (request: string) => Fault | undefined

/** Makes the faults of a service: the first that applies strikes. */
export function striking(faults: readonly Fault[]): Strike {
  const armed = faults.map((fault) => ({
    fault,
    left: fault.next ?? (fault.probability === undefined ? 1 : Infinity),
    draw: draws(fault.seed ?? 1),
  }))
  return (request) =>
    armed.find((a) => {
      if (a.left <= 0 || !request.startsWith(a.fault.on ?? '')) return false
      if (a.draw() >= (a.fault.probability ?? 1)) return false
      a.left--
      return true
    })?.fault
}

/** 0 <= x < 1, the same sequence for the same seed (mulberry32). */
function draws(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
