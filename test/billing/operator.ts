import type { Books } from '../../examples/studio/connectors/billing/books.ts'
import type { Link } from '../../src/governance/why.ts'
import type { Json } from '../../src/lib/json.ts'
import type { QueueItem } from '../../src/server/views/queue.ts'
import type { Dice } from './dice.ts'

/** Null where nobody answered: the process died. Throws what was refused. */
export type Ask = <T>(operation: string, args: object) => Promise<T | null>

/** It moved between looking and deciding, or an answer to an earlier try was lost and it counts. */
const MOVED =
  /^(gate\.(decided|changed)|undo\.(changed|nothing)|effect\.(left|moved)|run\.(ended|moved)|wait\.resolved)$/
/** A dead letter is tried again so often. */
const MAX_TRIES = 2

interface Says {
  readonly outcome: string
  readonly reason?: string
  readonly value?: Json
  readonly binding?: string
}

/** Decides by dice, and by the service's books where nobody knows what happened. Remembers what was acknowledged. */
export class Operator {
  readonly acknowledged = new Map<string, string>()
  /** What nobody is sure about and the operator has put off. */
  readonly putOff = new Set<string>()
  readonly #books: () => Books
  readonly #dice: Dice
  readonly #seen = new Set<string>()
  readonly #tried = new Map<string, number>()

  constructor(books: () => Books, dice: Dice) {
    this.#books = books
    this.#dice = dice
  }

  /** Looks at the queue and decides a share of it, 0 to 1. Answers how much was decided. */
  async decides(ask: Ask, share: number): Promise<number> {
    let decided = 0
    const queue = await ask<{ items: readonly { id: string }[] }>('queue', { limit: 1_000 })
    for (const { id } of queue?.items ?? []) {
      if (this.putOff.has(id) || !this.#dice.chance(share)) continue
      const item = await ask<QueueItem>('gate', { id })
      if (item === null) continue
      if (item.kind === 'uncertain' && !this.#seen.has(item.id) && this.#dice.chance(0.1)) {
        this.#seen.add(item.id)
        this.putOff.add(item.id)
        continue
      }
      const done = await attempt(async () => {
        const says = await this.#says(ask, item)
        return says && ask<{ outcome: string }>('decide', { id: item.id, ...says })
      })
      if (!done) continue
      this.acknowledged.set(item.id, done.outcome)
      decided++
    }
    return decided
  }

  /** Takes something back: what its plan shows, or nothing where that changed. */
  async takesBack(ask: Ask, id: string): Promise<void> {
    await attempt(async () => {
      const plan = await ask<{ binding: string }>('undoPlan', { id })
      return plan && ask('undo', { id, binding: plan.binding })
    })
  }

  async cancels(ask: Ask, id: string): Promise<void> {
    await attempt(() => ask('cancel', { id, reason: 'not wanted any more' }))
  }

  async #says(ask: Ask, item: QueueItem): Promise<Says | null> {
    switch (item.kind) {
      case 'effect':
        return this.#onEffect(ask, item)
      case 'uncertain':
        return this.#onUncertain(ask, item)
      case 'dead_letter':
        return this.#onDeadLetter(ask, item)
      default:
        throw new Error(`The operator did not expect ${item.kind}: ${item.title} ${JSON.stringify(item.proposal)}`)
    }
  }

  async #onEffect(ask: Ask, { id, binding }: QueueItem): Promise<Says | null> {
    if (this.#dice.chance(0.1)) return { outcome: 'reject', reason: 'not this one' }
    if (!this.#dice.chance(0.2)) return { outcome: 'approve', ...(binding === null ? {} : { binding }) }
    const input = await ask<{ amount: number }>('input', { id })
    return input && { outcome: 'edit', value: { ...input, amount: 1 + this.#dice.below(input.amount) } }
  }

  async #onUncertain(ask: Ask, item: QueueItem): Promise<Says | null> {
    const key = await keyOf(ask, item)
    if (key === null) return null
    if (happened(this.#books(), key)) return { outcome: 'happened' }
    return this.#dice.chance(0.6) ? { outcome: 'retry' } : { outcome: 'close', reason: 'it is not in the books' }
  }

  async #onDeadLetter(ask: Ask, item: QueueItem): Promise<Says | null> {
    const key = await keyOf(ask, item)
    if (key === null) return null
    if (happened(this.#books(), key)) throw new Error(`${item.title} is a dead letter, and was done under ${key}`)
    const tried = this.#tried.get(key) ?? 0
    this.#tried.set(key, tried + 1)
    return tried < MAX_TRIES && this.#dice.chance(0.7) ? { outcome: 'retry' } : { outcome: 'close', reason: 'enough' }
  }
}

async function attempt<T>(what: () => Promise<T | null>): Promise<T | null> {
  try {
    return await what()
  } catch (error) {
    if (MOVED.test((error as { code?: string }).code ?? '')) return null
    throw error
  }
}

/** The idempotency key of the effect that a gate is about, as its story tells it: what is edited gets another. */
async function keyOf(ask: Ask, item: QueueItem): Promise<string | null> {
  const story = (await ask<Link[]>('why', { id: item.id })) ?? []
  const key = story.findLast((link) => link.stream === story.at(-1)!.stream && typeof link.body.key === 'string')
  return (key?.body.key ?? null) as string | null
}

/** Whether the books say that what a key stands for was done; an undo's begins with the key of what it takes back. */
function happened(books: Books, key: string): boolean {
  const [undone, undo] = key.split(':undo:')
  if (undo === undefined) return [...books.refunds, ...books.filed].some((entry) => entry.key === key)
  return (
    books.refunds.some((r) => r.key === undone && r.reversedAt !== null) ||
    books.filed.some((f) => f.key === undone && f.withdrawnAt !== null)
  )
}
