import { joinConversation, messageById } from '../context/conversations.ts'
import { signalById, signalIs, signalRouted, type AnySignalKind, type SignalRow } from '../context/signals.ts'
import { errorMessage } from '../lib/errors.ts'
import {
  answerWait,
  ConflictError,
  newestSeq,
  sql,
  type EventInput,
  type Fence,
  type Guard,
  type Store,
} from '../store/index.ts'
import { start } from '../orchestration/starting.ts'
import { signalSubject } from '../orchestration/verbs/basics.ts'
import type { AnyWorkflow } from '../orchestration/workflow.ts'

const oldestWait = sql(`select id, run from wait where state = 'open' and subject = ? order by opened_seq limit 1`)
const nobodyWaits = sql(`select 1 as ok where not exists (select 1 from wait where state = 'open' and subject = ?)`)

/**
 * Decides what a signal leads to, in one commit: a run that waits for it goes on with it; else the workflows that
 * react to its kind start; else it is kept until something waits for it. A message joins its conversation either way.
 */
export async function routeSignal(
  store: Store,
  workflows: ReadonlyMap<string, AnyWorkflow>,
  kinds: ReadonlyMap<string, AnySignalKind>,
  fence: Fence,
): Promise<void> {
  for (;;) {
    const routing = await inTurn(store, async () => {
      const row = await store.first<SignalRow>(signalById(fence.id))
      if (!row || row.state !== 'new') return null
      const cause = await newestSeq(store, row.id)
      const plan = await planRoute(store, workflows, kinds.get(row.kind), row, cause)
      const guards = [signalIs(row.id, 'new'), ...plan.guards]
      return { committed: store.commit({ key: `route:${row.id}:${cause}`, events: plan.events, guards, fence }) }
    })
    try {
      await routing?.committed
      return
    } catch (error) {
      // A run began to wait for it, or stopped waiting, in between: decide again.
      if (!(error instanceof ConflictError)) throw error
    }
  }
}

const turns = new WeakMap<Store, Promise<unknown>>()

/** Signals are planned one after the other and committed in that order, so that a lane is first in, first out. */
function inTurn<T>(store: Store, plan: () => Promise<T>): Promise<T> {
  const turn = (turns.get(store) ?? Promise.resolve()).then(plan)
  turns.set(
    store,
    turn.catch(() => {}),
  )
  return turn
}

interface Plan {
  readonly events: EventInput[]
  readonly guards: Guard[]
}

async function planRoute(
  store: Store,
  workflows: ReadonlyMap<string, AnyWorkflow>,
  kind: AnySignalKind | undefined,
  row: SignalRow,
  cause: number | null,
): Promise<Plan> {
  const payload = JSON.parse(row.payload ?? 'null') as never
  // What was set aside because it could not be routed is in its conversation already.
  const isSaid = (await store.first(messageById(row.id))) !== undefined
  const join =
    kind?.message && !isSaid
      ? await joinConversation(store, { message: row.id, direction: 'in', ...kind.message(payload) }, cause)
      : null
  const joined = join ? [join.event] : []
  const begun = join?.guards ?? []
  const subject = row.match === null ? null : `${signalSubject(row.kind, row.match)}`
  const wait = subject === null ? undefined : await store.first<{ id: string; run: string }>(oldestWait(subject))
  if (wait) {
    const answer = await answerWait(store, wait.id, { signal: row.id }, { cause: { index: 0 } })
    if (answer.events.length > 0) {
      const routed = signalRouted(row.id, { state: 'delivered', runs: [wait.run] }, { cause })
      return { events: [routed, ...answer.events, ...joined], guards: [...answer.guards, ...begun] }
    }
  }
  const guards: Guard[] =
    subject === null
      ? [...begun]
      : [{ check: nobodyWaits(subject), code: 'signal.awaited', message: 'A run waits for this signal now.' }, ...begun]
  try {
    const started = [...workflows.values()]
      .filter((w) => w.on.some((k) => k.signal === row.kind))
      .map((workflow) =>
        start(store, {
          workflow,
          input: null,
          signal: row.id,
          trust: row.trust,
          lane: workflow.lane ? workflow.lane(payload) : null,
          cause: { index: 0 },
        }),
      )
    const state = started.length > 0 ? 'routed' : 'kept'
    const routed = signalRouted(row.id, { state, runs: started.map((s) => s.id) }, { cause })
    return { events: [routed, ...started.map((s) => s.event), ...joined], guards }
  } catch (error) {
    // A lane function of the author's threw: the signal is set aside, with the reason.
    const routed = signalRouted(
      row.id,
      { state: 'quarantined', runs: [] },
      { cause, private: { reason: `It could not be routed: ${errorMessage(error).slice(0, 500)}` } },
    )
    return { events: [routed, ...joined], guards }
  }
}
