import { errorCode } from '../lib/errors.ts'
import { sql, type Bound, type EventRow, type Store } from '../store/index.ts'
import { Frontier, signCheckpoint, type Signer } from './ledger/index.ts'

const newestCheckpoint = sql('select size, note, frontier from checkpoint order by size desc limit 1')
const insertCheckpoint = sql(
  'insert into checkpoint (size, note, frontier, at) values (?, ?, ?, ?) on conflict (size) do nothing',
)
const insertNode = sql('insert into tree_node (level, idx, hash) values (?, ?, ?) on conflict (level, idx) do nothing')
const leavesFrom = sql('select seq, leaf from event where seq >= ? and seq < ? order by seq')

const SEAL_EVERY_MS = 1_000
const LEAVES_PER_READ = 10_000

type OnNode = (level: number, index: number, node: Uint8Array) => void
type Leaf = Pick<EventRow, 'seq' | 'leaf'>

export interface Sealed {
  readonly size: number
  readonly note: string
}

/**
 * Signs a checkpoint over the ledger for every second that has events, and at shutdown. A checkpoint is not an event:
 * signing it would make the next one necessary.
 */
export class Sealer {
  readonly #store: Store
  readonly #signer: Signer
  readonly #onSealed: (sealed: Sealed) => void
  #frontier: Frontier | null = null
  #sealing: Promise<Sealed | null> | null = null
  #cancelAlarm: (() => void) | null = null
  #nodes: Bound[] = []
  #stopped = false

  constructor(store: Store, signer: Signer, onSealed: (sealed: Sealed) => void = () => {}) {
    this.#store = store
    this.#signer = signer
    this.#onSealed = onSealed
  }

  start(): void {
    this.#store.onCommit((rows) => {
      this.#grow(rows)
      this.#soon()
    })
    this.#soon()
  }

  #soon(): void {
    if (this.#cancelAlarm || this.#stopped) return
    this.#cancelAlarm = this.#store.clock.alarm(this.#store.clock.now() + SEAL_EVERY_MS, () => {
      this.#cancelAlarm = null
      this.seal().catch((error: unknown) => {
        process.stderr.write(`factotum: the ledger could not be sealed: ${String(error)}\n`)
        this.#soon()
      })
    })
  }

  /** Signs everything that is committed now. Answers null where nothing was ever committed. */
  async seal(): Promise<Sealed | null> {
    while (this.#sealing) await this.#sealing
    this.#sealing = this.#seal().finally(() => {
      this.#sealing = null
    })
    return this.#sealing
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelAlarm?.()
    await this.seal()
  }

  async #seal(): Promise<Sealed | null> {
    try {
      const head = await this.#store.engine.head()
      if (head === 0) return null
      const newest = await this.#store.first<{ size: number; note: string; frontier: Uint8Array }>(newestCheckpoint())
      // A ledger that is shorter than what was signed was cut: `verify` says so, and nothing is signed over it.
      if (newest && newest.size >= head) return newest
      // Another process may have sealed meanwhile: go on from the newest checkpoint that is recorded.
      if (this.#frontier === null || this.#frontier.size < (newest?.size ?? 0)) this.#frontier = this.#resume(newest)
      await this.#catchUp(this.#frontier, head)
      // No await from here to the nodes: commits that are durable by now may be in, and everything is of one size.
      const { size } = this.#frontier
      const note = signCheckpoint({ size, root: this.#frontier.root() }, this.#signer)
      const nodes = this.#nodes.splice(0)
      const edge = this.#frontier.toBuffer()
      await this.#store.write([...nodes, insertCheckpoint(size, note, edge, this.#store.clock.now())])
      this.#onSealed({ size, note })
      return { size, note }
    } catch (error) {
      this.#frontier = null
      this.#nodes = []
      throw error
    }
  }

  /** The edge of the tree as it was saved, where it is what was signed; else from the leaves, for it is only a cache. */
  #resume(newest: { size: number; note: string; frontier: Uint8Array } | undefined): Frontier {
    const onNode: OnNode = (level, index, node) => void this.#nodes.push(insertNode(level, index, node))
    return (newest && this.#saved(newest, onNode)) ?? new Frontier(onNode)
  }

  #saved(newest: { size: number; note: string; frontier: Uint8Array }, onNode: OnNode): Frontier | null {
    try {
      const saved = Frontier.from(newest.size, newest.frontier, onNode)
      return signCheckpoint({ size: saved.size, root: saved.root() }, this.#signer) === newest.note ? saved : null
    } catch (error) {
      if (errorCode(error) === 'ledger.frontier_invalid') return null
      throw error
    }
  }

  async #catchUp(frontier: Frontier, size: number): Promise<void> {
    while (frontier.size < size) {
      this.#grow(await this.#store.read<Leaf>(leavesFrom(frontier.size, frontier.size + LEAVES_PER_READ)))
    }
  }

  /**
   * Takes in what was committed as it comes, so that a seal after a busy second neither reads nor hashes for long. What
   * is not next (another process was in between) is left to be read.
   */
  #grow(rows: readonly Leaf[]): void {
    const frontier = this.#frontier
    if (!frontier) return
    for (const { seq, leaf } of rows) if (seq === frontier.size) frontier.append(leaf)
  }
}
