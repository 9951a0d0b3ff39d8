import { checkPolicies, type PolicyInfo, type Problem } from '../../governance/policy.ts'
import { pauses } from '../../governance/pause.ts'
import { sql } from '../../store/index.ts'
import type { OpenCompany } from '../open.ts'
import { policyOptions } from './policies.ts'
import { sinceTime } from './since.ts'

const DAYS_28_MS = 28 * 86_400_000
/** Fewer say nothing about the next one. */
const OFTEN = 3
const MOST = 10

/** Of the effects proposed since: how many ran without asking, asked, were refused. Reads and undos are not counted. */
interface Came {
  readonly passed: number
  readonly asked: number
  readonly refused: number
}

/** A policy as it stands in its file, and what it came to. */
export interface PolicyShown extends PolicyInfo, Came {
  readonly expired: boolean
  /** Of what it let pass and was looked over in that time: how many, and how many were found wrong. */
  readonly audited: number
  readonly wrong: number
}

/** What was approved again and again as it was: a policy could let the next one pass. */
export interface Repeated {
  readonly action: string
  readonly workflow: string | null
  readonly approved: number
  readonly edited: number
  readonly rejected: number
  /** The newest that was approved: `policyProposal` shows what would let things like it run. */
  readonly gate: string
}

export interface PoliciesShown {
  readonly version: string
  /** Whether the company runs by the files as they are. */
  readonly current: boolean
  /** What is wrong in the files as they are; then the policies are those that the company runs by. */
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
  /** Epoch ms, 28 days ago. */
  readonly since: number
  readonly policies: readonly PolicyShown[]
  /** Of what no policy spoke. */
  readonly byDefault: Came
  readonly repeated: readonly Repeated[]
}

const verdicts = sql(
  `select policies, came, count(*) as n from
     (select e.policies, case when e.state = 'refused' then 'refused'
        when exists (select 1 from gate g where g.subject = e.id and g.kind = 'effect') then 'asked' else 'passed' end as came
      from effect e where e.proposed_seq >= ? and e.risk <> 'read' and e.undoes is null) effects
   group by policies, came`,
)
const audited = sql(
  `select e.policies, a.verdict, count(*) as n from audit a join effect e on e.id = a.effect where a.at >= ?
   group by e.policies, a.verdict`,
)
const decided = sql(
  `select e.action, e.workflow, g.outcome, count(*) as n, max(g.decided_at) as at
   from gate g join effect e on e.id = g.subject
   where g.kind = 'effect' and g.state = 'decided' and g.decided_at >= ? and e.undoes is null and g.outcome in ('approve', 'edit', 'reject')
   group by e.action, e.workflow, g.outcome`,
)
const newestApproved = sql(
  `select g.id from gate g join effect e on e.id = g.subject
   where g.kind = 'effect' and g.state = 'decided' and g.outcome = 'approve' and g.decided_at = ? and e.action = ?
   order by g.id desc limit 1`,
)

interface Row {
  readonly policies: string | null
  readonly came: keyof Came
  readonly n: number
}

function withNames<R extends { readonly policies: string | null }>(row: R) {
  return { ...row, named: row.policies === null ? [] : (JSON.parse(row.policies) as string[]) }
}

/** The policies as the files have them, and what each came to in the last 28 days. Throws nothing of the files. */
export async function policiesShown(c: OpenCompany): Promise<PoliciesShown> {
  const now = c.store.clock.now()
  const { policies: read, problems } = await checkPolicies(c.folder, policyOptions(c.company))
  const policies = read ?? c.policies
  const expired = new Set(policies.expired(now).map((p) => p.id))
  const since = await sinceTime(c.store, now - DAYS_28_MS)
  const rows = (await c.store.read<Row>(verdicts(since.seq))).map(withNames)
  const came = (is: (named: readonly string[]) => boolean): Came => {
    const of = (what: keyof Came) => rows.reduce((n, r) => (r.came === what && is(r.named) ? n + r.n : n), 0)
    return { passed: of('passed'), asked: of('asked'), refused: of('refused') }
  }
  const looked = (
    await c.store.read<{ policies: string | null; verdict: string; n: number }>(audited(now - DAYS_28_MS))
  ).map(withNames)
  const lookedOver = (id: string) => {
    const own = looked.filter(({ named }) => named.includes(id))
    const sum = (rows: typeof own) => rows.reduce((n, row) => n + Number(row.n), 0)
    return { audited: sum(own), wrong: sum(own.filter(({ verdict }) => verdict === 'wrong')) }
  }
  return {
    version: policies.version,
    current: policies.version === c.policies.version,
    problems,
    warnings: policies.warnings,
    since: now - DAYS_28_MS,
    policies: policies.list().map((p) => ({
      ...p,
      expired: expired.has(p.id),
      ...came((named) => named.includes(p.id)),
      ...lookedOver(p.id),
    })),
    byDefault: came((named) => named.length === 0),
    repeated: await repeated(c, now - DAYS_28_MS),
  }
}

async function repeated(c: OpenCompany, since: number): Promise<Repeated[]> {
  type Of = { action: string; workflow: string | null; outcome: string; n: number; at: number }
  const rows = await c.store.read<Of>(decided(since))
  const often = rows
    .filter((row) => row.outcome === 'approve' && row.n >= OFTEN)
    .toSorted((a, b) => b.n - a.n || (a.action < b.action ? -1 : 1))
    .slice(0, MOST)
  return Promise.all(
    often.map(async ({ action, workflow, n, at }) => {
      const of = (outcome: string) =>
        rows.find((r) => r.action === action && r.workflow === workflow && r.outcome === outcome)?.n ?? 0
      const newest = await c.store.first<{ id: string }>(newestApproved(at, action))
      return { action, workflow, approved: n, edited: of('edit'), rejected: of('reject'), gate: newest!.id }
    }),
  )
}

/** One workflow of this company, with its runs that are not over. */
export interface WorkflowShown {
  readonly name: string
  readonly paused: boolean
  /** Queued, under way or waiting. */
  readonly open: number
  readonly parked: number
  readonly failed: number
}

const openRuns = sql(
  `select workflow, state, count(*) as n from run where ended_at is null or state = 'failed' group by workflow, state`,
)

export async function workflowsShown(c: OpenCompany): Promise<WorkflowShown[]> {
  const paused = new Set((await pauses(c.store)).map((p) => p.scope as string))
  const rows = await c.store.read<{ workflow: string; state: string; n: number }>(openRuns())
  return [...c.coordinator.workflows.keys()].toSorted().map((name) => {
    const of = (...states: string[]) =>
      rows.filter((r) => r.workflow === name && states.includes(r.state)).reduce((n, r) => n + r.n, 0)
    return {
      name,
      paused: paused.has('all') || paused.has(`workflow:${name}`),
      open: of('queued', 'active', 'waiting'),
      parked: of('parked'),
      failed: of('failed'),
    }
  })
}
