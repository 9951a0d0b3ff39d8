import type { AnyAction } from '../../execution/action.ts'
import { getEffect } from '../../execution/effects.ts'
import { previewOf, titleOf } from '../../execution/proposal.ts'
import type { EffectRow } from '../../execution/events.ts'
import { undoStep, type UndoStep } from '../../execution/undo.ts'
import { auditOf, isSampled, passedAlone, type AuditVerdict } from '../../governance/audits.ts'
import type { Link } from '../../governance/why.ts'
import { toLink } from '../../governance/why.ts'
import type { Json } from '../../lib/json.ts'
import { sql, type EventRow, type Store } from '../../store/index.ts'
import type { OpenCompany } from '../open.ts'

const gatesOf = sql(
  `select id, kind, state, outcome, reason, opened_at as "openedAt", decided_at as "decidedAt", decided_by as "decidedBy"
   from gate where subject = ? order by opened_seq`,
)
const undosOf = sql('select id, state from effect where undoes = ? order by proposed_seq')
const story = sql('select * from event where stream = ? order by seq')

/** One effect whole: what it was given and answered, who let it pass, every try, and what can be done about it. */
export interface EffectView {
  readonly id: string
  readonly title: string
  readonly action: string
  readonly connector: string | null
  readonly risk: string
  readonly state: EffectRow['state']
  readonly run: string
  readonly workflow: string | null
  readonly target: string | null
  readonly trust: string | null
  readonly key: string
  /** Tries so far. */
  readonly tries: number
  readonly input: Json
  /** The input in the terms of where it happens, as its gate shows it; null where it is erased or its action is gone. */
  readonly preview: Json
  readonly output: Json
  readonly observed: Json
  readonly error: { readonly code: string | null; readonly text: string | null } | null
  readonly cost: Json
  readonly policies: readonly string[]
  /** Null: it passed without a gate, or nobody has approved it yet. */
  readonly approvedBy: string | null
  readonly proposedAt: number
  /** When it leaves, or is tried again, unless it is stopped before. */
  readonly dueAt: number | null
  readonly expiresAt: number | null
  readonly settledAt: number | null
  readonly follows: string | null
  /** The effect that this one takes back, and those that take this one back. */
  readonly undoes: string | null
  readonly undos: readonly { readonly id: string; readonly state: EffectRow['state'] }[]
  readonly gates: readonly {
    readonly id: string
    readonly kind: string
    readonly state: string
    readonly outcome: string | null
    readonly reason: string
    readonly openedAt: number
    readonly decidedAt: number | null
    readonly decidedBy: string | null
  }[]
  /** What was found when it was looked over, and whether it is one of those that are; null where somebody was asked. */
  readonly audit: { readonly verdict: AuditVerdict | null; readonly sampled: boolean } | null
  /** What taking it back would do now. */
  readonly undo: Pick<UndoStep, 'how' | 'why'>
  /** Its own events, in order. */
  readonly events: readonly Link[]
}

/** Throws `effect.not_found`. */
export async function effectView(c: OpenCompany, id: string): Promise<EffectView> {
  const { store } = c
  const row = await getEffect(store, id)
  const step = await undoStep(c.execution, row)
  return {
    id,
    title: effectTitle(c, row),
    action: row.action,
    connector: c.execution.actions.get(row.action)?.connector ?? null,
    risk: row.risk,
    state: row.state,
    run: row.run,
    workflow: row.workflow,
    target: row.target,
    trust: row.trust,
    key: row.key,
    tries: row.token,
    input: parsed(row.input),
    preview: effectPreview(c, row),
    output: parsed(row.output),
    observed: parsed(row.observed),
    error: row.error_code === null && row.error === null ? null : { code: row.error_code, text: row.error },
    cost: parsed(row.cost),
    policies: (parsed(row.policies) ?? []) as string[],
    approvedBy: row.approved_by,
    proposedAt: row.proposed_at,
    dueAt: row.due_at,
    expiresAt: row.expires_at,
    settledAt: row.settled_at,
    follows: row.follows,
    undoes: row.undoes,
    undos: await store.read(undosOf(id)),
    gates: await store.read(gatesOf(id)),
    audit: await auditShown(store, id),
    undo: { how: step.how, why: step.why },
    events: (await store.read<EventRow>(story(id))).map(toLink),
  }
}

async function auditShown(store: Store, id: string): Promise<EffectView['audit']> {
  const found = await auditOf(store, id)
  if (found) return { verdict: found.verdict, sampled: isSampled(id) }
  return (await passedAlone(store, id)) ? { verdict: null, sampled: isSampled(id) } : null
}

type Given = Pick<EffectRow, 'action' | 'input'>

/** What an effect does, in one sentence; its action where that is gone or what it was given is erased. */
export function effectTitle(c: OpenCompany, effect: Given): string {
  return told(c, effect, titleOf) ?? effect.action
}

function effectPreview(c: OpenCompany, effect: Given): Json {
  return told(c, effect, previewOf)
}

function told<T>(c: OpenCompany, effect: Given, by: (action: AnyAction, input: Json) => T): T | null {
  const action = c.execution.actions.get(effect.action)
  const input = action?.input.safeParse(parsed(effect.input))
  return action && effect.input !== null && input?.success ? by(action, input.data as Json) : null
}

function parsed(text: string | null): Json {
  return text === null ? null : (JSON.parse(text) as Json)
}
