import { FactotumError } from '../lib/errors.ts'
import type { Json } from '../lib/json.ts'
import type { Evidence } from '../context/decisions.ts'
import { eventKind, sql, type Bound, type EventInput, type Guard, type Store } from '../store/index.ts'

export type GateKind =
  | 'effect'
  | 'decision'
  | 'question'
  | 'uncertain'
  | 'dead_letter'
  | 'failure'
  | 'parked'
  | 'contract'
  | 'plan'
  | 'conflict'

/** One outcome that the operator may choose. `fields` says what must come with it. */
export interface Choice {
  readonly outcome: string
  readonly label: string
  /** What must be given: nothing, a reason in words, or a value (JSON). */
  readonly needs?: 'reason' | 'value'
  /** For a value that is one of a few. They may be made of what somebody wrote: a gate keeps them in its proposal. */
  readonly options?: readonly string[]
}

interface Opened {
  readonly kind: GateKind
  readonly subject: string
  readonly run: string | null
  readonly template: readonly Choice[]
  readonly evidence: Evidence
  readonly binding: string | null
  readonly risk: string | null
  readonly reason: string
  /** When it closes by itself, epoch ms: what it asks for is then not done, or its default is the answer. */
  readonly expiresAt?: number | null
  /** Gates of one shape may be decided together. */
  readonly shape?: string | null
}

interface Shown {
  readonly title: string
  readonly proposal: Json
  /** What it acts on and rests on, and what changed since it was asked before. */
  readonly context?: Json
}

const insertGate = sql(
  `insert into gate (id, kind, state, subject, run, title, proposal, context, template, evidence, binding, risk, reason, expires_at, shape, opened_at, opened_seq)
   values (?, ?, 'open', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
)
const snoozeGateRow = sql('update gate set snoozed_until = ? where id = ?')
const decideGateRow = sql(
  `update gate set state = 'decided', outcome = ?, decided_at = ?, decided_by = ?, looked_ms = ? where id = ?`,
)
const closeGateRow = sql(`update gate set state = 'closed', outcome = ?, decided_at = ? where id = ?`)

export const gateOpened = eventKind<Opened, Shown>('gate.opened@1', (e) => [
  insertGate(
    e.stream,
    e.body.kind,
    e.body.subject,
    e.body.run,
    e.private?.title,
    e.private && JSON.stringify(e.private.proposal),
    e.private?.context === undefined ? null : JSON.stringify(e.private.context),
    JSON.stringify(e.body.template),
    JSON.stringify(e.body.evidence),
    e.body.binding,
    e.body.risk,
    e.body.reason,
    e.body.expiresAt,
    e.body.shape,
    e.at,
    e.seq,
  ),
])

const gateDecided = eventKind<
  {
    readonly outcome: string
    readonly binding: string | null
    /** How long it was looked at before; of a group, its share. Absent where nobody measured it. */
    readonly lookedMs?: number
  },
  { readonly reason: string | null; readonly value: Json }
>('gate.decided@1', (e) => [decideGateRow(e.body.outcome, e.at, e.actor, e.body.lookedMs, e.stream)])

/** Nobody needs to decide any more: the run ended, was cancelled, or went on. */
export const gateClosed = eventKind<{ readonly because: string }>('gate.closed@1', (e) => [
  closeGateRow(e.body.because, e.at, e.stream),
])

/** The operator wants to see it again later, and not before. */
const gateSnoozed = eventKind<{ readonly until: number }>('gate.snoozed@1', (e) => [
  snoozeGateRow(e.body.until, e.stream),
])

export interface GateRow {
  readonly id: string
  readonly kind: GateKind
  readonly state: 'open' | 'decided' | 'closed'
  readonly subject: string
  readonly run: string | null
  readonly title: string | null
  readonly proposal: string | null
  readonly context: string | null
  readonly template: string
  readonly evidence: string
  readonly binding: string | null
  readonly risk: string | null
  readonly reason: string
  readonly expires_at: number | null
  readonly snoozed_until: number | null
  readonly shape: string | null
  readonly opened_at: number
  readonly opened_seq: number
  readonly outcome: string | null
  readonly decided_at: number | null
  readonly decided_by: string | null
  readonly looked_ms: number | null
}

export const gateById = sql('select * from gate where id = ?')
const openGatesOfRun = sql(`select * from gate where run = ? and state = 'open'`)
const gateIsOpen = sql(`select 1 as ok from gate where id = ? and state = 'open'`)

export function gateStillOpen(id: string): Guard {
  return { check: gateIsOpen(id), code: 'gate.decided', message: `Gate ${id} was decided by someone else first.` }
}

export function gatesOfRun(store: Store, run: string): Promise<GateRow[]> {
  return store.read<GateRow>(openGatesOfRun(run))
}

/** What the operator says at a gate. */
export interface GateDecision {
  readonly outcome: string
  readonly reason?: string
  readonly value?: Json
  readonly by?: string
  /** The binding that was shown: an approval is for exactly that and nothing else. */
  readonly binding?: string
  /** How long the operator looked before deciding: at this gate, or at all of a group together. */
  readonly lookedMs?: number
}

/** What else is recorded when a gate of a kind is decided, in the same commit as the decision itself. */
export type Settle = (
  gate: GateRow,
  decision: GateDecision,
) => Promise<{
  readonly events: readonly EventInput[]
  readonly guards: readonly Guard[]
  readonly also?: readonly Bound[]
}>

const MAX_SNOOZE_MS = 366 * 86_400_000

export class Gates {
  readonly #store: Store
  readonly #settle = new Map<GateKind, Settle>()

  constructor(store: Store) {
    this.#store = store
  }

  /** Says what deciding a gate of this kind leads to. Each layer registers its own kinds. */
  on(kind: GateKind, settle: Settle): void {
    this.#settle.set(kind, settle)
  }

  async get(id: string): Promise<GateRow> {
    const gate = await this.#store.first<GateRow>(gateById(id))
    if (!gate)
      throw new FactotumError('gate.not_found', `There is no gate ${id}. "factotum queue" lists the open ones.`)
    return gate
  }

  /**
   * Records the operator's decision and what follows from it, in one commit. The first decision wins. Throws
   * `gate.not_found`, `gate.decided`, `gate.bad_outcome`, `gate.needs_reason`, `gate.needs_value`, `gate.changed`.
   */
  async decide(id: string, decision: GateDecision): Promise<GateRow> {
    for (;;) {
      const gate = await this.get(id)
      if (gate.state !== 'open') throw alreadyDecided(gate)
      checkDecision(gate, decision)
      const settle = this.#settle.get(gate.kind)
      if (!settle)
        throw new FactotumError(
          'gate.unknown_kind',
          `Nothing here can decide a gate of kind "${gate.kind}". Update Factotum.`,
        )
      const follows = await settle(gate, decision)
      const decided = gateDecided(
        id,
        {
          outcome: decision.outcome,
          binding: gate.binding,
          ...(decision.lookedMs === undefined ? {} : { lookedMs: decision.lookedMs }),
        },
        {
          actor: decision.by ?? 'operator',
          cause: gate.opened_seq,
          private: { reason: decision.reason ?? null, value: decision.value ?? null },
        },
      )
      try {
        await this.#store.commit({
          key: `gate:${id}`,
          events: [decided, ...follows.events.map((event) => ({ ...event, cause: event.cause ?? { index: 0 } }))],
          guards: [gateStillOpen(id), ...follows.guards],
          ...(follows.also ? { also: follows.also } : {}),
        })
        return await this.get(id)
      } catch (error) {
        // What follows had moved on between reading and committing: look again. The gate itself decides in `get`.
        if (error instanceof FactotumError && RETRY.has(error.code)) continue
        throw error
      }
    }
  }

  /** Hides a gate until then. Throws `gate.not_found`, `gate.decided`, `gate.bad_time`. */
  async snooze(id: string, until: number, actor = 'operator'): Promise<GateRow> {
    const gate = await this.get(id)
    const now = this.#store.clock.now()
    if (until <= now || until > now + MAX_SNOOZE_MS)
      throw new FactotumError(
        'gate.bad_time',
        'A gate is snoozed until a time that is still to come and within a year, such as "2h" from now.',
      )
    if (gate.state !== 'open') throw alreadyDecided(gate)
    await this.#store.commit({
      key: `gate:${id}:snooze:${this.#store.newId('snz')}`,
      events: [gateSnoozed(id, { until }, { actor, cause: gate.opened_seq })],
      guards: [gateStillOpen(id)],
    })
    return this.get(id)
  }

  /** Brings back now what was put off. Throws `gate.not_found`, `gate.decided`, `gate.not_snoozed`. */
  async wake(id: string, actor = 'operator'): Promise<GateRow> {
    const gate = await this.get(id)
    if (gate.state !== 'open') throw alreadyDecided(gate)
    const now = this.#store.clock.now()
    if ((gate.snoozed_until ?? 0) <= now)
      throw new FactotumError('gate.not_snoozed', `Gate ${id} is not put off: it is in the queue.`)
    await this.#store.commit({
      key: `gate:${id}:wake:${this.#store.newId('snz')}`,
      events: [gateSnoozed(id, { until: now }, { actor, cause: gate.opened_seq })],
      guards: [gateStillOpen(id)],
    })
    return this.get(id)
  }

  /**
   * One decision for several gates of one shape: an entry in the record for each. What cannot be taken back is never
   * decided in a group. Throws `gate.mixed_group` and `gate.group_irreversible` before anything is decided; a gate that
   * somebody else decided meanwhile is left out of the answer, and so is one that fails, with its error.
   */
  async decideAll(ids: readonly string[], decision: Omit<GateDecision, 'value' | 'binding'>): Promise<GroupDecision> {
    const gates = await Promise.all([...new Set(ids)].map((id) => this.get(id)))
    const shapes = new Set(gates.map((g) => g.shape ?? g.id))
    if (gates.length > 1 && shapes.size > 1)
      throw new FactotumError(
        'gate.mixed_group',
        'These gates ask for different things. Decide gates of one shape together, the others singly.',
      )
    if (gates.length > 1 && decision.outcome === 'approve' && gates.some((g) => g.risk === 'irreversible'))
      throw new FactotumError(
        'gate.group_irreversible',
        'What cannot be taken back is approved one by one: decide these gates singly.',
      )
    const decided: GateRow[] = []
    const failed: { id: string; code: string; message: string }[] = []
    const { lookedMs } = decision
    const each = lookedMs === undefined ? decision : { ...decision, lookedMs: Math.round(lookedMs / gates.length) }
    for (const { id } of gates) {
      await this.decide(id, each).then(
        (gate) => decided.push(gate),
        (error: unknown) => {
          if (!(error instanceof FactotumError)) throw error
          failed.push({ id, code: error.code, message: error.message })
        },
      )
    }
    return { decided, failed }
  }
}

export interface GroupDecision {
  readonly decided: readonly GateRow[]
  readonly failed: readonly { readonly id: string; readonly code: string; readonly message: string }[]
}

function alreadyDecided(gate: GateRow): FactotumError {
  return new FactotumError(
    'gate.decided',
    `Gate ${gate.id} is ${gate.state === 'decided' ? `decided already: ${gate.outcome ?? ''}` : 'closed: nobody waits for it any more'}.`,
  )
}

const RETRY = new Set(['gate.decided', 'wait.resolved', 'effect.moved', 'run.moved', 'fact.moved', 'store.key_reused'])

/** `factotum answer <gate> 1` gives a number where the option is a text. */
function asText(value: Json | undefined): string | null {
  return value === null || typeof value === 'object' ? null : String(value)
}

/** What may be chosen, with the values where there are few. */
export function choicesOf({ kind, template, proposal }: GateRow): Choice[] {
  const choices = JSON.parse(template) as Choice[]
  if ((kind !== 'decision' && kind !== 'question') || proposal === null) return choices
  const { options } = JSON.parse(proposal) as { readonly options?: readonly string[] }
  return choices.map((c) => (c.needs === 'value' && options !== undefined ? { ...c, options } : c))
}

function checkDecision(gate: GateRow, decision: GateDecision): void {
  const template = choicesOf(gate)
  const choice = template.find((c) => c.outcome === decision.outcome)
  if (!choice) {
    const known = template.map((c) => c.outcome).join(', ')
    throw new FactotumError(
      'gate.bad_outcome',
      `"${decision.outcome}" is not an outcome of gate ${gate.id}. Choose one of: ${known}.`,
    )
  }
  if (choice.needs === 'reason' && !decision.reason?.trim()) {
    throw new FactotumError(
      'gate.needs_reason',
      `"${choice.outcome}" needs a reason: say why, so that it is on the record.`,
    )
  }
  if (choice.needs === 'value' && decision.value === undefined) {
    throw new FactotumError(
      'gate.needs_value',
      `"${choice.outcome}" needs a value${choice.options ? `: one of ${choice.options.join(', ')}` : ''}.`,
    )
  }
  if (choice.needs === 'value' && choice.options && !choice.options.some((o) => o === asText(decision.value))) {
    throw new FactotumError(
      'gate.bad_value',
      `${JSON.stringify(decision.value)} is not one of: ${choice.options.join(', ')}.`,
    )
  }
  if (decision.binding !== undefined && decision.binding !== gate.binding) {
    throw new FactotumError(
      'gate.changed',
      `What gate ${gate.id} proposes changed after it was shown. Read it again, then decide.`,
    )
  }
}

export const GATE_EVENTS = [gateOpened, gateDecided, gateClosed, gateSnoozed]
