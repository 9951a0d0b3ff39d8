import { z } from 'zod'
import type { Trust } from '../../context/signals.ts'
import type { EffectRow } from '../../execution/events.ts'
import type { GateKind, GateRow } from '../../governance/gates.ts'
import type { RunRow } from '../../orchestration/events.ts'
import { sql, type Store } from '../../store/index.ts'
import { cursorOf, placeOf, type Paging } from './page.ts'

/** One line of the queue: enough to find it and to know what comes next. `gate` shows the whole of it. */
export interface QueueRow {
  readonly id: string
  readonly kind: GateKind
  readonly title: string
  readonly risk: string | null
  /** The action that is asked for, or that an uncertain effect or a dead letter is of. */
  readonly action: string | null
  /** Gates of one shape may be decided together. */
  readonly shape: string | null
  /** What it stands under in the queue: `urgent`, or its kind. */
  readonly group: GateKind | 'urgent'
  /** It expires within four hours. */
  readonly urgent: boolean
  /** It was asked before, and what it rested on moved since. */
  readonly again: boolean
  /** Of what led to it; null where nothing is known of that. */
  readonly trust: Trust | null
  readonly run: string | null
  readonly workflow: string | null
  /** Epoch ms. */
  readonly openedAt: number
  readonly expiresAt: number | null
  /** When it comes back, where it was put off. */
  readonly snoozedUntil: number | null
}

export interface QueuePage {
  readonly items: readonly QueueRow[]
  readonly next: string | null
  /** How many wait of each kind, put off ones not counted. */
  readonly counts: Readonly<Record<string, number>>
  readonly urgent: number
  readonly snoozed: number
}

export interface QueueFilter {
  readonly kind?: string | undefined
  readonly shape?: string | undefined
  /** Words of the title, in any case of letters. */
  readonly find?: string | undefined
  /** Those that were put off instead, in the order in which they come back. */
  readonly snoozed?: boolean | undefined
}

/** What expires sooner than this comes first. */
export const URGENT_MS = 4 * 3_600_000

/**
 * What waiting costs, dearest first. What may have happened and what broke stands before what was never begun: of an
 * uncertain effect the trace outside goes cold; a dead letter is a promise that was approved and is not kept; a run that
 * failed or was parked holds up all that follows in it; a changed contract may break every call to come. Then what only
 * waits for a yes, and last a conflict, with which nothing stands still: what is believed goes on being believed.
 */
export const BY_COST_OF_DELAY: readonly GateKind[] = [
  'uncertain',
  'dead_letter',
  'failure',
  'parked',
  'contract',
  'effect',
  'plan',
  'question',
  'decision',
  'conflict',
]
/** Riskier first, while attention is fresh. What has no risk of its own stands before what only reads. */
const BY_RISK: readonly (string | null)[] = ['irreversible', 'compensable', 'reversible', null, 'read']

interface Group {
  readonly kind: GateKind
  readonly risk: string | null
  readonly waiting: number
  readonly urgent: number
  readonly snoozed: number
}

const NOT_SNOOZED = '(snoozed_until is null or snoozed_until <= ?)'
const groupCounts = sql(
  `select kind, risk, count(*) as n,
     sum(case when ${NOT_SNOOZED} then 0 else 1 end) as snoozed,
     sum(case when ${NOT_SNOOZED} and expires_at <= ? then 1 else 0 end) as urgent
   from gate where state = 'open' group by kind, risk`,
)

/** How many of each kind and risk are open at a moment, in the order of the queue. */
export async function queueGroups(store: Store, now: number): Promise<Group[]> {
  const rows = await store.read<Record<'n' | 'snoozed' | 'urgent', number> & { kind: GateKind; risk: string | null }>(
    groupCounts(now, now, now + URGENT_MS),
  )
  return rows
    .map(({ kind, risk, n, snoozed, urgent }) => ({
      kind,
      risk,
      waiting: Number(n) - Number(snoozed),
      urgent: Number(urgent),
      snoozed: Number(snoozed),
    }))
    .sort((a, b) => compare(rank(a), rank(b)))
}

type Rank = readonly [number, number]

function rank({ kind, risk }: { readonly kind: string; readonly risk: string | null }): Rank {
  const place = (of: readonly (string | null)[], what: string | null) =>
    (of.indexOf(what) + of.length + 1) % (of.length + 1)
  return [place(BY_COST_OF_DELAY, kind), place(BY_RISK, risk)]
}

function compare(a: Rank, b: Rank): number {
  return a[0] - b[0] || a[1] - b[1]
}

export function queueCounts(groups: readonly Group[]): Pick<QueuePage, 'counts' | 'urgent' | 'snoozed'> {
  const counts: Record<string, number> = {}
  for (const { kind, waiting } of groups) if (waiting > 0) counts[kind] = (counts[kind] ?? 0) + waiting
  const sum = (of: 'urgent' | 'snoozed') => groups.reduce((n, group) => n + group[of], 0)
  return { counts, urgent: sum('urgent'), snoozed: sum('snoozed') }
}

interface Tables {
  readonly gate: GateRow
  readonly effect: EffectRow
  readonly run: RunRow
}

/** The moment of the first page, by which later pages tell what is urgent; the section; the place in it. */
const place = z.tuple([z.int(), z.string(), z.string(), z.int(), z.int()])
type Place = z.infer<typeof place>

/** A stretch of the queue that one index gives in order. */
interface Section {
  readonly name: readonly [string, string | null]
  readonly by: 'opened_seq' | 'expires_at' | 'snoozed_until'
}

/**
 * The queue in pages, ordered by the cost of delay and by risk: first what expires within four hours, soonest first; then
 * group by group as in `BY_COST_OF_DELAY`, the riskier half of a kind before the rest, and in each the oldest first. Each
 * group is one range of an index, so a page costs the same with ten gates and with ten thousand. A page goes on after the
 * last row of the one before; what was opened meanwhile in a group that was read already is found by reading anew.
 * Throws `list.bad_cursor`.
 */
export async function queueRows(store: Store, filter: QueueFilter, { limit, cursor }: Paging): Promise<QueuePage> {
  const after = placeOf(cursor, place)
  const now = after?.[0] ?? store.clock.now()
  const groups = await queueGroups(store, store.clock.now())
  const sections = filter.snoozed === true ? [SNOOZED] : sectionsOf(groups, filter)
  const found: { row: Row; section: Section }[] = []
  for (const section of sections) {
    const from = after && fromIn(section, after)
    if (from === 'passed') continue
    const rows = await rowsOf(store, section, filter, now, from, limit + 1 - found.length)
    for (const row of rows) found.push({ row, section })
    if (found.length > limit) break
  }
  const shown = found.slice(0, limit)
  const last = shown.at(-1)
  return {
    items: shown.map(({ row, section }) => shownRow(row, section, now)),
    next: found.length > limit && last ? cursorOf(placeIn(last.row, last.section, now)) : null,
    ...queueCounts(groups),
  }
}

const URGENT: Section = { name: ['urgent', null], by: 'expires_at' }
const SNOOZED: Section = { name: ['snoozed', null], by: 'snoozed_until' }

function sectionsOf(groups: readonly Group[], { kind }: QueueFilter): Section[] {
  const waiting = groups.filter((g) => g.waiting > 0 && (kind === undefined || g.kind === kind))
  return [URGENT, ...waiting.map((g): Section => ({ name: [g.kind, g.risk], by: 'opened_seq' }))]
}

/** Where to go on in a section: from its begin (null), after a place, or not at all. */
function fromIn(section: Section, [, name, risk, at, seq]: Place): readonly [number, number] | 'passed' | null {
  if (section.name[0] === name && (section.name[1] ?? '') === risk) return [at, seq]
  if (section === URGENT) return 'passed'
  if (name === URGENT.name[0]) return null
  return compare(
    rank({ kind: section.name[0], risk: section.name[1] }),
    rank({ kind: name, risk: risk === '' ? null : risk }),
  ) < 0
    ? 'passed'
    : null
}

function placeIn(row: Row, { name, by }: Section, now: number): Place {
  return [now, name[0], name[1] ?? '', row[by]!, row.opened_seq]
}

type Row = Awaited<ReturnType<typeof rowsOf>>[number]

function rowsOf(
  store: Store,
  { name, by }: Section,
  { kind, shape, find }: QueueFilter,
  now: number,
  from: readonly [number, number] | null,
  limit: number,
) {
  const soon = now + URGENT_MS
  return store
    .select<Tables>()
    .selectFrom('gate as g')
    .leftJoin('effect as e', 'e.id', 'g.subject')
    .leftJoin('run as r', 'r.id', 'g.run')
    .select([
      'g.id',
      'g.kind',
      'g.title',
      'g.risk',
      'g.shape',
      'g.run',
      'g.opened_at',
      'g.opened_seq',
      'g.expires_at',
      'g.snoozed_until',
      'e.action',
      'e.trust',
      'r.trust as runTrust',
      'r.workflow',
    ])
    .select((g) =>
      g
        .selectFrom('gate as p')
        .select('p.id')
        .whereRef('p.subject', '=', 'g.subject')
        .whereRef('p.kind', '=', 'g.kind')
        .whereRef('p.opened_seq', '<', 'g.opened_seq')
        .limit(1)
        .as('before'),
    )
    .where('g.state', '=', 'open')
    .$if(by === 'snoozed_until', (q) => q.where('g.snoozed_until', '>', now))
    .$if(by !== 'snoozed_until', (q) =>
      q.where((g) => g.or([g('g.snoozed_until', 'is', null), g('g.snoozed_until', '<=', now)])),
    )
    .$if(by === 'expires_at', (q) => q.where('g.expires_at', '<=', soon))
    .$if(by === 'opened_seq', (q) =>
      q
        .where('g.kind', '=', name[0] as GateKind)
        .where('g.risk', name[1] === null ? 'is' : '=', name[1])
        .where((g) => g.or([g('g.expires_at', 'is', null), g('g.expires_at', '>', soon)])),
    )
    .$if(kind !== undefined && by !== 'opened_seq', (q) => q.where('g.kind', '=', kind as GateKind))
    .$if(shape !== undefined, (q) => q.where('g.shape', '=', shape!))
    .$if(find !== undefined, (q) =>
      // Both stores have it, and neither a pattern with signs of its own.
      q.where((g) => {
        const title = g.fn<string>('lower', ['g.title'])
        return g(g.fn<string>('replace', [title, g.fn('lower', [g.val(find!)]), g.val('')]), '<>', title)
      }),
    )
    .$if(from !== null, (q) =>
      q.where((g) =>
        g.or([g(`g.${by}`, '>', from![0]), g.and([g(`g.${by}`, '=', from![0]), g('g.opened_seq', '>', from![1])])]),
      ),
    )
    .orderBy(`g.${by}`)
    .$if(by !== 'opened_seq', (q) => q.orderBy('g.opened_seq'))
    .limit(limit)
    .execute()
}

function shownRow(row: Row, section: Section, now: number): QueueRow {
  const urgent = row.expires_at !== null && row.expires_at <= now + URGENT_MS
  return {
    id: row.id,
    kind: row.kind,
    title: row.title ?? '(erased)',
    risk: row.risk,
    action: row.action,
    shape: row.shape,
    group: section === URGENT ? 'urgent' : row.kind,
    urgent,
    again: row.kind === 'effect' && row.before !== null,
    trust: row.trust ?? row.runTrust,
    run: row.run,
    workflow: row.workflow,
    openedAt: row.opened_at,
    expiresAt: row.expires_at,
    snoozedUntil: row.snoozed_until !== null && row.snoozed_until > now ? row.snoozed_until : null,
  }
}
