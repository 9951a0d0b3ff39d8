/**
 * What effects should do, as plainly as it can be said: one function for each thing that may happen, over objects, with
 * no store, no process and nothing that happens at the same time. Times are epoch ms.
 */

/** How a service treats a second call: it tells what it did for a key, honours the key, does neither, or only reads. */
export const KINDS = ['tells', 'honours', 'neither', 'read'] as const
export type Kind = (typeof KINDS)[number]
/** What a call leads to. */
export const ANSWERS = ['ok', 'transient', 'domain', 'lost, done', 'lost, not done'] as const
export type Answer = (typeof ANSWERS)[number]
export type Verdict = 'run' | 'ask' | 'refuse'

/** Each has one lane, or its effects have none in common: what fails in a row is then the same in every history. */
export const LANES = ['lane0', 'lane1']
const SINGLES = 12
export const CONNECTORS = [...LANES, ...Array.from({ length: SINGLES }, (_, i) => `single${i}`)]

export interface Call {
  readonly key: string
  readonly token: number
  readonly lane: string
  readonly laneToken: number | null
  readonly note: string
  readonly undo: boolean
}

export interface Offer {
  readonly kind: Kind
  readonly verdict: Verdict
  readonly lane: number | null
  /** Hours. */
  readonly hold: number
  readonly expires: number | null
}

/** An effect, or the effect that takes another one back. */
export interface Effect {
  readonly n: number
  readonly label: string
  readonly kind: Kind
  readonly connector: string
  readonly lane: string
  readonly verdict: Verdict
  readonly holdMs: number
  readonly spanMs: number | null
  readonly undoes: Effect | null
  state: string
  token: number
  note: string
  approved: boolean
  version: number
  /** What was observed when it was asked for; null: nothing could be. */
  seen: string | null
  dueAt: number | null
  expiresAt: number | null
  /** An earlier try may have happened. */
  maybe: boolean
  /** Nothing will happen to it any more, unless it is taken back. */
  ended: boolean
  /** The service answered: what it did can be taken back by that. */
  answered: boolean
  /** How often it was done outside. */
  done: number
  /** How often the operator said "try again" of it not knowing. */
  retriedUnknown: number
  /** What the run was told, in order. */
  readonly told: string[]
}

export const HOUR = 3_600_000
const MAX_TRIES = 5
const BREAKS_AFTER = 5
const FRESH_MS = 24 * HOUR

interface Service {
  failures: number
  /** Nothing is sent there at this time. */
  shutAt: number | null
  broken: boolean
}

export class Model {
  readonly effects: Effect[] = []
  readonly answers = new Map<string, Answer[]>()
  readonly undoAnswers = new Map<string, Answer[]>()
  readonly blind = new Set<string>()
  /** What there is to observe; labels that are not in it are at "0". */
  readonly seen = new Map<string, string | null>()
  readonly paused = new Set<string>()
  policy: 'as asked' | 'ask' | 'refuse' = 'as asked'
  version = 1
  now: number
  /** Moments have passed since `now`, so that what was put off for moments is over. */
  #passing = false
  readonly #services = new Map<string, Service>()

  constructor(now: number) {
    this.now = now
  }

  look(label: string): string | null {
    const seen = this.seen.get(label)
    return seen === undefined ? '0' : seen
  }

  // What people and workflows do. Each answers the code of the error that it should be refused with, or null.

  propose({ kind, verdict, lane, hold, expires }: Offer): Effect {
    const n = this.effects.length
    const label = `e${n}`
    const asked = this.#verdict(kind, verdict)
    const effect: Effect = {
      n,
      label,
      kind,
      connector: lane === null ? CONNECTORS[LANES.length + (n % SINGLES)]! : LANES[lane]!,
      lane: lane === null ? label : LANES[lane]!,
      verdict,
      holdMs: hold * HOUR,
      spanMs: expires === null ? null : expires * HOUR,
      undoes: null,
      state: { run: 'held', ask: 'gated', refuse: 'refused' }[asked],
      token: 0,
      note: 'as proposed',
      approved: false,
      version: this.version,
      seen: asked === 'refuse' ? null : this.look(label),
      dueAt: asked === 'run' ? this.now + (kind === 'read' ? 0 : hold * HOUR) : null,
      expiresAt: expires === null ? null : this.now + expires * HOUR,
      maybe: false,
      ended: false,
      answered: false,
      done: 0,
      retriedUnknown: 0,
      told: [],
    }
    this.effects.push(effect)
    this.settle()
    return effect
  }

  approve(e: Effect, note = e.note): string | null {
    if (note !== e.note && this.#verdict(e.kind, e.verdict) === 'refuse') return 'policy.refused'
    // Something else is something new to the service.
    if (note !== e.note && e.token > 0) e.done = 0
    e.note = note
    e.state = 'held'
    e.approved = true
    e.dueAt = this.now + e.holdMs
    this.settle()
    return null
  }

  reject(e: Effect): null {
    this.#end(e, 'rejected')
    this.settle()
    return null
  }

  cancel(e: Effect): string | null {
    if (!this.canBeStopped(e)) return 'effect.left'
    this.#cancel(e)
    this.settle()
    return null
  }

  /** The operator's word on an effect of which nobody knows, or that is dead. */
  says(e: Effect, word: 'happened' | 'retry' | 'close'): null {
    if (word === 'retry') {
      if (e.state === 'uncertain') e.retriedUnknown++
      e.state = 'held'
      e.maybe = false
      e.dueAt = this.now
      if (e.undoes) e.undoes.state = 'undoing'
    } else if (word === 'happened') this.#end(e, 'succeeded')
    else this.#end(e, 'failed')
    this.settle()
    return null
  }

  undo(e: Effect): string | null {
    if (e.kind !== 'read' && this.canBeStopped(e)) this.#cancel(e)
    else if (this.#canBeUndone(e)) {
      e.state = 'undoing'
      this.effects.push({
        ...e,
        n: this.effects.length,
        holdMs: 0,
        spanMs: null,
        undoes: e,
        state: 'held',
        token: 0,
        approved: true,
        version: this.version,
        seen: null,
        dueAt: this.now,
        expiresAt: null,
        ended: false,
        answered: false,
        done: 0,
        retriedUnknown: 0,
        told: [],
      })
    } else return 'undo.nothing'
    this.settle()
    return null
  }

  pause(scope: string): null {
    this.paused.add(scope)
    return null
  }

  resume(scope: string): string | null {
    if (!this.paused.delete(scope)) return 'pause.none'
    this.settle()
    return null
  }

  // Time.

  /** Time passes while the process lives: whatever is due happens when it is. */
  advance(ms: number): void {
    const until = this.now + ms
    for (;;) {
      this.#passing = true
      this.settle()
      this.#passing = false
      const next = this.effects
        .filter((e) => ['gated', 'held', 'retrying'].includes(e.state))
        .flatMap((e) => [e.state === 'held' ? e.dueAt : null, e.maybe ? null : e.expiresAt])
        .filter((at) => at !== null && at > this.now)
        .reduce<number>((min, at) => Math.min(min, at!), Infinity)
      if (next > until) break
      this.now = next
      this.settle()
    }
    this.now = until
    this.settle()
  }

  /** No process was there: what was due meanwhile happens now, and what was under way is looked for. */
  restart(ms: number): void {
    this.now += ms
    for (const service of this.#services.values()) service.failures = service.broken ? BREAKS_AFTER : 0
    for (const e of this.effects.filter((x) => x.state === 'dispatched')) this.answerLost(e)
    this.settle()
  }

  // What happens by itself.

  /** Until nothing more happens at this time. */
  settle(): void {
    while (this.effects.some((e) => this.#move(e)));
  }

  canBeStopped(e: Effect): boolean {
    return ['gated', 'held', 'retrying'].includes(e.state) && !e.maybe
  }

  /** Whether a call would be made now, were it approved. For calls that hang. */
  wouldLeave(e: Effect): boolean {
    return (
      e.state === 'gated' &&
      e.holdMs === 0 &&
      !this.#isOver(e) &&
      !this.#isHeldUp(e) &&
      e.version === this.version &&
      this.#verdict(e.kind, e.verdict) !== 'refuse' &&
      (e.seen === null || e.seen === this.look(e.label))
    )
  }

  /** It has left, and the answer is out. */
  dispatch(e: Effect): void {
    e.approved = true
    e.dueAt = null
    e.token++
    e.state = 'dispatched'
  }

  do(e: Effect): void {
    if (e.kind !== 'read' && (e.kind !== 'honours' || e.done === 0)) e.done++
  }

  /** The answer to a call has come. */
  answer(e: Effect, answer: Answer): void {
    const service = this.#service(e)
    if (answer === 'ok' || answer === 'lost, done') this.do(e)
    if (answer === 'ok') return this.#succeed(e, service)
    if (answer === 'domain') {
      Object.assign(service, { failures: 0, broken: false })
      return this.#stop(e, e.maybe)
    }
    if (answer === 'transient') {
      this.#fails(service)
      return this.#again(e)
    }
    if (e.kind === 'tells' && !this.blind.has(e.label) && e.done > 0) return this.#succeed(e, service)
    this.#fails(service)
    this.answerLost(e)
  }

  /** Nobody has the answer: it is looked for outside. */
  answerLost(e: Effect): void {
    if (e.kind === 'tells' && !this.blind.has(e.label)) {
      if (e.done > 0) return this.#succeed(e, null)
      e.maybe = false
      return this.#again(e)
    }
    e.maybe = e.kind !== 'read'
    if (e.kind === 'honours' || e.kind === 'read') this.#again(e)
    else this.#stop(e, true)
  }

  /** A late answer came while the effect was somebody else's already: the service works, and that is all. */
  stale(e: Effect): void {
    Object.assign(this.#service(e), { failures: 0, broken: false })
    this.settle()
  }

  /** One step of one effect. */
  #move(e: Effect): boolean {
    if (!['gated', 'held', 'retrying'].includes(e.state)) return false
    if (this.#isOver(e)) return this.#end(e, 'expired')
    if (e.state === 'gated' || !this.#isDue(e) || this.#isHeldUp(e)) return false
    const changed = e.version !== this.version
    if (e.undoes || e.maybe) {
      if (changed) {
        this.#stop(e, e.maybe)
        return true
      }
    } else {
      if (changed || (e.approved && this.now - e.dueAt! > FRESH_MS)) return this.#askAgain(e, this.look(e.label))
      const verdict = this.#verdict(e.kind, e.verdict)
      if (verdict === 'refuse') return this.#end(e, 'refused')
      if (verdict === 'ask' && !e.approved) return this.#askAgain(e, this.look(e.label))
      if (e.seen !== null) {
        const seen = this.look(e.label)
        if (seen === null) {
          e.token++
          this.#fails(this.#service(e))
          this.#again(e)
          return true
        }
        if (seen !== e.seen) return this.#askAgain(e, seen)
      }
    }
    e.token++
    const answers = e.undoes ? this.undoAnswers : this.answers
    this.answer(e, answers.get(e.label)?.shift() ?? 'ok')
    return true
  }

  #isOver(e: Effect): boolean {
    return !e.maybe && e.expiresAt !== null && e.expiresAt <= this.now
  }

  /** What is tried again is due in moments, not now. */
  #isDue(e: Effect): boolean {
    return e.state === 'retrying' ? this.#passing || e.dueAt! < this.now : e.dueAt! <= this.now
  }

  #isHeldUp(e: Effect): boolean {
    const before = this.effects.some(
      (o) =>
        o !== e &&
        o.lane === e.lane &&
        (o.state === 'dispatched' || (o.n < e.n && ['held', 'retrying', 'uncertain'].includes(o.state))),
    )
    const shut = !this.#passing && this.#service(e).shutAt === this.now
    return before || shut || this.paused.has('all') || this.paused.has(e.connector)
  }

  #verdict(kind: Kind, verdict: Verdict): Verdict {
    if (verdict === 'refuse' || this.policy === 'refuse') return 'refuse'
    if (this.policy === 'ask') return 'ask'
    return kind === 'read' ? 'run' : verdict
  }

  #again(e: Effect): void {
    if (e.token >= MAX_TRIES) return this.#stop(e, e.maybe)
    e.state = 'retrying'
    e.dueAt = this.now
  }

  #stop(e: Effect, maybe: boolean): void {
    e.state = maybe ? 'uncertain' : 'failed'
    e.dueAt = null
    if (e.undoes) e.undoes.state = maybe ? 'undo_uncertain' : 'undo_failed'
  }

  #succeed(e: Effect, service: Service | null): void {
    if (service) Object.assign(service, { failures: 0, broken: false })
    e.answered = true
    this.#end(e, 'succeeded')
  }

  #askAgain(e: Effect, seen: string | null): true {
    Object.assign(e, { state: 'gated', approved: false, version: this.version, seen, dueAt: null })
    if (e.spanMs !== null) e.expiresAt = this.now + e.spanMs
    return true
  }

  #cancel(e: Effect): void {
    this.#end(e, 'cancelled')
  }

  #end(e: Effect, state: string): true {
    Object.assign(e, { state, ended: true, dueAt: null })
    if (e.undoes) e.undoes.state = state === 'succeeded' ? 'undone' : 'undo_failed'
    else e.told.push(state)
    return true
  }

  #canBeUndone(e: Effect): boolean {
    return (
      e.undoes === null &&
      ['succeeded', 'undo_failed'].includes(e.state) &&
      (e.kind === 'tells' || e.kind === 'honours') &&
      e.answered &&
      !this.effects.some((u) => u.undoes === e && !u.ended)
    )
  }

  #fails(service: Service): void {
    service.failures++
    if (service.failures < BREAKS_AFTER || (!this.#passing && service.shutAt === this.now)) return
    service.broken = true
    service.shutAt = this.#passing ? null : this.now
  }

  #service(e: Effect): Service {
    let service = this.#services.get(e.connector)
    if (!service) this.#services.set(e.connector, (service = { failures: 0, shutAt: null, broken: false }))
    return service
  }
}
