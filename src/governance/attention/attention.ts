import { errorMessage } from '../../lib/errors.ts'
import type { EventInput, Fence, Guard, Store } from '../../store/index.ts'
import { absence, awayBegan, awayEnded, beginAway, endAway, type Absence } from './away.ts'
import { DIGEST, digestPlanned, digestRemoved, digestRow, digestSent, type DigestRow } from './digests.ts'
import { nextDigest, quietUntil, type Hours } from './hours.ts'

/** What a digest says, and how much of it there is. */
export interface Letter {
  readonly subject: string
  readonly text: string
  /** Gates that wait, and things that happened: with neither, nothing is sent. */
  readonly waiting: number
  readonly happened: number
}

export interface Post {
  /** What there is to tell of what was recorded since event `seq`. */
  readonly compose: (seq: number) => Promise<Letter>
  /** `key`: the same for every try of one digest. */
  readonly send: (to: string, subject: string, text: string, key: string) => Promise<void>
}

/** A mail that did not leave is tried again after so long. */
const RETRY_MS = 15 * 60_000

/**
 * The operator's attention: when a digest is due, when nothing is sent, and whether the operator is away.
 *
 * A digest is no effect: nobody decides anything by it, it holds only what the record holds already, and it goes to the
 * one address that `company.ts` names. As an effect it would be proposed by a run and would ask, by the rule that what
 * leaves asks first, at a gate that the digest is there to tell of. It is recorded when it has left; a process that dies
 * between the two sends it once more, under the same Message-ID. The other order would lose one, and with it a gate that
 * nobody sees.
 */
export class Attention {
  readonly hours: Hours
  readonly #store: Store
  readonly #post: Post
  /** What went wrong the last time that a digest was to be sent. */
  failure: string | null = null
  #notBefore = 0

  constructor(store: Store, hours: Hours, post: Post) {
    this.#store = store
    this.hours = hours
    this.#post = post
  }

  /** Until when nothing is sent, epoch ms; null where it is no quiet hour. */
  quietAt(now: number): number | null {
    return quietUntil(this.hours, now)
  }

  async isAway(now: number): Promise<boolean> {
    return (await absence(this.#store, now)) !== null
  }

  absence(now: number): Promise<Absence | null> {
    return absence(this.#store, now)
  }

  digest(): Promise<DigestRow | undefined> {
    return this.#store.first<DigestRow>(digestRow(DIGEST))
  }

  /** Away from now on, until then. The next digest comes when it is over. Throws `away.past`, `away.moved`. */
  async leave(until: number, reason: string | null): Promise<void> {
    await this.#withPlan(await beginAway(this.#store, until, reason), until, 'away')
  }

  /** Back: what would have been told meanwhile is told now. Throws `away.not_away`, `away.moved`. */
  async comeBack(): Promise<void> {
    const now = this.#store.clock.now()
    await this.#withPlan(await endAway(this.#store), this.quietAt(now) ?? now, 'returned')
  }

  async #withPlan(
    { events, guards }: { events: EventInput[]; guards: Guard[] },
    at: number,
    because: 'away' | 'returned',
  ): Promise<void> {
    const row = await this.digest()
    const { digest } = this.hours
    // A digest at the very moment of return is one; the first regular one after it else.
    const nextAt = because === 'away' && digest ? nextDigest({ ...this.hours, digest }, at - 1) : at
    const plan = row ? [this.#planned(row, nextAt, because)] : []
    await this.#store.commit({ key: `away:${this.#store.newId('key')}`, events: [...events, ...plan], guards })
  }

  #planned(row: DigestRow, nextAt: number, because: 'nothing' | 'quiet' | 'away' | 'returned'): EventInput {
    return digestPlanned(DIGEST, { at: row.at, zone: row.zone, nextAt, because, toldSeq: row.told_seq })
  }

  /** Brings the recorded digest in line with what `company.ts` says. */
  async sync(): Promise<void> {
    const { digest } = this.hours
    const row = await this.digest()
    const key = `dig:${this.#store.newId('key')}`
    if (!digest || digest.to === null) {
      if (row) await this.#store.commit({ key, events: [digestRemoved(DIGEST, {})] })
      return
    }
    if (row && row.at === digest.at && row.zone === digest.zone) return
    const event = digestPlanned(DIGEST, {
      at: digest.at,
      zone: digest.zone,
      nextAt: nextDigest({ ...this.hours, digest }, this.#store.clock.now()),
      because: 'set',
      toldSeq: row?.told_seq ?? (await this.#store.engine.head()),
    })
    await this.#store.commit({ key, events: [event] })
  }

  /** Sends the digest that is due, or says when to look again. Answers a time where it could not be sent. */
  async drive(fence: Fence): Promise<{ readonly at: number } | void> {
    const { digest } = this.hours
    const row = await this.digest()
    const now = this.#store.clock.now()
    if (!row || !digest || digest.to === null || row.next_at > now) return
    const away = await this.absence(now)
    if (away) return this.#put(row, fence, nextDigest({ ...this.hours, digest }, away.until - 1), 'away')
    const quiet = this.quietAt(now)
    if (quiet !== null) return this.#put(row, fence, quiet, 'quiet')
    // What is put off may be looked at earlier: for a mail server that is down, nothing has changed.
    if (now < this.#notBefore) return { at: this.#notBefore }
    const nextAt = nextDigest({ ...this.hours, digest }, now)
    const toldSeq = await this.#store.engine.head()
    const letter = await this.#post.compose(row.told_seq)
    if (letter.waiting + letter.happened === 0) return this.#put(row, fence, nextAt, 'nothing')
    try {
      await this.#post.send(digest.to, letter.subject, letter.text, `${this.#store.companyId}:${DIGEST}:${row.next_at}`)
    } catch (error) {
      this.failure = errorMessage(error)
      this.#notBefore = now + RETRY_MS
      return { at: this.#notBefore }
    }
    this.failure = null
    const { waiting, happened } = letter
    const event = digestSent(DIGEST, { nextAt, toldSeq, waiting, happened })
    await this.#store.commit({ key: `dig:${this.#store.newId('key')}`, events: [event], fence })
  }

  async #put(row: DigestRow, fence: Fence, nextAt: number, because: 'nothing' | 'quiet' | 'away'): Promise<void> {
    const events = [this.#planned(row, nextAt, because)]
    await this.#store.commit({ key: `dig:${this.#store.newId('key')}`, events, fence })
  }
}

export const ATTENTION_EVENTS = [awayBegan, awayEnded, digestPlanned, digestSent, digestRemoved]
