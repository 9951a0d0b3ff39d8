import { FactotumError } from '../lib/errors.ts'
import { eventKind, sql, type EventInput, type Guard, type Store, work } from '../store/index.ts'

/** What may be stopped: everything, what one workflow does outside, what one connector sends. */
export type PauseScope = 'all' | `workflow:${string}` | `connector:${string}`

const putPause = sql(
  `insert into pause (scope, reason, actor, since) values (?, ?, ?, ?)
   on conflict (scope) do update set reason = excluded.reason, actor = excluded.actor, since = excluded.since`,
)
const dropPause = sql('delete from pause where scope = ?')

const paused = eventKind<{ readonly scope: PauseScope }, { readonly reason: string | null }>('pause.set@1', (e) => [
  putPause(e.body.scope, e.private?.reason, e.actor, e.at),
])
const resumed = eventKind<{ readonly scope: PauseScope }>('pause.lifted@1', (e) => [dropPause(e.body.scope)])

export interface PauseRow {
  readonly scope: PauseScope
  readonly reason: string | null
  readonly actor: string
  readonly since: number
}

const allPauses = sql('select * from pause order by since, scope')
const pausesOf = sql(`select * from pause where scope = 'all' or scope = ? or scope = ? order by since`)
const noPause = sql(
  `select 1 as ok where not exists (select 1 from pause where scope = 'all' or scope = ? or scope = ?)`,
)

export function pauses(store: Store): Promise<PauseRow[]> {
  return store.read<PauseRow>(allPauses())
}

/** What stops the effects of a workflow through a connector, if anything. */
export function pauseOn(store: Store, workflow: string, connector: string): Promise<PauseRow | undefined> {
  return store.first<PauseRow>(pausesOf(`workflow:${workflow}`, `connector:${connector}`))
}

/** Held in the commit that dispatches: a pause is effective before the next call. */
export function notPaused(workflow: string, connector: string): Guard {
  return {
    check: noPause(`workflow:${workflow}`, `connector:${connector}`),
    code: 'pause.set',
    message: 'The operator paused this.',
  }
}

export function pauseEvent(scope: PauseScope, reason: string | null, actor: string): EventInput {
  return paused(scope === 'all' ? 'pause' : `pause:${scope}`, { scope }, { private: { reason }, actor })
}

/** Stops what would leave, until `resume`. What is under way already is not broken off. */
export async function pause(store: Store, scope: PauseScope, reason: string | null, actor = 'operator'): Promise<void> {
  await store.commit({ key: store.newId('pause'), events: [pauseEvent(scope, reason, actor)] })
}

/** Lets it go on. Throws `pause.none` where nothing is paused under that name. */
export async function resume(store: Store, scope: PauseScope, actor = 'operator'): Promise<void> {
  if (!(await pauses(store)).some((p) => p.scope === scope))
    throw new FactotumError('pause.none', `Nothing is paused as "${scope}". "factotum status" shows what is.`)
  await store.commit({
    key: store.newId('pause'),
    events: [resumed(scope === 'all' ? 'pause' : `pause:${scope}`, { scope }, { actor })],
    // Whoever drives finds it due, in this process or another.
    also: [work.lookAgain()],
  })
}

export const PAUSE_EVENTS = [paused, resumed]
