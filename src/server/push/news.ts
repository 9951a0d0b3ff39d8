import type { DeviceRow } from '../../governance/access/devices.ts'
import { sql, type Store } from '../../store/index.ts'
import { BY_COST_OF_DELAY, URGENT_MS } from '../views/queue-rows.ts'
import type { NewGate } from './message.ts'

const NOT_SNOOZED = '(snoozed_until is null or snoozed_until <= ?)'
const newGates = sql(
  `select id, kind, title, opened_at, opened_seq, expires_at, snoozed_until from gate
   where state = 'open' and ${NOT_SNOOZED} and (expires_at is null or expires_at > ?)
     and (opened_seq >= ? or (snoozed_until > ? and snoozed_until <= ?) or (expires_at > ? and expires_at <= ?))
   order by opened_seq limit 1000`,
)
const waiting = sql(`select count(*) as n from gate where state = 'open' and ${NOT_SNOOZED}`)
const nextBack = sql(`select min(snoozed_until) as at from gate where state = 'open' and snoozed_until > ?`)
const nextUrgent = sql(`select min(expires_at) as at from gate where state = 'open' and expires_at > ?`)

/**
 * What a device was not told of and what is new to it: opened since, come back from where it was put off, or become urgent.
 * What was decided meanwhile is not in it. Most pressing first.
 */
export async function newsFor(store: Store, { told_seq, told_at }: DeviceRow, now: number): Promise<NewGate[]> {
  const rows = await store.read<NewGate>(
    newGates(now, now, told_seq, told_at, now, told_at + URGENT_MS, now + URGENT_MS),
  )
  const rank = (gate: NewGate) => (isUrgent(gate, now) ? 0 : 1 + BY_COST_OF_DELAY.indexOf(gate.kind))
  return rows.sort((a, b) => rank(a) - rank(b) || (a.expires_at ?? Infinity) - (b.expires_at ?? Infinity) || 0)
}

export async function waitingNow(store: Store, now: number): Promise<number> {
  return Number((await store.first<{ n: number }>(waiting(now)))?.n)
}

/** When something comes back or becomes urgent next, epoch ms; null: nothing will by itself. */
export async function nextMoment(store: Store, now: number): Promise<number | null> {
  const back = (await store.first<{ at: number | null }>(nextBack(now)))?.at ?? null
  const ends = (await store.first<{ at: number | null }>(nextUrgent(now + URGENT_MS)))?.at ?? null
  const moments = [...(back === null ? [] : [Number(back)]), ...(ends === null ? [] : [Number(ends) - URGENT_MS])]
  return moments.length === 0 ? null : Math.min(...moments)
}

/** Its trace goes cold, it is a promise that is not kept, or it ends within four hours: as the queue has it. */
function isUrgent({ kind, expires_at }: NewGate, now: number): boolean {
  return kind === 'uncertain' || kind === 'dead_letter' || (expires_at !== null && expires_at <= now + URGENT_MS)
}

/** A burst is one message: an import, a triage of the night's mails, a service that fails for everybody. */
const GATHER_MS = 30_000
const GATHER_URGENT_MS = 3_000
/** What is not urgent is told no more often: a queue that fills steadily is looked at when there is time. */
const EVERY_MS = 600_000

/** When the operator may be interrupted. Epoch ms; null: now. */
export interface Manners {
  readonly now: number
  readonly awayUntil: number | null
  readonly quietUntil: number | null
}

/**
 * When a device is to be told of these, epoch ms. Who is away is told when they are back. In quiet hours only what would end
 * before they do is told, for it cannot wait; all else when they are over. `gather`: whether more may come that belongs to it.
 */
export function whenToTell(
  gates: readonly NewGate[],
  device: DeviceRow,
  { now, awayUntil, quietUntil }: Manners,
  gather = true,
): { readonly at: number; readonly urgent: boolean } {
  const urgent = gates.filter((gate) => isUrgent(gate, now))
  const notBefore = Math.max(device.not_before, device.held_until)
  if (awayUntil !== null) return { at: Math.max(awayUntil, notBefore), urgent: urgent.length > 0 }
  if (quietUntil !== null && !gates.some(({ expires_at }) => expires_at !== null && expires_at <= quietUntil))
    return { at: Math.max(quietUntil, notBefore), urgent: urgent.length > 0 }
  const soonest = (of: readonly NewGate[], ms: number) =>
    Math.min(...of.map((gate) => cameUpAt(gate, device, now))) + (gather ? ms : 0)
  const at =
    urgent.length > 0
      ? soonest(urgent, GATHER_URGENT_MS)
      : Math.max(soonest(gates, GATHER_MS), (device.sent_at ?? Number.NEGATIVE_INFINITY) + EVERY_MS)
  return { at: Math.max(at, notBefore), urgent: urgent.length > 0 }
}

/** The newest of the moments by which it is news. */
function cameUpAt({ opened_at, snoozed_until, expires_at }: NewGate, { told_at }: DeviceRow, now: number): number {
  const moments = [opened_at, snoozed_until, expires_at === null ? null : expires_at - URGENT_MS]
  return Math.max(opened_at, ...moments.filter((at) => at !== null && at > told_at && at <= now).map(Number))
}
