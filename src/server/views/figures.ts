import { sql, type Store } from '../../store/index.ts'
import { sinceTime } from './since.ts'

/** What the operator decided at gates of one kind, or of all. */
export interface DecidedFigures {
  readonly decided: number
  /** Decisions of which it is known how long they took. */
  readonly timed: number
  /** How long all of those took, and the one in the middle; null where none was timed. */
  readonly seconds: number
  readonly medianSeconds: number | null
  readonly approved: number
  /** Approved after a change. */
  readonly edited: number
  readonly rejected: number
}

export interface Figures extends DecidedFigures {
  /** Epoch ms. */
  readonly since: number
  readonly byKind: Readonly<Record<string, DecidedFigures>>
  /** Approved effects that the operator took back after they had happened. */
  readonly reversed: number
  /** Approved effects that were stopped before they left. */
  readonly withdrawn: number
  /** Effects proposed since that passed without a gate, and those that had one; reads and undos are not counted. */
  readonly passed: number
  readonly asked: number
  /** `passed` of both, 0 to 1; null where there were none. */
  readonly passedShare: number | null
  /** Effects that had passed and were looked over since, and those of them that were found wrong. */
  readonly audited: number
  readonly wrong: number
  /** `wrong` of `audited`, 0 to 1; null where none was looked over. */
  readonly errorRate: number | null
}

const outcomes = sql(
  `select kind, outcome, count(*) as n, count(looked_ms) as timed, sum(looked_ms) as looked
   from gate where state = 'decided' and decided_at >= ? group by kind, outcome`,
)
const inOrder = `from gate where state = 'decided' and decided_at >= ? and looked_ms is not null`
const middle = sql(`select looked_ms as ms ${inOrder} order by looked_ms limit ? offset ?`)
const middleOfKind = sql(`select looked_ms as ms ${inOrder} and kind = ? order by looked_ms limit ? offset ?`)
const APPROVED = `from gate g join effect e on e.id = g.subject
   where g.kind = 'effect' and g.state = 'decided' and g.outcome in ('approve', 'edit') and g.decided_at >= ?`
/** An undo that the operator asked for: one that a workflow asked for is part of its own work. */
const reversals = sql(
  `select count(distinct e.id) as n ${APPROVED} and exists
     (select 1 from effect u where u.undoes = e.id and u.op = 'undo' and u.approved_by is not null)`,
)
const withdrawals = sql(`select count(distinct e.id) as n ${APPROVED} and e.state = 'cancelled'`)
const proposals = sql(
  `select asked, count(*) as n from
     (select case when exists (select 1 from gate g where g.subject = e.id and g.kind = 'effect') then 1 else 0 end as asked
      from effect e where e.proposed_seq >= ? and e.risk <> 'read' and e.undoes is null and e.state <> 'refused') effects
   group by asked`,
)

const audits = sql('select verdict, count(*) as n from audit where at >= ? group by verdict')

interface OutcomeRow {
  readonly kind: string
  readonly outcome: string
  readonly n: number
  readonly timed: number
  readonly looked: number | null
}

/**
 * The operator's own decisions since a moment, epoch ms. The median is of decisions whose time was measured (`lookedMs`);
 * of gates that were decided together each counts its share.
 */
export async function figures(store: Store, since: number): Promise<Figures> {
  const rows = await store.read<OutcomeRow>(outcomes(since))
  const kinds = Map.groupBy(rows, (row) => row.kind)
  const byKind: Record<string, DecidedFigures> = {}
  for (const [kind, own] of [...kinds].sort(([a], [b]) => (a < b ? -1 : 1)))
    byKind[kind] = await decidedOf(store, own, since, kind)
  const effects = await store.read<{ asked: number; n: number }>(proposals((await sinceTime(store, since)).seq))
  const count = (asked: number) => Number(effects.find((row) => Number(row.asked) === asked)?.n ?? 0)
  const [passed, asked] = [count(0), count(1)]
  const looked = await store.read<{ verdict: string; n: number }>(audits(since))
  const audited = looked.reduce((n, row) => n + Number(row.n), 0)
  const wrong = Number(looked.find(({ verdict }) => verdict === 'wrong')?.n ?? 0)
  return {
    since,
    ...(await decidedOf(store, rows, since)),
    byKind,
    reversed: Number((await store.first<{ n: number }>(reversals(since)))!.n),
    withdrawn: Number((await store.first<{ n: number }>(withdrawals(since)))!.n),
    passed,
    asked,
    passedShare: passed + asked === 0 ? null : passed / (passed + asked),
    audited,
    wrong,
    errorRate: audited === 0 ? null : wrong / audited,
  }
}

async function decidedOf(
  store: Store,
  rows: readonly OutcomeRow[],
  since: number,
  kind?: string,
): Promise<DecidedFigures> {
  const sum = (of: (row: OutcomeRow) => number | null) => rows.reduce((n, row) => n + Number(of(row) ?? 0), 0)
  const said = (outcome: string) => sum((row) => (row.outcome === outcome ? row.n : 0))
  const timed = sum((row) => row.timed)
  return {
    decided: sum((row) => row.n),
    timed,
    seconds: sum((row) => row.looked) / 1_000,
    medianSeconds: timed === 0 ? null : (await median(store, timed, since, kind)) / 1_000,
    approved: said('approve'),
    edited: said('edit'),
    rejected: said('reject'),
  }
}

/** Of `n` values: the one in the middle, or the mean of the two. */
async function median(store: Store, n: number, since: number, kind: string | undefined): Promise<number> {
  const [limit, offset] = [n % 2 === 0 ? 2 : 1, Math.floor((n - 1) / 2)]
  const rows = await store.read<{ ms: number }>(
    kind === undefined ? middle(since, limit, offset) : middleOfKind(since, kind, limit, offset),
  )
  return rows.reduce((sum, { ms }) => sum + ms, 0) / rows.length
}
