import { FactotumError } from '../../lib/errors.ts'
import { shortHash, type Json } from '../../lib/json.ts'
import type { Cause, EventInput, Guard, Store } from '../../store/index.ts'
import { rank, type Trust } from '../signals.ts'
import { Beliefs, type Cut, type Held } from './beliefs.ts'
import { checkValue, declaredAttribute, type Attribute, type EntityKind } from './declare.ts'
import { factDisputed, isAsked, notAsked, type Disputed, type Says } from './disputes.ts'
import { familyGuards, keysOfFamily, type Family } from './entities.ts'
import { factAsserted, factCorrected, factEnded, factRetracted, type QuoteSpan } from './events.ts'
import { common, FOR_EVER, without, type Span } from './spans.ts'

/** What came of a statement: it is believed now; it was already; or the operator is asked, and what was believed stands. */
export type Came = 'changed' | 'known' | 'disputed'

/** Who says it, and how far that may be believed. */
export interface Voice {
  readonly actor: string
  readonly trust: Trust
  /** `operator`, `workflow:name@version`, `agent:name`: all that had a hand in it, the one that says it first. */
  readonly makers: readonly string[]
  /** The stream that it rests on: a signal, an effect, a decision. */
  readonly source: string | null
  /** Lookup keys of those whose messages it rests on: who they are not, they cannot speak for. */
  readonly parties: readonly string[]
  readonly span: QuoteSpan | null
  readonly reason: string | null
  readonly cause: Cause
}

/** Whom it is about: a kind as declared, and the entity with what it was merged with. */
export interface Subject {
  readonly kind: EntityKind
  readonly family: Family
}

/** A dispute with the entity that it is about: what its gate is opened with. */
export interface Dispute extends Disputed {
  readonly entity: string
  readonly kind: string
  /** A key of its own, not of one that it was merged with: those may be two again. Null: erased. */
  readonly name: string | null
}

export const AT_ANY_TIME: Span = { from: Number.MIN_SAFE_INTEGER, to: null }

/** Which value of a set it is: an HMAC, for a short value could be guessed from its hash. */
function slotOf(store: Store, { many }: Attribute, value: Json): string {
  return many ? store.pseudonym(`slot:${shortHash(value)}`) : ''
}

/**
 * Works out what statements about one entity change, for one commit. The same rules for workflows, agents and the
 * operator:
 *
 * - Only what is said of the same attribute (of a set: the same value) over the same time replaces anything.
 * - A lower label never replaces a higher one; nor does, under the same label, the word of somebody else than the one
 *   whose fact it is; nor what the attribute's own rule keeps. Such a statement is disputed as a whole.
 * - What is believed already with no lower label is no change.
 * - The operator's own word is the last one, and bound by none of this.
 */
export class Change {
  readonly events: EventInput[] = []
  readonly guards: Guard[] = []
  readonly came: Record<string, Came> = {}
  readonly disputes: Dispute[] = []
  readonly facts: string[] = []
  readonly #store: Store
  readonly #subject: Subject
  readonly #voice: Voice
  readonly #stranger: boolean

  private constructor(store: Store, subject: Subject, voice: Voice, stranger: boolean) {
    this.#store = store
    this.#subject = subject
    this.#voice = voice
    this.#stranger = stranger
  }

  static async begin(store: Store, subject: Subject, voice: Voice): Promise<Change> {
    const { parties, trust } = voice
    const keys = parties.length === 0 ? [] : await keysOfFamily(store, subject.family)
    const stranger = trust !== 'operator' && parties.some((p) => !keys.some((k) => k.lookup === p))
    const change = new Change(store, subject, voice, stranger)
    change.guards.push(...(await familyGuards(store, subject.family)))
    return change
  }

  /** It is so over a span. Throws `fact.unknown_attribute`, `fact.bad_value`, `fact.not_a_writer`. */
  async assert(name: string, given: unknown, span: Span): Promise<Came> {
    const attribute = this.#writable(name)
    const value = checkValue(this.#subject.kind, name, given)
    const slot = slotOf(this.#store, attribute, value)
    const wholes = await this.#read(name, slot, span)
    const over = wholes.flatMap((b) => b.held)
    const text = shortHash(value)
    const equal = over.filter((h) => says(h, text))
    const other = over.filter((h) => !says(h, text))
    const opposed = other.filter((h) => !this.#mayReplace(h, attribute))
    if (opposed.length > 0) return this.#dispute('value', name, slot, value, span, opposed, attribute)
    const stays = equal.filter((h) => this.#saysItAll(h, attribute)).flatMap((h) => unless(h, other))
    const pieces = stays.reduce<Span[]>((left, h) => left.flatMap((p) => without(p, h)), [span])
    const [first, ...more] = pieces
    if (!first) return this.#note(name, 'known')
    const mine = wholes.find((b) => b.entity === this.#subject.family.part)!
    const cut = mine.cut(pieces)
    const fact = this.#state(more, cut)
    this.#add(
      factAsserted(
        mine.entity,
        { ...this.#stated(name, slot, first), fact, ...cut },
        { ...this.#by(), private: { value, reason: this.#voice.reason } },
      ),
      wholes,
    )
    const raised = equal.length > 0 && other.length === 0 && pieces.every((p) => covered(p, equal))
    return this.#note(name, raised ? 'known' : 'changed')
  }

  /**
   * It was recorded wrongly: the statement that is believed at `at` had another value, for the same time. Of a set,
   * `was` says which. Throws also `fact.nothing_known`.
   */
  async correct(name: string, given: unknown, at: number, was?: unknown): Promise<Came> {
    const attribute = this.#writable(name)
    const value = checkValue(this.#subject.kind, name, given)
    const slot = slotOf(this.#store, attribute, value)
    const { wrong, beliefs } = await this.#believed(name, attribute, at, was)
    if (says(wrong, shortHash(value)) && rank(wrong.trust) >= rank(this.#voice.trust)) return this.#note(name, 'known')
    const pieces = beliefs.held.filter((h) => h.origin === wrong.origin)
    if (!this.#mayReplace(wrong, attribute)) return this.#dispute('value', name, slot, value, wrong, [wrong], attribute)
    const touched = [beliefs]
    const others: Cut[] = []
    if (slot !== beliefs.slot) {
      // Of a set: the value that it is corrected to may be in it already, and is then said anew.
      const there = await Beliefs.read(this.#store, beliefs.entity, name, slot)
      const opposed = there.held.filter((h) => pieces.some((p) => common(h, p)) && !this.#mayReplace(h, attribute))
      // Who may not replace it would leave it standing on their own word, and could then end it.
      if (opposed.length > 0) return this.#dispute('value', name, slot, value, wrong, [wrong, ...opposed], attribute)
      others.push(there.cut(pieces))
      touched.push(there)
    }
    const cut = beliefs.cut(pieces)
    for (const other of others) {
      cut.closes.push(...other.closes)
      cut.keeps.push(...other.keeps)
    }
    const [first, ...more] = pieces
    const fact = this.#state(more, cut)
    this.#add(
      factCorrected(
        beliefs.entity,
        { ...this.#stated(name, slot, first!), fact, corrects: wrong.origin, ...cut },
        { ...this.#by(), private: { value, reason: this.#voice.reason } },
      ),
      touched,
    )
    return this.#note(name, 'changed')
  }

  /** It stopped being true at `at`. Of a set, `value` says which. */
  async end(name: string, at: number, value?: unknown): Promise<Came> {
    const attribute = this.#writable(name)
    const span = { from: at, to: null }
    const wholes = await this.#read(name, this.#slotFor(name, attribute, value), span)
    const over = wholes.flatMap((b) => b.held)
    if (over.length === 0) return this.#note(name, 'known')
    const opposed = over.filter((h) => !this.#mayReplace(h, attribute))
    if (opposed.length > 0) return this.#dispute('end', name, opposed[0]!.row.slot, null, span, opposed, attribute)
    for (const beliefs of wholes) this.endOver(beliefs, span, wholes)
    return this.#note(name, 'changed')
  }

  /** It was never true: the statement that is believed at `at`. What it had replaced holds again. Throws `fact.nothing_known`. */
  async retract(name: string, at: number, value?: unknown): Promise<Came> {
    const attribute = this.#writable(name)
    const { wrong, beliefs } = await this.#believed(name, attribute, at, value)
    if (!this.#mayReplace(wrong, attribute))
      return this.#dispute('retract', name, wrong.row.slot, null, wrong, [wrong], attribute)
    await this.takeBack(beliefs, wrong.origin)
    return this.#note(name, 'changed')
  }

  // --- for whoever has decided already ------------------------------------------------------------------------

  /** States a value over a span, whatever is believed there. */
  async put(entity: string, name: string, slot: string, value: Json, span: Span): Promise<void> {
    const beliefs = await Beliefs.read(this.#store, entity, name, slot, span)
    const cut = beliefs.cut([span])
    const fact = this.#state([], cut)
    this.#add(
      factAsserted(
        entity,
        { ...this.#stated(name, slot, span), fact, ...cut },
        { ...this.#by(), private: { value, reason: this.#voice.reason } },
      ),
      [beliefs],
    )
  }

  endOver(beliefs: Beliefs, span: Span, read: readonly Beliefs[] = [beliefs]): void {
    const cut = beliefs.cut([span])
    if (cut.closes.length === 0) return
    const { trust, maker, source, span: words } = this.#stated(beliefs.attribute, beliefs.slot, span)
    this.#add(
      factEnded(
        beliefs.entity,
        { attribute: beliefs.attribute, at: span.from, trust, maker, source, span: words, ...cut },
        { ...this.#by(), private: { reason: this.#voice.reason } },
      ),
      read,
    )
  }

  async takeBack(beliefs: Beliefs, origin: string): Promise<void> {
    const cut = await beliefs.takeBack(origin, (o) => o === origin)
    const { trust, source } = this.#voice
    this.#add(
      factRetracted(
        beliefs.entity,
        { attribute: beliefs.attribute, fact: origin, trust, maker: this.#voice.makers[0]!, source, ...cut },
        { ...this.#by(), private: { reason: this.#voice.reason } },
      ),
      [beliefs],
    )
  }

  /** Records a contradiction. The same that is asked already is not asked again. */
  async dispute(
    entity: string,
    body: Omit<Disputed, 'conflict' | 'gate' | 'digest'>,
    value: Json,
    ruled: boolean,
  ): Promise<void> {
    const { attribute, slot, says: what, against, rival, validFrom, validTo } = body
    // The same two may contradict each other over more than one span, and each is a question of its own.
    const span = what === 'merge' ? [validFrom, validTo] : []
    const digest = this.#store.pseudonym(
      `conflict:${shortHash([attribute, slot, what, [...against].sort(), rival, value, ...span])}`,
    )
    if (await isAsked(this.#store, entity, digest)) return
    const conflict = this.#store.newId('cfl')
    const gate = ruled ? null : this.#store.newId('gate')
    const disputed = { ...body, conflict, digest, gate }
    this.events.push(factDisputed(entity, disputed, { ...this.#by(), private: { value, reason: this.#voice.reason } }))
    this.guards.push(notAsked(entity, digest))
    if (ruled) return
    const keys = await keysOfFamily(this.#store, { members: [entity] })
    const name = keys.find((key) => key.label !== null)?.label ?? null
    this.disputes.push({ ...disputed, entity, kind: this.#subject.kind.entity, name })
  }

  // --- rules --------------------------------------------------------------------------------------------------

  get #isOperator(): boolean {
    return this.#voice.makers[0] === 'operator'
  }

  #writable(name: string): Attribute {
    const { kind } = this.#subject
    const attribute = declaredAttribute(kind, name)
    const { makers } = this.#voice
    if (this.#isOperator || !attribute.writers) return attribute
    if (makers.some((m) => attribute.writers!.includes(m.replace(/@.*$/, '')))) return attribute
    throw new FactotumError(
      'fact.not_a_writer',
      `"${name}" of "${kind.entity}" is written by ${attribute.writers.join(', ')} only, not by ${makers.join(', ')}. Change its "writers" in facts.ts, or leave it to them.`,
    )
  }

  #mayReplace(held: Held, { conflict }: Attribute): boolean {
    if (this.#isOperator) return true
    if (conflict !== 'newest') return false
    const by = rank(this.#voice.trust) - rank(held.trust)
    return by > 0 || (by === 0 && !this.#stranger)
  }

  /** What is believed says already what is said now, and no worse: nothing to record, unless it is time to look again. */
  #saysItAll(held: Held, { reviewMs }: Attribute): boolean {
    const by = rank(held.trust) - rank(this.#voice.trust)
    if (by < 0) return false
    const due = reviewMs !== null && (held.row.said_at ?? 0) + reviewMs <= this.#store.clock.now()
    return by > 0 || !due || this.#stranger
  }

  async #dispute(
    what: Says,
    name: string,
    slot: string,
    value: Json,
    span: Span,
    opposed: readonly Held[],
    { conflict }: Attribute,
  ): Promise<Came> {
    const { fact: _, ...stated } = { ...this.#stated(name, slot, span), fact: null }
    const against = [...new Set(opposed.map((h) => h.origin))]
    await this.dispute(
      this.#subject.family.part,
      { ...stated, says: what, against, rival: null },
      value,
      conflict === 'keep',
    )
    return this.#note(name, 'disputed')
  }

  // --- reading and writing ------------------------------------------------------------------------------------

  #read(name: string, slot: string, span: Span): Promise<Beliefs[]> {
    return Promise.all(this.#subject.family.members.map((m) => Beliefs.read(this.#store, m, name, slot, span)))
  }

  #slotFor(name: string, attribute: Attribute, value: unknown): string {
    if (!attribute.many) return ''
    if (value === undefined) throw new FactotumError('fact.which_value', `"${name}" is a set: say which of its values.`)
    return slotOf(this.#store, attribute, checkValue(this.#subject.kind, name, value))
  }

  /** The statement that is believed at a time, with everything that is believed beside it. */
  async #believed(
    name: string,
    attribute: Attribute,
    at: number,
    value: unknown,
  ): Promise<{ wrong: Held; beliefs: Beliefs }> {
    const slot = this.#slotFor(name, attribute, value)
    let found: { wrong: Held; beliefs: Beliefs } | undefined
    for (const beliefs of await this.#read(name, slot, AT_ANY_TIME)) {
      const wrong = beliefs.held.find((h) => h.from <= at && at < (h.to ?? FOR_EVER))
      if (wrong && (!found || outweighs(wrong, found.wrong))) found = { wrong, beliefs }
    }
    if (found) return found
    throw new FactotumError(
      'fact.nothing_known',
      `Nothing is known of "${name}" at ${new Date(at).toISOString()}. Use "assert" to say what is so.`,
    )
  }

  /** The id of the new row; further pieces of the statement are copies of it. */
  #state(more: readonly Span[], cut: Cut): string {
    const fact = this.#store.newId('fact')
    for (const { from, to } of more) cut.keeps.push({ fact: this.#store.newId('fact'), of: fact, from, to })
    this.facts.push(fact)
    return fact
  }

  #stated(attribute: string, slot: string, { from, to }: Span) {
    const { trust, makers, source, span } = this.#voice
    return { attribute, slot, validFrom: from, validTo: to, trust, maker: makers[0]!, source, span }
  }

  /** Each event follows from the one before it, so that "why" passes them all. */
  #by(): { readonly actor: string; readonly cause: Cause } {
    const n = this.events.length
    return { actor: this.#voice.actor, cause: n === 0 ? this.#voice.cause : { index: n - 1 } }
  }

  #add(event: EventInput, read: readonly Beliefs[]): void {
    this.events.push(event)
    for (const beliefs of read) this.guards.push(...beliefs.guards())
  }

  #note(name: string, came: Came): Came {
    const before = this.came[name]
    // Of a set, several values may be said in one go: what matters most is told.
    if (before === undefined || ORDER.indexOf(came) > ORDER.indexOf(before)) this.came[name] = came
    return came
  }
}

const ORDER: readonly Came[] = ['known', 'changed', 'disputed']

function says({ row }: Held, hash: string): boolean {
  return row.value !== null && shortHash(JSON.parse(row.value)) === hash
}

function outweighs(a: Held, b: Held): boolean {
  const by = rank(a.trust) - rank(b.trust)
  return by === 0 ? a.said > b.said : by > 0
}

/** Where nothing that is said of another part counts for more. */
function unless(held: Held, other: readonly Held[]): Span[] {
  return other.filter((o) => outweighs(o, held)).reduce<Span[]>((left, o) => left.flatMap((p) => without(p, o)), [held])
}

function covered(span: Span, by: readonly Span[]): boolean {
  return by.reduce<Span[]>((left, b) => left.flatMap((p) => without(p, b)), [span]).length === 0
}
