import { api, messageOf } from '../api.ts'
import { moved } from '../live.ts'
import { toast } from '../shell/toasts.tsx'
import { ApiError } from '../../../src/client.ts'
import type { Json } from '../../../src/lib/json.ts'
import { comeBack, leave } from './items.ts'
import { askUndo } from './undoing.tsx'
import { saidText } from './words.ts'

/** Since when the operator has looked at an item: how long decisions take is told from it. */
let looking: { readonly id: string; readonly since: number } | null = null
const MOST_MS = 86_400_000

export function lookAt(id: string): void {
  if (looking?.id !== id) looking = { id, since: performance.now() }
}

function lookedMs(id: string): number {
  return looking?.id === id ? Math.min(MOST_MS, Math.round(performance.now() - looking.since)) : 0
}

export interface Decision {
  readonly outcome: string
  readonly reason?: string
  readonly value?: Json
  /** What was shown: an approval is for exactly that. */
  readonly binding?: string | null
}

/** Decides one item. It leaves the list at once, and comes back where the server refuses. */
export async function decide(item: { readonly id: string; readonly title: string }, decision: Decision): Promise<void> {
  const { outcome, reason, value, binding } = decision
  const looked = lookedMs(item.id)
  leave([item.id])
  try {
    const done = await api.post('decide', {
      id: item.id,
      outcome,
      lookedMs: looked,
      ...(reason === undefined ? {} : { reason }),
      ...(value === undefined ? {} : { value }),
      ...(binding === undefined || binding === null ? {} : { binding }),
    })
    const { effect, title } = done
    toast(`${saidText(outcome)}: ${title ?? item.title}`, undoOf(outcome, effect))
  } catch (error) {
    failed(error, [item.id])
  }
  moved()
}

interface Effect {
  readonly id: string
  readonly state: string
  readonly dueAt: number | null
}

const LEAVES = new Set(['approve', 'edit', 'retry'])

/** Until it leaves it is stopped from the toast; then what takes it back is offered. */
function undoOf(outcome: string, effect: Effect | null) {
  if (!effect || !LEAVES.has(outcome)) return {}
  const until = effect.state === 'held' ? effect.dueAt : null
  return { undo: { label: 'Undo', until, run: () => void undo(effect.id) } }
}

/** Stops an effect that has not left; one that has is taken back by its compensating action, once that was shown. */
export async function undo(effect: string): Promise<void> {
  try {
    await api.post('cancel', { id: effect, reason: 'undone in the console' })
    toast('Stopped before it left: nothing was sent.')
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === 0) return void toast(messageOf(error), { bad: true })
    askUndo(effect)
  }
  moved()
}

/** Decides several of one shape, with an entry in the record for each. */
export async function decideAll(ids: readonly string[], outcome: string, reason?: string): Promise<void> {
  const looked = lookedMs(ids.join())
  leave(ids)
  try {
    const { decided, failed: left } = await api.post('decideAll', {
      ids: [...ids],
      outcome,
      lookedMs: looked,
      ...(reason === undefined ? {} : { reason }),
    })
    const effects = decided.flatMap(({ effect }) => (effect ? [effect] : []))
    const first = Math.min(...effects.map(({ dueAt }) => dueAt ?? Number.POSITIVE_INFINITY))
    const until = Number.isFinite(first) ? first : null
    const run = () => void undoAll(effects.map(({ id }) => id))
    const leaves = effects.length > 0 && LEAVES.has(outcome)
    toast(`${saidText(outcome)}: ${decided.length} items`, leaves ? { undo: { label: 'Undo all', until, run } } : {})
    if (left.length > 0) {
      comeBack(left.map(({ id }) => id))
      toast(`${left.length} could not be decided: ${left[0]!.message}`, { bad: true })
    }
  } catch (error) {
    failed(error, ids)
  }
  moved()
}

async function undoAll(effects: readonly string[]): Promise<void> {
  const done = await Promise.all(
    effects.map((id) =>
      api.post('cancel', { id, reason: 'undone in the console' }).then(
        () => true,
        () => false,
      ),
    ),
  )
  const stopped = done.filter(Boolean).length
  toast(
    stopped === effects.length
      ? `Stopped before they left: ${stopped}.`
      : `Stopped before they left: ${stopped} of ${effects.length}. The others are in History, where each can be taken back.`,
    { bad: stopped < effects.length },
  )
  moved()
}

export async function snooze(item: { readonly id: string; readonly title: string }, until: number): Promise<void> {
  leave([item.id])
  await api.post('snooze', { id: item.id, until }).then(
    () =>
      toast(
        `Snoozed until ${new Date(until).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' })}: ${item.title}`,
        { undo: { label: 'Bring it back', until: null, run: () => void wake(item.id) } },
      ),
    (error: unknown) => failed(error, [item.id]),
  )
  moved()
}

/** Brings back now what was put off. */
export async function wake(id: string): Promise<void> {
  comeBack([id])
  await api.post('wake', { id }).then(
    ({ title }) => toast(`Back in the queue: ${title ?? '(erased)'}`),
    (error: unknown) => toast(messageOf(error), { bad: true }),
  )
  moved()
}

const ALREADY = new Set(['gate.decided', 'gate.not_found'])

function failed(error: unknown, ids: readonly string[]): void {
  // Somebody was first: it stays gone, and the list that is read anew says the same.
  if (!(error instanceof ApiError && ALREADY.has(error.code))) comeBack(ids)
  toast(messageOf(error), { bad: true })
}
