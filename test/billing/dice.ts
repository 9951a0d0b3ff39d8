/** Everything that is left to chance, in one sequence that a seed repeats. */
export interface Dice {
  /** 0 <= n < below, an integer. */
  below(below: number): number
  /** True so often, 0 to 1. */
  chance(probability: number): boolean
  pick<T>(list: readonly T[]): T
}

/** mulberry32 */
export function dice(seed: number): Dice {
  let state = seed | 0
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (n: number) => Math.floor(next() * n)
  return { below, chance: (probability) => next() < probability, pick: (list) => list[below(list.length)]! }
}
