import { Cron } from 'croner'
import { signalReceived } from '../context/signals.ts'
import { errorMessage, FactotumError } from '../lib/errors.ts'
import { sql, type EventInput, type Fence, type Store } from '../store/index.ts'
import { scheduleFired, scheduleRemoved, scheduleSet, type ScheduleRow } from './events.ts'
import { start } from './starting.ts'
import type { AnyWorkflow, Schedule } from './workflow.ts'

const allSchedules = sql('select * from schedule order by id')
const scheduleById = sql('select * from schedule where id = ?')
/** After a long absence `all` means the newest so many: each is a run. */
const MAX_CATCH_UP = 1_000

/** The first tick after `after`, epoch ms; null when none comes any more. Throws `schedule.invalid`. */
function nextTick(schedule: { readonly cron: string; readonly zone: string }, after: number): number | null {
  try {
    const next = new Cron(schedule.cron, { timezone: schedule.zone, paused: true }).nextRun(new Date(after))
    return next ? next.getTime() : null
  } catch (cause) {
    throw new FactotumError(
      'schedule.invalid',
      `"${schedule.cron}" in "${schedule.zone}" is not a schedule: write five cron fields and an IANA time zone.`,
      { cause },
    )
  }
}

/** Brings the recorded schedules in line with what the company's workflows declare. */
export async function syncSchedules(store: Store, workflows: ReadonlyMap<string, AnyWorkflow>): Promise<void> {
  const known = await store.read<ScheduleRow>(allSchedules())
  for (const row of known) {
    if (workflows.get(row.workflow)?.schedule) continue
    await store.commit({
      key: `${row.id}:remove:${row.next_at}:${await store.engine.head()}`,
      events: [scheduleRemoved(row.id, {})],
    })
  }
  for (const workflow of workflows.values()) {
    if (!workflow.schedule) continue
    const { cron, zone, catchUp } = settings(workflow.schedule)
    const id = `sch_${workflow.workflow}`
    const row = known.find((r) => r.id === id)
    if (row && row.cron === cron && row.zone === zone && row.catch_up === catchUp) continue
    const nextAt = nextTick({ cron, zone }, store.clock.now())
    if (nextAt === null)
      throw new FactotumError(
        'schedule.invalid',
        `The schedule "${cron}" of "${workflow.workflow}" never comes again. Give a time to come.`,
      )
    await store.commit({
      key: `${id}:set:${await store.engine.head()}`,
      events: [scheduleSet(id, { workflow: workflow.workflow, cron, zone, catchUp, nextAt })],
    })
  }
}

function settings(schedule: Schedule): { cron: string; zone: string; catchUp: 'none' | 'latest' | 'all' } {
  return { cron: schedule.cron, zone: schedule.zone ?? 'UTC', catchUp: schedule.catchUp ?? 'latest' }
}

/** A tick that is later than this was missed: the process was down. */
const ON_TIME_MS = 60_000

/** Fires what is due: each tick is a signal and starts a run, and what was missed is caught up as the schedule says. */
export async function fireSchedule(
  store: Store,
  workflows: ReadonlyMap<string, AnyWorkflow>,
  fence: Fence,
): Promise<void> {
  const row = await store.first<ScheduleRow>(scheduleById(fence.id))
  const workflow = row && workflows.get(row.workflow)
  if (!row || !workflow || row.next_at === null) return
  const now = store.clock.now()
  const due = dueTicks(row, row.next_at, now, row.catch_up === 'all' ? MAX_CATCH_UP : 1)
  if (due.length === 0) return
  const run = row.catch_up === 'none' ? due.filter((at) => now - at <= ON_TIME_MS) : due
  const fired = scheduleFired(row.id, { ticks: run.length, since: row.next_at, nextAt: nextTick(row, now) })
  const events: EventInput[] = [fired]
  for (const at of run) events.push(...tick(store, workflow, row.id, at, events.length))
  await store.commit({ key: `${row.id}:tick:${row.next_at}`, events, fence })
}

/** The newest ticks that are due, oldest first. Counted back from now: a year of minutes takes a minute to count. */
function dueTicks(row: ScheduleRow, next: number, now: number, most: number): number[] {
  if (next > now) return []
  const newest = new Cron(row.cron, { timezone: row.zone, paused: true }).previousRuns(most + 1, new Date(now + 1_000))
  const due = newest.map((at) => at.getTime()).filter((at) => at <= now && at >= next)
  // A schedule of a single time has no earlier ones to count back to.
  return due.length > 0 ? due.slice(0, most).reverse() : [next]
}

function tick(store: Store, workflow: AnyWorkflow, schedule: string, at: number, index: number): EventInput[] {
  const id = store.newId('sig')
  const input = { scheduledFor: at }
  const received = (state: 'routed' | 'quarantined', reason: string | null) =>
    signalReceived(
      id,
      { kind: 'schedule.tick', source: schedule, trust: 'operator', state, match: null, digest: '' },
      { private: { payload: input, raw: null, reason }, cause: { index: 0 } },
    )
  try {
    const lane = workflow.lane ? workflow.lane(input as never) : null
    return [received('routed', null), start(store, { workflow, input: null, signal: id, lane, cause: { index } }).event]
  } catch (error) {
    // A lane function of the author's threw: the tick is set aside, with the reason.
    return [received('quarantined', `It could not be routed: ${errorMessage(error).slice(0, 500)}`)]
  }
}
