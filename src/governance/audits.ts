import { hash } from 'node:crypto'
import { decisionsBefore, judgedBy, NO_EVIDENCE } from '../context/decisions.ts'
import { FactotumError } from '../lib/errors.ts'
import { eventKind, newestSeq, sql, type Store } from '../store/index.ts'

/** What the operator found who looked at an effect that had passed without asking. */
export type AuditVerdict = 'right' | 'wrong'

/** One of so many is looked at afterwards. */
const ONE_IN = 10

const insertAudit = sql('insert into audit (effect, verdict, actor, at, seq) values (?, ?, ?, ?, ?)')

/** The stream is the effect. */
const effectAudited = eventKind<{ readonly verdict: AuditVerdict }, { readonly reason: string }>(
  'effect.audited@1',
  (e) => [insertAudit(e.stream, e.body.verdict, e.actor, e.at, e.seq)],
)

export interface AuditRow {
  readonly effect: string
  readonly verdict: AuditVerdict
  readonly actor: string
  readonly at: number
  readonly seq: number
}

const auditOfEffect = sql('select * from audit where effect = ?')

export function auditOf(store: Store, effect: string): Promise<AuditRow | undefined> {
  return store.first<AuditRow>(auditOfEffect(effect))
}

/** Whether an effect is one of those that are looked at: told by its id, so that nobody chooses, and no agent can. */
export function isSampled(effect: string): boolean {
  return Number.parseInt(hash('sha256', `audit:${effect}`).slice(0, 8), 16) % ONE_IN === 0
}

/**
 * Of an effect: it succeeded and nobody was asked, neither before nor at a later try. Undos are the operator's or part of
 * an effect that is looked at itself, and what only reads changed nothing.
 */
export const PASSED = `e.state = 'succeeded' and e.risk <> 'read' and e.undoes is null and e.approved_by is null
  and not exists (select 1 from gate g where g.subject = e.id and g.kind = 'effect')`

const passed = sql(`select run, proposed_seq from effect e where id = ? and ${PASSED}`)

/** The effect, where it passed; undefined where somebody was asked, or it has not succeeded. */
export function passedAlone(
  store: Store,
  effect: string,
): Promise<{ readonly run: string; readonly proposed_seq: number } | undefined> {
  return store.first(passed(effect))
}

const notAudited = sql('select 1 as ok where not exists (select 1 from audit where effect = ?)')

/**
 * Puts on record what was found. Where it was right, the decisions that led to it were kept, as if it had been approved: the
 * tiers that made them are judged. Where it was wrong, which of them was is for a correction to say, and taking it back is
 * an undo. Throws `audit.asked`, `audit.needs_reason`, `audit.done`.
 */
export async function audit(
  store: Store,
  effect: string,
  verdict: AuditVerdict,
  reason: string | null,
): Promise<AuditRow> {
  const row = await passedAlone(store, effect)
  if (!row)
    throw new FactotumError(
      'audit.asked',
      `${effect} did not pass by itself, or has not succeeded: only what nobody was asked about is looked over.`,
    )
  if (verdict === 'wrong' && (reason === null || reason.trim() === ''))
    throw new FactotumError(
      'audit.needs_reason',
      'What was wrong needs a reason: say what, so that it is on the record.',
    )
  if (await auditOf(store, effect)) throw done(effect)
  const decisions = (await store.read<{ id: string }>(decisionsBefore(row.run, row.proposed_seq))).map((d) => d.id)
  const judged = verdict === 'right' ? await judgedBy(store, { ...NO_EVIDENCE, decisions }, row.run, null, 'audit') : []
  const found = effectAudited(
    effect,
    { verdict },
    {
      actor: 'operator',
      cause: await newestSeq(store, effect),
      ...(reason === null || reason.trim() === '' ? {} : { private: { reason: reason.trim().slice(0, 4_000) } }),
    },
  )
  await store.commit({
    key: `audit:${effect}`,
    events: [found, ...judged],
    guards: [{ check: notAudited(effect), code: 'audit.done', message: done(effect).message }],
  })
  return (await auditOf(store, effect))!
}

function done(effect: string): FactotumError {
  return new FactotumError('audit.done', `${effect} was looked over already.`)
}

export const AUDIT_EVENTS = [effectAudited]
