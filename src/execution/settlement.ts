import type { Json } from '../lib/json.ts'
import { joinConversation } from '../context/conversations.ts'
import { NO_EVIDENCE } from '../context/decisions.ts'
import { gateOpened, type Choice, type Gates } from '../governance/gates.ts'
import { newestSeq, work, type EventInput, type Fence, type Guard, type Store } from '../store/index.ts'
import type { AnyAction } from './action.ts'
import { answerEffect, getEffect } from './effects.ts'
import {
  effectHeld,
  effectRetrying,
  effectSettled,
  effectStill,
  effectStopped,
  effectUndo,
  mayHaveHappened,
  type EffectRow,
  type EffectState,
} from './events.ts'
import type { Execution } from './execution.ts'
import { titleOf } from './proposal.ts'

export const MAX_TRIES = 5
export const FIRST_BACKOFF_MS = 1_000
export const MAX_BACKOFF_MS = 300_000
/** A service that asks for more patience than this is with the operator. */
export const MAX_RETRY_AFTER_MS = 24 * 60 * 60_000

const STOPPED_CHOICES: Readonly<Record<'uncertain' | 'dead_letter', readonly Choice[]>> = {
  uncertain: [
    { outcome: 'happened', label: 'It happened: go on as succeeded' },
    { outcome: 'retry', label: 'It did not happen: try again' },
    { outcome: 'close', label: 'Close it as failed', needs: 'reason' },
  ],
  dead_letter: [
    { outcome: 'retry', label: 'Try again' },
    { outcome: 'close', label: 'Close it as failed', needs: 'reason' },
  ],
}

/** `absent`: what was looked for outside is certainly not there, whatever became of any try. */
export type Answer =
  | { readonly kind: 'succeeded'; readonly output: Json }
  | {
      readonly kind: 'transient' | 'domain' | 'uncertain' | 'absent'
      readonly code: string
      readonly message: string
      readonly retryAfterMs?: number | null
    }

/** Records how a try ended, and what follows from it. */
export class Settlement {
  readonly #execution: Execution
  readonly #store: Store

  constructor(execution: Execution) {
    this.#execution = execution
    this.#store = execution.store
  }

  /** `token`: of this try; a look that failed before anything was sent counts as one. */
  async settle(
    effect: EffectRow,
    action: AnyAction,
    fence: Fence,
    answer: Answer,
    token = effect.token,
  ): Promise<void> {
    if (answer.kind === 'succeeded') return this.#succeeded(effect, action, fence, answer.output)
    const { kind, code, message } = answer
    // A failure of this try says nothing about the ones before it; only absence does. A read leaves nothing behind.
    const maybe =
      effect.risk !== 'read' &&
      kind !== 'absent' &&
      (kind === 'uncertain' || (await mayHaveHappened(this.#store, effect.id)))
    const again = kind === 'uncertain' ? action.idempotent : kind !== 'domain'
    const patience = answer.retryAfterMs ?? 0
    if (again && token < MAX_TRIES && patience <= MAX_RETRY_AFTER_MS)
      return this.#retry(effect, fence, { token, code, message, maybe, patience })
    const tried = again ? ` (tried ${token} times)` : ''
    return this.stopped(effect, fence, maybe ? 'uncertain' : 'failed', code, `${message}${tried}`, token)
  }

  async #retry(
    effect: EffectRow,
    fence: Fence,
    at: {
      readonly token: number
      readonly code: string
      readonly message: string
      readonly maybe: boolean
      readonly patience: number
    },
  ): Promise<void> {
    const backoff = Math.min(FIRST_BACKOFF_MS * 2 ** (at.token - 1), MAX_BACKOFF_MS)
    const wait = Math.max(at.patience, Math.round(backoff * (0.5 + Math.random() / 2)))
    const event = effectRetrying(
      effect.id,
      {
        token: at.token,
        dueAt: this.#store.clock.now() + wait,
        code: at.code,
        maybe: at.maybe,
        expiresAt: at.maybe ? null : effect.expires_at,
      },
      { private: { error: at.message }, cause: await newestSeq(this.#store, effect.id) },
    )
    await this.#transition(
      effect,
      fence,
      'retry',
      [event, ...(await this.#execution.meter.settle(effect, at.maybe))],
      [],
    )
  }

  async #succeeded(effect: EffectRow, action: AnyAction, fence: Fence, output: Json): Promise<void> {
    const settled = effectSettled(
      effect.id,
      { state: 'succeeded', code: null, token: effect.token },
      { private: { output, error: null }, cause: await newestSeq(this.#store, effect.id) },
    )
    const answer = await answerEffect(
      this.#store,
      effect,
      { state: effect.undoes === null ? 'succeeded' : 'undone', output },
      'system',
    )
    const events: EventInput[] = [settled]
    if (effect.undoes !== null)
      events.push(effectUndo(effect.undoes, { state: 'undone', by: effect.id }, { cause: { index: 0 } }))
    else events.push(...(await saidBy(this.#store, action, effect, output, 0)))
    const metered = await this.#execution.meter.settle(effect, true)
    await this.#transition(effect, fence, 'settle', [...events, ...answer.events, ...metered], answer.guards)
  }

  /** Stops for good and says so: a person decides what happened, or what should. */
  async stopped(
    effect: EffectRow,
    fence: Fence,
    state: 'uncertain' | 'failed',
    code: string,
    message: string,
    token = effect.token,
  ): Promise<void> {
    const stopped = effectStopped(
      effect.id,
      { state, code, token },
      { private: { error: message }, cause: await newestSeq(this.#store, effect.id) },
    )
    const kind = state === 'uncertain' ? 'uncertain' : 'dead_letter'
    const action = this.#execution.actions.get(effect.action)
    const input = JSON.parse(effect.input ?? 'null') as Json
    const undo = effect.undoes === null ? '' : 'Take back: '
    const gate = gateOpened(
      this.#store.newId('gate'),
      {
        kind,
        subject: effect.id,
        run: effect.run,
        template: STOPPED_CHOICES[kind],
        evidence: NO_EVIDENCE,
        binding: effect.binding,
        risk: effect.risk,
        reason: code,
        shape: kind === 'dead_letter' ? deadShape(effect.action, code) : null,
      },
      {
        private: {
          title: `${undo}${action ? titleOf(action, input) : effect.action}`,
          proposal: { error: message, input },
        },
        cause: { index: 0 },
      },
    )
    const events: EventInput[] = [stopped, gate]
    if (effect.undoes !== null) {
      const undone = state === 'failed' ? 'undo_failed' : 'undo_uncertain'
      events.push(effectUndo(effect.undoes, { state: undone, by: effect.id }, { cause: { index: 0 } }))
    }
    const metered = await this.#execution.meter.settle(effect, state === 'uncertain')
    await this.#transition(effect, fence, 'stop', [...events, ...metered], [])
  }

  /** Keyed by the effect's newest event: the same step out of the same state may come again after the operator's word. */
  async #transition(
    effect: EffectRow,
    fence: Fence,
    name: string,
    events: readonly EventInput[],
    guards: readonly Guard[],
  ): Promise<void> {
    await this.#store.commit({
      key: `eff:${effect.id}:${(events[0]!.cause as number | null) ?? 0}:${name}`,
      events,
      guards: [effectStill(effect.id, effect.state, effect.token), ...guards],
      fence,
      // A dead letter holds up nobody in its lane.
      ...(name === 'stop' && effect.lane !== null ? { also: [work.lookAgain()] } : {}),
    })
  }
}

/** Dead letters of one cause: they are redriven or closed together. */
function deadShape(action: string, code: string): string {
  return `dead|${action}|${code}`
}

/** What the operator's word on an uncertain effect or a dead letter leads to. */
export function registerStoppedGates(execution: Execution, gates: Gates): void {
  const { store, actions } = execution
  for (const kind of ['uncertain', 'dead_letter'] as const) {
    gates.on(kind, async (gate, decision) => {
      const effect = await getEffect(store, gate.subject)
      const actor = decision.by ?? 'operator'
      const state = kind === 'uncertain' ? 'uncertain' : 'failed'
      const guards = [effectStill(effect.id, state, effect.token)]
      if (decision.outcome === 'retry') {
        const { token, expires_at: expiresAt } = effect
        const again = effectHeld(effect.id, { dueAt: store.clock.now(), token, expiresAt }, { actor })
        const undoing =
          effect.undoes === null ? [] : [effectUndo(effect.undoes, { state: 'undoing', by: effect.id }, { actor })]
        return { events: [again, ...undoing], guards }
      }
      const to: EffectState = decision.outcome === 'happened' ? 'succeeded' : 'failed'
      const undone = to === 'succeeded' ? 'undone' : 'undo_failed'
      const settled = effectSettled(
        effect.id,
        { state: to, code: effect.error_code, token: effect.token },
        { private: { output: null, error: decision.reason ?? effect.error }, actor },
      )
      const undo =
        effect.undoes === null ? [] : [effectUndo(effect.undoes, { state: undone, by: effect.id }, { actor })]
      const answer = await answerEffect(
        store,
        effect,
        { state: effect.undoes === null ? to : undone, reason: decision.reason ?? effect.error },
        actor,
      )
      const said =
        to === 'succeeded' && effect.undoes === null
          ? await saidBy(store, actions.get(effect.action), effect, null, 1)
          : []
      return {
        events: [settled, ...undo, ...said, ...answer.events.map((e) => ({ ...e, cause: { index: 1 } }))],
        guards: [...guards, ...answer.guards],
      }
    })
  }
}

/** What an effect that succeeded put into a conversation. `output` is null where only the operator knows that it did. */
async function saidBy(
  store: Store,
  action: AnyAction | undefined,
  effect: EffectRow,
  output: Json,
  cause: number,
): Promise<EventInput[]> {
  if (!action?.message) return []
  const message = action.message(JSON.parse(effect.input ?? 'null') as never, output as never)
  // Without its guards: what happened outside is recorded, whatever conversation began meanwhile.
  const { event } = await joinConversation(
    store,
    { message: effect.id, direction: 'out', ...message },
    { index: cause },
  )
  return [event]
}
