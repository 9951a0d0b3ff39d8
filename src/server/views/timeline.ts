import { sql, type EventRow, type Store } from '../../store/index.ts'
import { effectsOfRun, type EffectRow } from '../../execution/events.ts'
import { gateById, type GateRow } from '../../governance/gates.ts'
import { toLink, type Link } from '../../governance/why.ts'
import type { RunRow } from '../../orchestration/events.ts'

/** One line of a run's story, with what happened to what it started below it. */
export interface TimelineNode extends Link {
  readonly children: readonly TimelineNode[]
}

export interface Timeline {
  readonly run: RunRow
  readonly nodes: readonly TimelineNode[]
}

const streamEvents = sql('select * from event where stream = ? order by seq')
const runsOfParent = sql('select * from run where parent = ? order by started_seq')
const gatesOf = sql('select id from gate where run = ? order by opened_seq')

/** A run as a tree: its own events in order, and under each the effects, gates and children that it opened. */
export async function timeline(store: Store, run: RunRow): Promise<Timeline> {
  const effects = await store.read<EffectRow>(effectsOfRun(run.id))
  const children = await store.read<RunRow>(runsOfParent(run.id))
  const own = (await store.read<EventRow>(streamEvents(run.id))).map(toLink)
  const subjects = new Map<string, TimelineNode[]>()
  for (const effect of effects) subjects.set(effect.id, await linksOf(store, effect.id))
  for (const { id } of await store.read<{ id: string }>(gatesOf(run.id))) {
    const gate = await store.first<GateRow>(gateById(id))
    const links = await linksOf(store, id)
    const owner = gate && subjects.get(gate.subject)
    if (owner) owner.push(...links)
    else subjects.set(id, links)
  }
  for (const child of children) subjects.set(child.id, [...(await timeline(store, child)).nodes])
  const nodes: TimelineNode[] = []
  for (const link of own) {
    const subject = link.kind === 'wait.opened@1' ? link.body.subject : null
    const opened = typeof subject === 'string' ? (subjects.get(subject) ?? []) : await recordedWith(store, link)
    nodes.push({ ...link, children: opened.sort((a, b) => a.seq - b.seq) })
  }
  return { run, nodes }
}

const eventAt = sql('select * from event where seq = ?')

/** The decisions and facts that a step recorded: what its cause leads through before it is the run's own again. */
async function recordedWith(store: Store, step: Link): Promise<TimelineNode[]> {
  const found: TimelineNode[] = []
  if (!step.kind.startsWith('step.')) return found
  for (let { cause } = step; cause !== null;) {
    const row = await store.first<EventRow>(eventAt(cause))
    if (!row || row.stream === step.stream) break
    found.push({ ...toLink(row), children: [] })
    cause = row.cause
  }
  return found
}

async function linksOf(store: Store, stream: string): Promise<TimelineNode[]> {
  return (await store.read<EventRow>(streamEvents(stream))).map((row) => ({ ...toLink(row), children: [] }))
}
