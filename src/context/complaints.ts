import { FactotumError } from '../lib/errors.ts'
import { decisionsBefore } from './decisions.ts'
import { eventKind, sql, type EventInput, type Store } from '../store/index.ts'

const insertComplaint = sql(
  `insert into complaint (id, subject, signal, reason, actor, at, seq) values (?, ?, ?, ?, ?, ?, ?)
   on conflict (id, subject) do nothing`,
)

/**
 * Somebody complained. The stream is what was complained of: a decision or an effect. `decisions`: those behind an effect;
 * `signal`: the message that complained, where one did.
 */
const complained = eventKind<
  { readonly complaint: string; readonly decisions: readonly string[]; readonly signal: string | null },
  { readonly reason: string }
>('complaint.made@1', (e) =>
  [e.stream, ...e.body.decisions].map((subject) =>
    insertComplaint(e.body.complaint, subject, e.body.signal, e.private?.reason, e.actor, e.at, e.seq),
  ),
)

export interface ComplaintRow {
  readonly id: string
  readonly subject: string
  readonly signal: string | null
  readonly reason: string | null
  readonly actor: string
  readonly at: number
  readonly seq: number
}

export const complaintsOf = sql('select * from complaint where subject = ? order by seq')

const MAX_REASON_CHARS = 4_000
const decisionRun = sql('select run from decision where id = ?')
const effectRun = sql('select run, proposed_seq from effect where id = ?')

/**
 * The event of a complaint about a decision or an effect; behind an effect stand the decisions of its run before it. Throws
 * `complaint.unknown`, `complaint.needs_reason`.
 */
export async function complaint(
  store: Store,
  subject: string,
  reason: string,
  by: { readonly actor: string; readonly cause: EventInput['cause']; readonly signal: string | null },
): Promise<EventInput> {
  if (reason.trim() === '')
    throw new FactotumError('complaint.needs_reason', 'A complaint needs a reason: say what was wrong in their eyes.')
  const effect = await store.first<{ run: string; proposed_seq: number }>(effectRun(subject))
  if (!effect && !(await store.first(decisionRun(subject))))
    throw new FactotumError(
      'complaint.unknown',
      `"${subject}" is no decision and no effect. "factotum decisions" and "factotum effects" list them.`,
    )
  const behind = effect ? await store.read<{ id: string }>(decisionsBefore(effect.run, effect.proposed_seq)) : []
  const { actor, cause, signal } = by
  const body = { complaint: store.newId('cpl'), decisions: behind.map((d) => d.id), signal }
  return complained(subject, body, { private: { reason: reason.slice(0, MAX_REASON_CHARS) }, actor, cause })
}

export const COMPLAINT_EVENTS = [complained]
