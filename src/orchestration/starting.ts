import { partiesOfSignal } from '../context/conversations.ts'
import { ownLabel, partiesAt, type Trust } from '../context/signals.ts'
import { jsonCopy, type Json } from '../lib/json.ts'
import { sql, type Cause, type EventInput, type Guard, type Store } from '../store/index.ts'
import { FactotumError } from '../lib/errors.ts'
import { RunError } from './errors.ts'
import { runAdmitted, runById, runStarted, type RunRow } from './events.ts'
import type { AnyWorkflow } from './workflow.ts'

export interface Start {
  readonly workflow: AnyWorkflow
  /** What it is given; null when `signal` says where that is. */
  readonly input: Json
  readonly signal?: string
  /** The label of whoever's word it starts from. Default: the operator's. */
  readonly trust?: Trust
  /** On whose words it starts besides the signal's. */
  readonly parties?: readonly string[]
  /** What the author's lane function says of it. */
  readonly lane?: string | null
  readonly parent?: { readonly run: string; readonly wait: string }
  readonly actor?: string
  readonly cause?: Cause
}

/**
 * The event that starts a run. One with a lane or a limit starts queued and is admitted by a commit of its own, which
 * is where first in, first out is decided. A child has neither: it would wait behind its own parent.
 */
export function start(store: Store, s: Start): { readonly id: string; readonly event: EventInput } {
  const id = store.newId('run')
  const lane = s.lane == null || s.parent ? null : store.pseudonym(`lane:${s.workflow.workflow}:${s.lane}`)
  const event = runStarted(
    id,
    {
      workflow: s.workflow.workflow,
      version: s.workflow.version,
      state: s.parent || (lane === null && s.workflow.limit === null) ? 'active' : 'queued',
      lane,
      signal: s.signal ?? null,
      trust: s.trust ?? ownLabel(),
      parent: s.parent?.run ?? null,
      parentWait: s.parent?.wait ?? null,
      ...(s.parties && { parties: s.parties }),
    },
    { private: { input: s.input }, actor: s.actor ?? 'system', cause: s.cause ?? null },
  )
  return { id, event }
}

/** For whom a run speaks as it starts: for who wrote the message that it starts from, and for whom its parent spoke. */
export async function partiesOfStart(store: Store, run: RunRow): Promise<readonly string[]> {
  const own = run.signal === null ? [] : await partiesOfSignal(store, run.signal)
  if (run.parent === null) return own
  const passed = await partiesAt(store, run.started_seq)
  if (passed) return passed
  // A record from before parents said so: at least for whom the parent spoke at its own start.
  const parent = await store.first<RunRow>(runById(run.parent))
  return parent ? [...new Set([...own, ...(await partiesOfStart(store, parent))])] : own
}

/** A workflow's input, checked by its own schema. Throws `run.bad_input`, `json.too_large`, `json.not_json`. */
export function checkRunInput(workflow: AnyWorkflow, input: unknown): Json {
  const what = `The input of "${workflow.workflow}"`
  if (workflow.input === null) return jsonCopy(input, what)
  const parsed = workflow.input.safeParse(input)
  if (parsed.success) return jsonCopy(parsed.data, what)
  const issue = parsed.error.issues[0]
  throw new RunError(
    'run.bad_input',
    `The workflow "${workflow.workflow}" does not take this input, at ${issue?.path.join('.') || 'the top'}: ${issue?.message ?? 'invalid'}.`,
  )
}

const queuedWorkflows = sql(
  `select distinct workflow from run where state = 'queued' and ended_at is null order by workflow`,
)
const underWay = sql('select count(*) as n from run where workflow = ? and ended_at is null and state <> ?')
const firstInLane = sql(
  `select * from run r where r.workflow = ? and r.state = 'queued' and r.ended_at is null and (r.lane is null or not exists
     (select 1 from run x where x.lane = r.lane and x.ended_at is null and x.started_seq < r.started_seq))
   order by r.started_seq limit ?`,
)
const laneIsFree = sql(
  `select 1 as ok from run r where r.id = ? and r.state = 'queued' and (r.lane is null or not exists
     (select 1 from run x where x.lane = r.lane and x.ended_at is null and x.started_seq < r.started_seq))`,
)
const belowLimit = sql(
  `select 1 as ok where (select count(*) from run where workflow = ? and ended_at is null and state <> 'queued') < ?`,
)
const BATCH = 200

/** Admits the queued runs whose turn it is, each workflow's for itself. True when there may be more. */
export async function admit(store: Store, workflows: ReadonlyMap<string, AnyWorkflow>): Promise<boolean> {
  let more = false
  for (const { workflow } of await store.read<{ workflow: string }>(queuedWorkflows()))
    more = (await admitWorkflow(store, workflow, workflows)) || more
  return more
}

async function admitWorkflow(
  store: Store,
  workflow: string,
  workflows: ReadonlyMap<string, AnyWorkflow>,
): Promise<boolean> {
  const limit = workflows.get(workflow)?.limit ?? null
  const room = limit === null ? BATCH : Math.min(BATCH, limit - (await countUnderWay(store, workflow)))
  if (room <= 0) return false
  const queued = await store.read<RunRow>(firstInLane(workflow, room))
  // Together, so that they share a transaction; a limit is counted in the commit, so none slips past it.
  const admitted = await Promise.all(queued.map((run) => admitOne(store, run, limit)))
  return queued.length === BATCH && admitted.some(Boolean)
}

const nextInLane = sql(
  `select * from run where lane = ? and ended_at is null and state = 'queued' order by started_seq limit 1`,
)

/** The same for what these runs, that started or ended, may have made room for: the cost is theirs, not the queue's. */
export async function admitAfter(
  store: Store,
  workflows: ReadonlyMap<string, AnyWorkflow>,
  ids: readonly string[],
): Promise<boolean> {
  const lanes = new Set<string>()
  const limited = new Set<string>()
  for (const row of await Promise.all(ids.map((id) => store.first<RunRow>(runById(id))))) {
    if (row?.lane != null) lanes.add(row.lane)
    if (row && workflows.get(row.workflow)?.limit != null) limited.add(row.workflow)
  }
  const firsts = await Promise.all([...lanes].map((lane) => store.first<RunRow>(nextInLane(lane))))
  const free = firsts.filter((run) => run !== undefined && !limited.has(run.workflow)) as RunRow[]
  await Promise.all(free.map((run) => admitOne(store, run, null)))
  let more = false
  for (const workflow of limited) more = (await admitWorkflow(store, workflow, workflows)) || more
  return more
}

async function countUnderWay(store: Store, workflow: string): Promise<number> {
  return Number((await store.first<{ n: number }>(underWay(workflow, 'queued')))?.n ?? 0)
}

async function admitOne(store: Store, run: RunRow, limit: number | null): Promise<boolean> {
  const guards: Guard[] = [
    { check: laneIsFree(run.id), code: 'run.not_its_turn', message: 'Another run of its lane is first.' },
  ]
  if (limit !== null)
    guards.push({
      check: belowLimit(run.workflow, limit),
      code: 'run.not_its_turn',
      message: 'The workflow is at its limit.',
    })
  try {
    await store.commit({
      key: `${run.id}:admit`,
      events: [runAdmitted(run.id, {}, { cause: run.started_seq })],
      guards,
    })
    return true
  } catch (error) {
    if (error instanceof FactotumError && error.code === 'run.not_its_turn') return false
    throw error
  }
}
