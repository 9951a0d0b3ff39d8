/** So many at once, and then so many a second. */
export interface Rate {
  readonly burst: number
  readonly perSecond: number
}

/** So many are told apart; who came longest ago is forgotten first. */
const MAX_KEYS = 10_000

/** Buckets that fill again as time goes by, one a key, in bounded memory. */
export class Limits {
  readonly #rate: Rate
  readonly #buckets = new Map<string, { left: number; at: number }>()

  constructor(rate: Rate) {
    this.#rate = rate
  }

  /** Takes one. 0 where there was one; else how many seconds to wait. */
  take(key: string, now: number): number {
    const { perSecond } = this.#rate
    const left = this.#left(key, now)
    this.#put(key, Math.max(0, left - 1), now)
    return left >= 1 ? 0 : Math.ceil((1 - left) / perSecond)
  }

  /** How many seconds to wait until there is one; nothing is taken. */
  wait(key: string, now: number): number {
    const left = this.#left(key, now)
    return left >= 1 ? 0 : Math.ceil((1 - left) / this.#rate.perSecond)
  }

  #left(key: string, now: number): number {
    const { burst, perSecond } = this.#rate
    const bucket = this.#buckets.get(key)
    if (!bucket) return burst
    return Math.min(burst, bucket.left + (Math.max(0, now - bucket.at) / 1_000) * perSecond)
  }

  #put(key: string, left: number, at: number): void {
    this.#buckets.delete(key)
    this.#buckets.set(key, { left, at })
    if (this.#buckets.size > MAX_KEYS) this.#buckets.delete(this.#buckets.keys().next().value!)
  }
}

/** What counts as one address: of IPv6 the network, for whoever has one address there has all of them. */
export function addressKey(address: string): string {
  const plain = address.replace(/^::ffff:/i, '').replace(/%.*$/, '')
  if (!plain.includes(':')) return plain
  const [head = '', tail] = plain.split('::')
  const groups = head.split(':').filter(Boolean)
  const rest = tail === undefined ? [] : tail.split(':').filter(Boolean)
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - rest.length) }, () => '0')
  return `${[...groups, ...zeros, ...rest].slice(0, 4).join(':')}::/64`
}
