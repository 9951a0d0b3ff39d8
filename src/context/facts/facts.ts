import { callerNow, OPERATOR } from '../../lib/caller.ts'
import { FactotumError } from '../../lib/errors.ts'
import { ConflictError, type EventInput, type Store } from '../../store/index.ts'
import { ownLabel } from '../signals.ts'
import { instant, type Instant } from './as-of.ts'
import { Change, type Came, type Dispute, type Voice } from './change.ts'
import type { EntityKind } from './declare.ts'
import { family, getEntity } from './entities.ts'
import { merging, splitting } from './merging.ts'
import type { Span } from './spans.ts'

/** A span as given: from when (default: now), and until when (default: it goes on). Throws `fact.bad_time`. */
export function givenSpan(now: number, from: Instant | undefined, until: Instant | undefined): Span {
  const span = { from: from === undefined ? now : instant(from), to: until === undefined ? null : instant(until) }
  if (span.to !== null && span.to <= span.from)
    throw new FactotumError('fact.bad_time', 'What holds from a time on ends after it: "until" is not after "from".')
  return span
}

/** The events by which a conflict comes before the operator, and by which it is no question any more; governance has them. */
export interface ConflictGates {
  open(dispute: Dispute): EventInput
  close(gate: string): EventInput
}

/** What the operator says of facts: the same rules and events as for a run, under the operator's own label. */
export class Facts {
  readonly kinds: ReadonlyMap<string, EntityKind>
  readonly #store: Store
  readonly #gates: ConflictGates

  constructor(store: Store, kinds: readonly EntityKind[], gates: ConflictGates) {
    this.#store = store
    this.kinds = new Map(kinds.map((k) => [k.entity, k]))
    this.#gates = gates
  }

  assert(
    entity: string,
    attribute: string,
    value: unknown,
    options: { readonly from?: Instant; readonly until?: Instant; readonly reason: string },
  ): Promise<Came> {
    const span = givenSpan(this.#store.clock.now(), options.from, options.until)
    return this.#change(entity, options.reason, (c) => c.assert(attribute, value, span))
  }

  correct(
    entity: string,
    attribute: string,
    value: unknown,
    options: { readonly at?: Instant; readonly was?: unknown; readonly reason: string },
  ): Promise<Came> {
    return this.#change(entity, options.reason, (c) => c.correct(attribute, value, this.#at(options.at), options.was))
  }

  end(
    entity: string,
    attribute: string,
    options: { readonly at?: Instant; readonly value?: unknown; readonly reason: string },
  ): Promise<Came> {
    return this.#change(entity, options.reason, (c) => c.end(attribute, this.#at(options.at), options.value))
  }

  retract(
    entity: string,
    attribute: string,
    options: { readonly at?: Instant; readonly value?: unknown; readonly reason: string },
  ): Promise<Came> {
    return this.#change(entity, options.reason, (c) => c.retract(attribute, this.#at(options.at), options.value))
  }

  /** Answers the gates that it opened. */
  async merge(into: string, member: string, reason: string): Promise<readonly string[]> {
    return this.#commit(into, async () => {
      const change = await merging(this.#store, this.kinds, into, member, operatorVoice(reason))
      return { change, answer: change.disputes.map((d) => d.gate!) }
    })
  }

  async split(member: string, reason: string): Promise<void> {
    await this.#commit(member, async () => ({
      change: { ...(await splitting(this.#store, member, operatorVoice(reason))), disputes: [] },
      answer: undefined,
    }))
  }

  /** The declaration of a kind. Throws `fact.undeclared_kind`. */
  kindOf(kind: string): EntityKind {
    const declared = this.kinds.get(kind)
    if (declared) return declared
    throw new FactotumError(
      'fact.undeclared_kind',
      `company.ts does not list the kind "${kind}" under "entities", so nobody can tell what its attributes may be. Add it there.`,
    )
  }

  #at(given: Instant | undefined): number {
    return given === undefined ? this.#store.clock.now() : instant(given)
  }

  #change(entity: string, reason: string, say: (change: Change) => Promise<Came>): Promise<Came> {
    return this.#commit(entity, async () => {
      const { kind } = await getEntity(this.#store, entity)
      const subject = { kind: this.kindOf(kind), family: await family(this.#store, entity) }
      const change = await Change.begin(this.#store, subject, operatorVoice(reason))
      return { change, answer: await say(change) }
    })
  }

  async #commit<T>(
    entity: string,
    plan: () => Promise<{
      change: Pick<Change, 'events' | 'guards' | 'disputes'> & { readonly closes?: readonly string[] }
      answer: T
    }>,
  ): Promise<T> {
    const key = `fact:${entity}:${this.#store.newId('chg')}`
    for (;;) {
      const { change, answer } = await plan()
      const events = [
        ...change.events,
        ...change.disputes.map((d) => this.#gates.open(d)),
        ...(change.closes ?? []).map((gate) => this.#gates.close(gate)),
      ]
      if (events.length === 0) return answer
      try {
        await this.#store.commit({ key, events, guards: change.guards })
        return answer
      } catch (error) {
        // What it rests on changed between reading and committing: look again.
        if (!(error instanceof ConflictError)) throw error
      }
    }
  }
}

function operatorVoice(reason: string): Voice {
  const trust = ownLabel()
  return {
    actor: OPERATOR,
    trust,
    makers: [trust === 'operator' ? OPERATOR : (callerNow()?.actor ?? OPERATOR)],
    source: null,
    parties: [],
    span: null,
    reason,
    cause: null,
  }
}
