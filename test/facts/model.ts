import type { Trust } from '../../src/context/signals.ts'

/**
 * What the store must answer, small enough to be obvious: for each entity and each instant a pile of all that was ever
 * said of it, and what is believed is the topmost of it that was not taken back. Instants are 0 to `LAST`; what holds
 * at `LAST` holds for ever. One attribute with one value at a time.
 */
export const LAST = 4
const RANK: Readonly<Record<Trust, number>> = { outsider: 0, verified: 1, operator: 2 }

export interface Said {
  /** Grows with every statement. */
  readonly n: number
  /** Null: it says that nothing holds any more. */
  readonly value: string | null
  readonly trust: Trust
  retracted: boolean
  corrected: Said | null
}

export type Voice = { readonly trust: Trust; readonly stranger: boolean }
export type Came = 'changed' | 'known' | 'disputed'

export class Model {
  readonly #piles: readonly Said[][][]
  merged = false
  #n = 0

  constructor(entities: number) {
    this.#piles = Array.from({ length: entities }, () => Array.from({ length: LAST + 1 }, () => []))
  }

  /** What is believed of one entity by itself. */
  top(entity: number, at: number): Said | undefined {
    const pile = this.#piles[entity]![at]!
    for (let i = pile.length - 1; i >= 0; i--) {
      const right = rightly(pile[i]!)
      if (right) return right.value === null ? undefined : right
    }
    return undefined
  }

  /** What is believed of an entity and all that it is one with. */
  answer(entity: number, at: number): Said | undefined {
    return this.#whole(entity)
      .map((e) => this.top(e, at))
      .filter((s) => s !== undefined)
      .sort((a, b) => RANK[b.trust] - RANK[a.trust] || b.n - a.n)[0]
  }

  assert(entity: number, value: string, from: number, to: number, by: Voice): Came {
    const at = range(from, to)
    if (at.some((v) => this.#tops(entity, v).some((s) => s.value !== value && !mayReplace(s, by)))) return 'disputed'
    const new_ = at.filter((v) => {
      const believed = this.answer(entity, v)
      return believed?.value !== value || RANK[believed.trust] < RANK[by.trust]
    })
    if (new_.length === 0) return 'known'
    const raised = new_.every(
      (v) => this.#tops(entity, v).length > 0 && this.#tops(entity, v).every((s) => s.value === value),
    )
    const other = at.some((v) => this.#tops(entity, v).some((s) => s.value !== value))
    this.put(entity, value, new_, by.trust)
    return raised && !other ? 'known' : 'changed'
  }

  correct(entity: number, value: string, at: number, by: Voice): Came | 'nothing' {
    const wrong = this.answer(entity, at)
    if (!wrong) return 'nothing'
    if (wrong.value === value && RANK[wrong.trust] >= RANK[by.trust]) return 'known'
    if (!mayReplace(wrong, by)) return 'disputed'
    wrong.corrected = this.#say(value, by.trust)
    return 'changed'
  }

  end(entity: number, at: number, by: Voice): Came {
    const tops = range(at, LAST + 1).flatMap((v) => this.#tops(entity, v))
    if (tops.length === 0) return 'known'
    if (tops.some((s) => !mayReplace(s, by))) return 'disputed'
    this.stop(entity, range(at, LAST + 1))
    return 'changed'
  }

  retract(entity: number, at: number, by: Voice): Came | 'nothing' {
    const wrong = this.answer(entity, at)
    if (!wrong) return 'nothing'
    if (!mayReplace(wrong, by)) return 'disputed'
    wrong.retracted = true
    return 'changed'
  }

  put(entity: number, value: string, at: readonly number[], trust: Trust): void {
    const said = this.#say(value, trust)
    for (const v of at) this.#piles[entity]![v]!.push(said)
  }

  stop(entity: number, at: readonly number[]): void {
    for (const e of this.#whole(entity)) {
      const ended = this.#say(null, 'operator')
      for (const v of at) if (this.top(e, v)) this.#piles[e]![v]!.push(ended)
    }
  }

  #say(value: string | null, trust: Trust): Said {
    return { n: ++this.#n, value, trust, retracted: false, corrected: null }
  }

  #whole(entity: number): number[] {
    return this.merged ? this.#piles.map((_, e) => e) : [entity]
  }

  #tops(entity: number, at: number): Said[] {
    return this.#whole(entity)
      .map((e) => this.top(e, at))
      .filter((s) => s !== undefined)
  }
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, Math.min(to, LAST + 1) - from) }, (_, i) => from + i)
}

function rightly(said: Said): Said | undefined {
  return (said.corrected && rightly(said.corrected)) ?? (said.retracted ? undefined : said)
}

function mayReplace(said: Said, by: Voice): boolean {
  if (by.trust === 'operator') return true
  const over = RANK[by.trust] - RANK[said.trust]
  return over > 0 || (over === 0 && !by.stranger)
}
