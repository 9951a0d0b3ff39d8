import type { SignalRow } from '../../context/signals.ts'
import type { EffectRow } from '../../execution/events.ts'
import type { Letter } from '../../governance/attention/attention.ts'
import type { GateKind, GateRow } from '../../governance/gates.ts'
import { dayOf } from '../../lib/calendar.ts'
import { totalCosts } from '../../governance/spend/costs.ts'
import type { Quiet } from '../../governance/attention/hours.ts'
import { milliseconds, type Duration } from '../../lib/durations.ts'
import type { ScheduleRow } from '../../orchestration/events.ts'
import type { Store } from '../../store/index.ts'
import type { OpenCompany } from '../open.ts'
import { budgetsNow } from './costs.ts'
import { digestText, subjectOf } from './digest-text.ts'
import { due } from './due.ts'
import { dueGroups } from './facts.ts'
import { figures } from './figures.ts'
import { sinceSeq, sinceTime } from './since.ts'

interface Tables {
  readonly gate: GateRow
  readonly effect: EffectRow
  readonly signal: SignalRow
  readonly schedule: ScheduleRow
  readonly service: {
    readonly connector: string
    readonly state: string
    readonly code: string | null
    readonly changed_at: number
  }
}

/** Gates of one shape, in the order of the oldest. */
export interface WaitingGroup {
  readonly kind: GateKind
  readonly gates: readonly {
    readonly id: string
    readonly title: string
    readonly openedAt: number
    readonly expiresAt: number | null
  }[]
}

/** Effects of one action that went one way. */
export interface Passed {
  readonly action: string
  /** The policies that said so; none where the default did. */
  readonly policies: readonly string[]
  readonly n: number
}

/** More are counted and not named. */
const MAX_GATES = 1_000
const MAX_NEXT = 5
const TROUBLE = ['uncertain', 'dead_letter', 'failure', 'parked', 'contract'] as const
/** Whatever became of it, nobody was asked. */
const PASSED = [
  'held',
  'dispatched',
  'retrying',
  'succeeded',
  'failed',
  'uncertain',
  'undoing',
  'undone',
  'undo_failed',
] as const
const DAY_MS = 86_400_000

/** What there is to tell since event `since.seq`: what waits, what went by itself, what went wrong, what it cost, what comes. */
export async function digest(c: OpenCompany, since?: { readonly seq: number; readonly at: number }) {
  const { store, spend, attention } = c
  const now = store.clock.now()
  const row = await attention.digest()
  const from = since ?? (row ? await sinceSeq(store, row.told_seq) : await sinceTime(store, now - DAY_MS))
  const all = await openGates(store)
  const open = all.filter((g) => (g.snoozed_until ?? 0) <= now)
  const { zone } = attention.hours
  return {
    company: c.company.name,
    at: now,
    zone,
    since: from.at,
    away: await attention.absence(now),
    quietUntil: attention.quietAt(now),
    mail: row ? { nextAt: row.next_at, sentAt: row.sent_at, failure: attention.failure } : null,
    askedAgain: grouped(open.filter((g) => isAskedAgain(g.opened_at, attention.hours.askAgainMs, from.at, now))),
    waiting: grouped(open),
    snoozed: all.length - open.length,
    due: await due(store),
    factsDue: await dueGroups(c, from.at),
    passed: await effectsSince(store, PASSED, from),
    refused: await effectsSince(store, ['refused'], from),
    failed: await troubleSince(store, from.seq),
    quarantined: await quarantinedSince(store, from.seq),
    costs: await totalCosts(store, dayOf(from.at, spend.zone), dayOf(now, spend.zone), from.at),
    budgets: await budgetsNow(spend),
    services: await servicesSince(store, from.at),
    decisions: await figures(store, from.at),
    next: await comingUp(store, now),
  }
}

export type Digest = Awaited<ReturnType<typeof digest>>

/** Once per interval that a gate has waited: whether one ended since the last digest. */
function isAskedAgain(openedAt: number, everyMs: number, last: number, now: number): boolean {
  const asked = (at: number) => Math.max(0, Math.floor((at - openedAt) / everyMs))
  return asked(now) > asked(last)
}

/** The digest as it is mailed. */
export async function digestLetter(c: OpenCompany, seq: number): Promise<Letter> {
  const told = await digest(c, await sinceSeq(c.store, seq))
  const happened = [told.failed, told.quarantined, told.services, told.passed, told.refused].reduce(
    (n, l) => n + l.length,
    0,
  )
  // Once, when it becomes due: it is no reason for a mail each day after.
  const toReview = told.factsDue.reduce((n, group) => n + group.fresh, 0)
  const billed = told.costs.some((cost) => cost.meter === 'billed' && cost.micros > 0)
  return {
    subject: subjectOf(told),
    text: digestText(told).join('\n'),
    waiting: told.waiting.length + told.due.tasks.length + told.due.conversations.length + told.due.snapshots.length,
    happened: happened + toReview + Number(billed),
  }
}

/** `--since 7d`: what was recorded in so long. Throws `duration.invalid`. */
export function digestSince(c: OpenCompany, since: string | undefined) {
  if (since === undefined) return Promise.resolve(undefined)
  return sinceTime(c.store, c.store.clock.now() - milliseconds(since as Duration))
}

function openGates(store: Store): Promise<GateRow[]> {
  return store
    .select<Tables>()
    .selectFrom('gate')
    .selectAll()
    .where('state', '=', 'open')
    .orderBy('opened_at')
    .orderBy('id')
    .limit(MAX_GATES)
    .execute()
}

function grouped(gates: readonly GateRow[]): WaitingGroup[] {
  const groups = Map.groupBy(gates, (g) => `${g.kind} ${g.shape ?? g.reason}`)
  return [...groups.values()].map((same) => ({
    kind: same[0]!.kind,
    gates: same.map((g) => ({
      id: g.id,
      title: g.title ?? '(erased)',
      openedAt: g.opened_at,
      expiresAt: g.expires_at,
    })),
  }))
}

async function effectsSince(
  store: Store,
  states: readonly EffectRow['state'][],
  since: { readonly seq: number; readonly at: number },
): Promise<Passed[]> {
  const rows = await store
    .select<Tables>()
    .selectFrom('effect')
    .select(['action', 'policies'])
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .where('state', 'in', states)
    .where('proposed_at', '>=', since.at)
    .where('proposed_seq', '>=', since.seq)
    .where('risk', '<>', 'read')
    .where('approved_by', 'is', null)
    .where('undoes', 'is', null)
    .groupBy(['action', 'policies'])
    .orderBy('action')
    .orderBy('policies')
    .execute()
  return rows.map((r) => ({
    action: r.action,
    policies: r.policies === null ? [] : (JSON.parse(r.policies) as string[]),
    n: r.n,
  }))
}

async function troubleSince(store: Store, seq: number) {
  const rows = await store
    .select<Tables>()
    .selectFrom('gate')
    .select(['id', 'kind', 'state', 'title', 'reason', 'opened_at as at'])
    .where('kind', 'in', TROUBLE)
    .where('opened_seq', '>=', seq)
    .orderBy('opened_seq')
    .limit(MAX_GATES)
    .execute()
  return rows.map((r) => ({ ...r, title: r.title ?? '(erased)' }))
}

function quarantinedSince(store: Store, seq: number) {
  return store
    .select<Tables>()
    .selectFrom('signal')
    .select(['id', 'kind', 'source', 'reason'])
    .where('state', '=', 'quarantined')
    .where('received_seq', '>=', seq)
    .orderBy('received_seq')
    .limit(MAX_GATES)
    .execute()
}

function servicesSince(store: Store, at: number) {
  return store
    .select<Tables>()
    .selectFrom('service')
    .select(['connector', 'state', 'code', 'changed_at as at'])
    .where('changed_at', '>=', at)
    .orderBy('changed_at')
    .orderBy('connector')
    .execute()
}

/** The next runs by schedule, and what leaves next. */
async function comingUp(store: Store, now: number) {
  const db = store.select<Tables>()
  const runs = await db
    .selectFrom('schedule')
    .select(['workflow as what', 'next_at as at'])
    .where('next_at', 'is not', null)
    .orderBy('next_at')
    .limit(MAX_NEXT)
    .execute()
  const effects = await db
    .selectFrom('effect')
    .select(['action as what', 'due_at as at'])
    .where('state', '=', 'held')
    .where('due_at', '>', now)
    .orderBy('due_at')
    .limit(MAX_NEXT)
    .execute()
  return [...runs, ...effects]
    .map(({ what, at }) => ({ what, at: at! }))
    .sort((a, b) => a.at - b.at)
    .slice(0, MAX_NEXT)
}

/** Whether the operator is away, and what that means: what waits, what passed by itself, what was refused. */
export async function awayState(c: OpenCompany) {
  const now = c.store.clock.now()
  const away = await c.attention.absence(now)
  const told = await digest(c, away ? await sinceTime(c.store, away.since) : undefined)
  const { zone, since, waiting, passed, refused, mail, quietUntil } = told
  return { away, at: now, zone, since, waiting, passed, refused, mail, quietUntil, driven: c.started }
}

/** The quiet hours, and the one that it is. */
export function quietState(c: OpenCompany) {
  const quiet: readonly Quiet[] = [c.company.attention.quiet ?? []].flat()
  return { zone: c.attention.hours.zone, quiet, until: c.attention.quietAt(c.store.clock.now()) }
}
