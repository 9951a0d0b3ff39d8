import type { EffectRow } from '../../execution/events.ts'
import { undoStep } from '../../execution/undo.ts'
import type { TaskRow } from '../../context/tasks.ts'
import type { GateKind, GateRow } from '../../governance/gates.ts'
import { forecastMonth, totalCosts, type Cost, type Forecast } from '../../governance/spend/costs.ts'
import { dayOf, momentOf } from '../../lib/calendar.ts'
import { milliseconds } from '../../lib/durations.ts'
import type { ScheduleRow } from '../../orchestration/events.ts'
import { sql, type Store } from '../../store/index.ts'
import type { OpenCompany } from '../open.ts'
import { sampled } from './audits.ts'
import { budgetsNow } from './costs.ts'
import { effectTitle } from './effect.ts'
import { figures, type DecidedFigures } from './figures.ts'
import { queueCounts, queueGroups } from './queue-rows.ts'

/** An effect that can still be taken back: before it leaves without a trace, after by another one. */
export interface Undoable {
  readonly effect: string
  readonly title: string
  readonly action: string
  readonly risk: string
  readonly run: string
  /** No gate asked for it. */
  readonly automatic: boolean
  /** Epoch ms: when it was done, or was proposed where it is still held. */
  readonly at: number
  /** Until when it can be stopped or taken back; null: nothing ends it. */
  readonly until: number | null
}

export interface Upcoming {
  /** Epoch ms. */
  readonly at: number
  readonly what: 'schedule' | 'effect' | 'task' | 'expiry' | 'returns' | 'digest'
  /** The schedule, effect, task or gate. */
  readonly id: string
  readonly title: string
}

export interface Today {
  readonly at: number
  readonly zone: string
  /** When the day began in the company's zone, epoch ms. */
  readonly dayStart: number
  readonly needsYou: {
    readonly count: number
    /** How long deciding all of it will take, rounded up. */
    readonly minutes: number
    readonly byKind: Readonly<Record<string, number>>
    readonly urgent: number
    readonly snoozed: number
  }
  /** Approved or passed, and waiting out their hold window: `until` is when they leave. The soonest first. */
  readonly held: { readonly count: number; readonly items: readonly Undoable[] }
  /** Done since the day began, the newest first, with an undo that is still open; `count`: all that was done. */
  readonly done: { readonly count: number; readonly automatic: number; readonly items: readonly Undoable[] }
  readonly stuck: {
    readonly count: number
    readonly byKind: Readonly<Record<string, number>>
    /** Dead letters by cause. */
    readonly deadLetters: readonly {
      readonly group: string
      readonly action: string
      readonly code: string
      readonly count: number
      readonly since: number
    }[]
    /** Services that nothing is sent to for now. */
    readonly services: readonly {
      readonly connector: string
      readonly code: string | null
      readonly until: number | null
    }[]
    /** Signals that were set aside in the last seven days. */
    readonly quarantined: number
  }
  /** Effects that passed without asking and are to be looked over: `audits` lists them. */
  readonly toAudit: number
  readonly snoozed: readonly {
    readonly id: string
    readonly kind: GateKind
    readonly title: string
    readonly until: number
  }[]
  readonly moneyToday: {
    readonly costs: readonly Cost[]
    /** Of the month. */
    readonly forecast: readonly Forecast[]
    readonly budgets: Awaited<ReturnType<typeof budgetsNow>>
  }
  readonly attentionToday: DecidedFigures
  readonly next24h: readonly Upcoming[]
}

const DAY_MS = 86_400_000
/** What a decision takes where too few of its kind were timed to know better. */
const ASSUMED_SECONDS = 30
const FEW = 5
const LOOK_BACK_MS = 28 * DAY_MS
const MAX_SHOWN = 20
/** So many of what was done last are asked whether they can be taken back. */
const MAX_ASKED = 200
const MAX_UPCOMING = 50
const STUCK: readonly string[] = ['uncertain', 'dead_letter', 'failure', 'parked', 'contract']

/** All of it in one answer: what needs the operator, what was done, what is stuck, what it cost, and what comes. */
export async function today(c: OpenCompany): Promise<Today> {
  const { store, spend } = c
  const now = store.clock.now()
  const day = dayOf(now, spend.zone)
  const dayStart = momentOf(day, 0, spend.zone)
  const { counts, urgent, snoozed } = queueCounts(await queueGroups(store, now))
  const recent = await figures(store, now - LOOK_BACK_MS)
  const { byKind: _, ...attention } = await figures(store, dayStart)
  const { decided, timed, seconds, medianSeconds, approved, edited, rejected } = attention
  return {
    at: now,
    zone: spend.zone,
    dayStart,
    needsYou: {
      count: Object.values(counts).reduce((a, b) => a + b, 0),
      minutes: minutesFor(counts, recent),
      byKind: counts,
      urgent,
      snoozed,
    },
    held: await heldNow(c),
    done: await doneSince(c, dayStart),
    stuck: await stuckNow(store, counts),
    toAudit: (await sampled(store, now)).length,
    snoozed: await snoozedNow(store, now),
    moneyToday: {
      costs: await totalCosts(store, day, day),
      forecast: await forecastMonth(store, now, spend.zone),
      budgets: await budgetsNow(spend),
    },
    attentionToday: { decided, timed, seconds, medianSeconds, approved, edited, rejected },
    next24h: await upcoming(c, now, now + DAY_MS),
  }
}

/** The median time of a kind, of all where it is too few, and half a minute where there are none yet. */
function minutesFor(
  counts: Readonly<Record<string, number>>,
  recent: DecidedFigures & { readonly byKind: Readonly<Record<string, DecidedFigures>> },
): number {
  const usual = recent.timed >= FEW ? recent.medianSeconds! : ASSUMED_SECONDS
  const seconds = Object.entries(counts).map(([kind, n]) => {
    const own = recent.byKind[kind]
    return n * (own && own.timed >= FEW ? own.medianSeconds! : usual)
  })
  return Math.ceil(seconds.reduce((a, b) => a + b, 0) / 60)
}

const held = sql(
  `select e.*, (select count(*) from gate g where g.subject = e.id and g.kind = 'effect') as gates
   from effect e where e.state = 'held' and e.due_at > ? and e.undoes is null and e.risk <> 'read' order by e.due_at, e.id limit ${MAX_SHOWN}`,
)
const heldCount = sql(
  `select count(*) as n from effect where state = 'held' and due_at > ? and undoes is null and risk <> 'read'`,
)
const DONE = `from effect e where e.state = 'succeeded' and e.settled_at >= ? and e.undoes is null and e.risk <> 'read'`
const GATES = `(select count(*) from gate g where g.subject = e.id and g.kind = 'effect')`
const done = sql(`select e.*, ${GATES} as gates ${DONE} order by e.settled_at desc, e.id desc limit ${MAX_ASKED}`)
const doneCount = sql(`select count(*) as n, sum(case when ${GATES} = 0 then 1 else 0 end) as automatic ${DONE}`)

type Asked = EffectRow & { readonly gates: number }

function undoable(c: OpenCompany, effect: Asked, at: number, until: number | null): Undoable {
  return {
    effect: effect.id,
    title: effectTitle(c, effect),
    action: effect.action,
    risk: effect.risk,
    run: effect.run,
    automatic: Number(effect.gates) === 0,
    at,
    until,
  }
}

async function heldNow(c: OpenCompany): Promise<Today['held']> {
  const now = c.store.clock.now()
  const rows = await c.store.read<Asked>(held(now))
  return {
    count: Number((await c.store.first<{ n: number }>(heldCount(now)))!.n),
    items: rows.map((row) => undoable(c, row, row.proposed_at, row.due_at)),
  }
}

async function doneSince(c: OpenCompany, since: number): Promise<Today['done']> {
  const items: Undoable[] = []
  for (const row of await c.store.read<Asked>(done(since))) {
    if (items.length === MAX_SHOWN) break
    if ((await undoStep(c.execution, row)).how === 'undo') items.push(undoable(c, row, row.settled_at!, null))
  }
  const all = (await c.store.first<{ n: number; automatic: number | null }>(doneCount(since)))!
  return { count: Number(all.n), automatic: Number(all.automatic ?? 0), items }
}

const deadGroups = sql(
  `select e.action, coalesce(e.error_code, g.reason) as code, count(*) as n, min(g.opened_at) as since
   from gate g join effect e on e.id = g.subject where g.kind = 'dead_letter' and g.state = 'open'
   group by e.action, coalesce(e.error_code, g.reason) order by min(g.opened_seq)`,
)
const brokenNow = sql(`select connector, code, until from service where state = 'broken' order by connector`)
/** What was set aside long ago was seen, and stays in the list of what came in. */
const SET_ASIDE_FOR_MS = milliseconds('7d')
const quarantined = sql(`select count(*) as n from signal where state = 'quarantined' and received_at >= ?`)

async function stuckNow(store: Store, counts: Readonly<Record<string, number>>): Promise<Today['stuck']> {
  const byKind = Object.fromEntries(Object.entries(counts).filter(([kind]) => STUCK.includes(kind)))
  const dead = await store.read<{ action: string; code: string; n: number; since: number }>(deadGroups())
  return {
    count: Object.values(byKind).reduce((a, b) => a + b, 0),
    byKind,
    deadLetters: dead.map(({ action, code, n, since }) => ({
      group: `${action}:${code}`,
      action,
      code,
      count: Number(n),
      since,
    })),
    services: await store.read(brokenNow()),
    quarantined: Number((await store.first<{ n: number }>(quarantined(store.clock.now() - SET_ASIDE_FOR_MS)))!.n),
  }
}

const putOff = sql(
  `select id, kind, title, snoozed_until as until from gate where state = 'open' and snoozed_until > ?
   order by snoozed_until, id limit ${MAX_SHOWN}`,
)

async function snoozedNow(store: Store, now: number): Promise<Today['snoozed']> {
  const rows = await store.read<{ id: string; kind: GateKind; title: string | null; until: number }>(putOff(now))
  return rows.map((row) => ({ ...row, title: row.title ?? '(erased)' }))
}

interface Tables {
  readonly schedule: ScheduleRow
  readonly task: TaskRow
  readonly gate: GateRow
}

/** In the order of time. Effects are in it when they leave; gates when they expire and when they come back. */
async function upcoming(c: OpenCompany, from: number, to: number): Promise<Upcoming[]> {
  const db = c.store.select<Tables>()
  const runs = await db
    .selectFrom('schedule')
    .select(['id', 'workflow as title', 'next_at as at'])
    .where('next_at', '<=', to)
    .orderBy('next_at')
    .limit(MAX_UPCOMING)
    .execute()
  const tasks = await db
    .selectFrom('task')
    .select(['id', 'text as title', 'due_at as at'])
    .where('state', '=', 'open')
    .where('due_at', '>', from)
    .where('due_at', '<=', to)
    .orderBy('due_at')
    .limit(MAX_UPCOMING)
    .execute()
  const gatesBy = (column: 'expires_at' | 'snoozed_until') =>
    db
      .selectFrom('gate')
      .select(['id', 'title', `${column} as at`])
      .where('state', '=', 'open')
      .where(column, '>', from)
      .where(column, '<=', to)
      .orderBy(column)
      .limit(MAX_UPCOMING)
      .execute()
  const leaving = await c.store.read<Asked>(held(from))
  const digest = await c.attention.digest()
  const shown =
    (what: Upcoming['what']) =>
    (row: { readonly id: string; readonly title: string | null; readonly at: number | null }): Upcoming => ({
      at: row.at!,
      what,
      id: row.id,
      title: row.title ?? '(erased)',
    })
  return [
    ...runs.map(shown('schedule')),
    ...tasks.map(shown('task')),
    ...(await gatesBy('expires_at')).map(shown('expiry')),
    ...(await gatesBy('snoozed_until')).map(shown('returns')),
    ...leaving.map((e) => shown('effect')({ id: e.id, title: effectTitle(c, e), at: e.due_at })),
    ...(digest ? [shown('digest')({ id: digest.id, title: 'digest', at: digest.next_at })] : []),
  ]
    .filter(({ at }) => at <= to)
    .sort((a, b) => a.at - b.at)
    .slice(0, MAX_UPCOMING)
}
