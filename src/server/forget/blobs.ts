import { sql, type EventRow, type Store } from '../../store/index.ts'

const HASH = /\b[0-9a-f]{64}\b/g
const eventAt = sql('select * from event where seq = ?')
const blobKnown = sql('select hash from blob where hash = ?')

/** Which blobs go: those that erased events name and no other does. Found by reading the ledger once, a part at a time. */
export class GoingBlobs {
  readonly #store: Store
  /** Named by what goes. */
  #named = new Set<string>()
  /** Named by anything that stays. */
  #shared = new Set<string>()
  #readTo = 0
  #going: ReadonlySet<number> = new Set()

  constructor(store: Store) {
    this.#store = store
  }

  get shared(): readonly string[] {
    return [...this.#named].filter((hash) => this.#shared.has(hash))
  }

  /** As the ledger is up to `head`. What was read before is not read again as long as the same events go. */
  async find(seqs: ReadonlySet<number>, head: number): Promise<string[]> {
    const named = new Set<string>()
    for (const seq of seqs) {
      const text = (await this.#store.first<EventRow>(eventAt(seq)))?.private ?? ''
      for (const hash of text.match(HASH) ?? []) if (await this.#store.first(blobKnown(hash))) named.add(hash)
    }
    // Of what was read, nothing may have counted as staying that goes now, and nothing as going that stays.
    const same =
      named.symmetricDifference(this.#named).size === 0 &&
      [...seqs.symmetricDifference(this.#going)].every((seq) => seq >= this.#readTo)
    if (!same) {
      this.#readTo = 0
      this.#shared = new Set()
    }
    this.#named = named
    this.#going = seqs
    if (named.size > 0)
      for await (const rows of this.#store.engine.events(this.#readTo, head))
        for (const row of rows)
          if (!seqs.has(row.seq))
            for (const hash of `${row.body} ${row.private ?? ''}`.match(HASH) ?? [])
              if (named.has(hash)) this.#shared.add(hash)
    this.#readTo = head
    return [...named].filter((hash) => !this.#shared.has(hash))
  }
}
