import { ACCESS, accessRefused, type Refused } from '../../governance/access/events.ts'
import type { Store } from '../../store/index.ts'

const HOUR_MS = 3_600_000
const MAX_ADDRESSES = 1_000
/** Of so many callers each is counted for itself. */
const MAX_COUNTED = 200

interface Count {
  readonly what: Refused
  readonly who: string | null
  readonly since: number
  readonly addresses: Set<string>
  count: number
  told: number
}

/** Counts what is refused, and tells the ledger of it so that an attacker cannot make it grow. */
export class Refusals {
  readonly #store: Store
  readonly #counts = new Map<string, Count>()

  constructor(store: Store) {
    this.#store = store
  }

  note(what: Refused, who: string | null, address: string): void {
    const known = this.#counts.size < MAX_COUNTED || this.#counts.has(`${what} ${who}`)
    const count = this.#countOf(what, known ? who : null)
    count.count++
    if (count.addresses.size < MAX_ADDRESSES) count.addresses.add(address)
    // 1, 2, 4, 8, …
    if ((count.count & (count.count - 1)) === 0) this.#tell(count)
  }

  /** Tells what was not told yet. */
  async flush(): Promise<void> {
    const open = [...this.#counts.values()]
    this.#counts.clear()
    await Promise.all(open.map((count) => this.#commit(count)))
  }

  #countOf(what: Refused, who: string | null): Count {
    const key = `${what} ${who}`
    const known = this.#counts.get(key)
    if (known) return known
    const since = this.#store.clock.now()
    const count: Count = { what, who, since, addresses: new Set(), count: 0, told: 0 }
    this.#counts.set(key, count)
    this.#store.clock.alarm(since + HOUR_MS, () => {
      if (this.#counts.get(key) !== count) return
      this.#counts.delete(key)
      this.#tell(count)
    })
    return count
  }

  #tell(count: Count): void {
    this.#commit(count).catch((error: unknown) => {
      process.stderr.write(`factotum: what was refused could not be recorded: ${String(error)}\n`)
    })
  }

  async #commit(count: Count): Promise<void> {
    if (count.told === count.count) return
    count.told = count.count
    const { what, who, since, addresses } = count
    await this.#store.commit({
      key: this.#store.newId('refused'),
      events: [accessRefused(ACCESS, { what, who, count: count.count, addresses: addresses.size, since })],
    })
  }
}
