import { setTimeout as delay } from 'node:timers/promises'
import { errorCode, errorMessage } from '../lib/errors.ts'
import { jsonCopy, type Json } from '../lib/json.ts'
import { joinConversation } from '../context/conversations.ts'
import { NO_EVIDENCE } from '../context/decisions.ts'
import { gateOpened, type Choice, type Gates } from '../governance/gates.ts'
import type { EventInput, Fence, Guard, Store } from '../store/index.ts'
import { ActionError, type ActionContext, type AnyAction, type Reconciled } from './action.ts'
import { answerEffect, binding, getEffect, titleOf } from './effects.ts'
import {
  effectDispatched,
  effectHeld,
  effectRetrying,
  effectSettled,
  effectStill,
  effectStopped,
  effectUndo,
  mayHaveHappened,
  newestEvent,
  type EffectRow,
  type EffectState,
} from './events.ts'

const MAX_TRIES = 5
const FIRST_BACKOFF_MS = 1_000
const MAX_BACKOFF_MS = 300_000

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

export interface DispatchOptions {
  readonly store: Store
  readonly actions: ReadonlyMap<string, AnyAction>
  /** What the connector of an action opened. */
  readonly connection: (connector: string) => unknown
}

/** `absent`: what was looked for outside is certainly not there, whatever became of any try. */
type Answer =
  | { readonly kind: 'succeeded'; readonly output: Json }
  | { readonly kind: 'transient' | 'domain' | 'uncertain' | 'absent'; readonly code: string; readonly message: string }

/** Makes the outside calls. One `drive` moves one effect as far as it goes now. */
export class Dispatcher {
  readonly #store: Store
  readonly #options: DispatchOptions
  readonly #stop = new AbortController()

  constructor(options: DispatchOptions) {
    this.#store = options.store
    this.#options = options
  }

  /** Abandons the calls under way, whether they listen or not: their outcome is found out by whoever comes next. */
  stop(): void {
    this.#stop.abort()
  }

  async drive(fence: Fence): Promise<void> {
    const effect = await getEffect(this.#store, fence.id)
    const action = this.#options.actions.get(effect.action)
    if (!action) {
      return this.#stopped(
        effect,
        fence,
        (await this.#maybeHappened(effect)) ? 'uncertain' : 'failed',
        'action.unknown',
        `This company no longer has the action ${effect.action}. Bring its connector back and try again, or close it.`,
      )
    }
    if (effect.state === 'held' || effect.state === 'retrying') return this.#dispatch(effect, action, fence)
    // Found dispatched: whoever made the call is gone, and with it the answer.
    if (effect.state === 'dispatched')
      return this.#settle(
        effect,
        action,
        fence,
        await this.#recover(effect, action, 'effect.answer_lost', 'The process stopped before the answer came.'),
      )
  }

  /** Durable before anything leaves: whoever finds `dispatched` knows that the call may have been made. */
  async #dispatch(effect: EffectRow, action: AnyAction, fence: Fence): Promise<void> {
    this.#stop.signal.throwIfAborted()
    const input = JSON.parse(effect.input ?? 'null') as Json
    if (effect.binding !== binding(this.#store, action.action, action.version, input)) {
      return this.#stopped(
        effect,
        fence,
        (await this.#maybeHappened(effect)) ? 'uncertain' : 'failed',
        'effect.changed',
        `What would run now is not what was approved: ${effect.action} is version ${action.version}, the approval was for version ${effect.action_version}.`,
      )
    }
    const token = effect.token + 1
    await this.#store.commit({
      key: `eff:${effect.id}:${token}:dispatch`,
      events: [effectDispatched(effect.id, { token }, { cause: await this.#cause(effect.id) })],
      guards: [effectStill(effect.id, effect.state, effect.token)],
      fence,
    })
    const sent = { ...effect, state: 'dispatched' as const, token }
    await this.#settle(sent, action, fence, await this.#call(sent, action, input))
  }

  async #call(effect: EffectRow, action: AnyAction, input: Json): Promise<Answer> {
    try {
      const output = await this.#timed(action, effect, async (ctx) => {
        if (effect.undoes === null) return understood(action, await action.run(input as never, ctx))
        const original = await getEffect(this.#store, effect.undoes)
        await action.undo!(input as never, JSON.parse(original.output ?? 'null') as never, ctx)
        return null
      })
      return { kind: 'succeeded', output }
    } catch (error) {
      if (this.#stop.signal.aborted) throw error
      const answer = { code: errorCode(error), message: errorMessage(error) }
      if (error instanceof ActionError && error.kind !== 'uncertain') return { kind: error.kind, ...answer }
      return this.#recover(effect, action, answer.code, answer.message)
    }
  }

  /** Nobody has the answer. Ask outside; where that tells nothing, it is uncertain. */
  async #recover(effect: EffectRow, action: AnyAction, code: string, message: string): Promise<Answer> {
    const uncertain = { kind: 'uncertain', code, message } as const
    const canAsk = action.reconcile !== undefined && effect.undoes === null
    if (canAsk) {
      const input = JSON.parse(effect.input ?? 'null') as never
      const found = await this.#timed(action, effect, async (ctx): Promise<Reconciled<Json>> => {
        const answer = await action.reconcile!(input, ctx)
        return answer.found === 'yes' ? { found: 'yes', output: understood(action, answer.output) } : answer
      }).catch((error: unknown) => {
        if (this.#stop.signal.aborted) throw error
        return { found: 'unknown' } as const
      })
      if (found.found === 'yes') return { kind: 'succeeded', output: found.output }
      if (found.found === 'no') return { ...uncertain, kind: 'absent' }
    }
    return uncertain
  }

  /** Ends with the call, the time-out or the stop, whichever is first: a call that does not listen holds up nobody. */
  async #timed<T>(action: AnyAction, effect: EffectRow, call: (ctx: ActionContext) => Promise<T>): Promise<T> {
    this.#stop.signal.throwIfAborted()
    const over = new AbortController()
    const signal = AbortSignal.any([over.signal, this.#stop.signal])
    const stopped = new Promise<never>((_, reject) => {
      const abandon = () => reject(this.#stop.signal.reason as Error)
      this.#stop.signal.addEventListener('abort', abandon, { signal: over.signal })
    })
    const late = delay(action.timeoutMs, undefined, { signal: over.signal, ref: false }).then(
      () => {
        throw new ActionError(
          'uncertain',
          'action.timeout',
          `${action.action} did not answer within ${action.timeoutMs} ms.`,
        )
      },
      () => new Promise<never>(() => {}),
    )
    try {
      const connection = this.#options.connection(action.connector)
      return await Promise.race([
        call({ key: effect.key, token: effect.token, proposedAt: effect.proposed_at, connection, signal }),
        late,
        stopped,
      ])
    } finally {
      over.abort()
    }
  }

  async #settle(effect: EffectRow, action: AnyAction, fence: Fence, answer: Answer): Promise<void> {
    if (answer.kind === 'succeeded') return this.#succeeded(effect, action, fence, answer.output)
    const { kind, code, message } = answer
    // A failure of this try says nothing about the ones before it; only absence does. A read leaves nothing behind.
    const maybe =
      effect.risk !== 'read' &&
      kind !== 'absent' &&
      (kind === 'uncertain' || (await mayHaveHappened(this.#store, effect.id)))
    const again = kind === 'uncertain' ? action.idempotent : kind !== 'domain'
    if (again && effect.token < MAX_TRIES) return this.#retry(effect, fence, { code, message, maybe })
    const tried = again ? ` (tried ${effect.token} times)` : ''
    return this.#stopped(effect, fence, maybe ? 'uncertain' : 'failed', code, `${message}${tried}`)
  }

  /** Of an effect that was found, not called: whether the last one who had it may have made the call. */
  async #maybeHappened(effect: EffectRow): Promise<boolean> {
    return effect.risk !== 'read' && (effect.state === 'dispatched' || mayHaveHappened(this.#store, effect.id))
  }

  async #retry(
    effect: EffectRow,
    fence: Fence,
    answer: { readonly code: string; readonly message: string; readonly maybe: boolean },
  ): Promise<void> {
    const backoff = Math.min(FIRST_BACKOFF_MS * 2 ** (effect.token - 1), MAX_BACKOFF_MS)
    const dueAt = this.#store.clock.now() + Math.round(backoff * (0.5 + Math.random() / 2))
    const event = effectRetrying(
      effect.id,
      { token: effect.token, dueAt, code: answer.code, maybe: answer.maybe },
      { private: { error: answer.message }, cause: await this.#cause(effect.id) },
    )
    await this.#transition(effect, fence, 'retry', [event], [])
  }

  async #succeeded(effect: EffectRow, action: AnyAction, fence: Fence, output: Json): Promise<void> {
    const settled = effectSettled(
      effect.id,
      { state: 'succeeded', code: null, token: effect.token },
      { private: { output, error: null }, cause: await this.#cause(effect.id) },
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
    await this.#transition(effect, fence, 'settle', [...events, ...answer.events], answer.guards)
  }

  /** Stops for good and says so: a person decides what happened, or what should. */
  async #stopped(
    effect: EffectRow,
    fence: Fence,
    state: 'uncertain' | 'failed',
    code: string,
    message: string,
  ): Promise<void> {
    const stopped = effectStopped(
      effect.id,
      { state, code, token: effect.token },
      { private: { error: message }, cause: await this.#cause(effect.id) },
    )
    const kind = state === 'uncertain' ? 'uncertain' : 'dead_letter'
    const action = this.#options.actions.get(effect.action)
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
    if (effect.undoes !== null && state === 'failed')
      events.push(effectUndo(effect.undoes, { state: 'undo_failed', by: effect.id }, { cause: { index: 0 } }))
    await this.#transition(effect, fence, 'stop', events, [])
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
      key: `eff:${effect.id}:${(await this.#cause(effect.id)) ?? 0}:${name}`,
      events,
      guards: [effectStill(effect.id, effect.state, effect.token), ...guards],
      fence,
    })
  }

  async #cause(id: string): Promise<number | null> {
    return (await this.#store.first<{ seq: number }>(newestEvent(id)))?.seq ?? null
  }
}

/** An answer as it is recorded. One that cannot be, or that does not fit its schema, is one that nobody has. */
function understood(action: AnyAction, output: unknown): Json {
  const copied = jsonCopy(output, `What ${action.action} answered`)
  const parsed = action.output.safeParse(copied)
  if (parsed.success) return copied
  const issue = parsed.error.issues[0]
  throw new ActionError(
    'uncertain',
    'action.bad_output',
    `${action.action} answered what its output schema does not take, at ${issue?.path.join('.') || 'the top'}: ${issue?.message ?? 'invalid'}. Look outside whether it happened, and correct the connector.`,
  )
}

/** What the operator's word on an uncertain effect or a dead letter leads to. */
export function registerStoppedGates(store: Store, gates: Gates, actions: ReadonlyMap<string, AnyAction>): void {
  for (const kind of ['uncertain', 'dead_letter'] as const) {
    gates.on(kind, async (gate, decision) => {
      const effect = await getEffect(store, gate.subject)
      const actor = decision.by ?? 'operator'
      const state = kind === 'uncertain' ? 'uncertain' : 'failed'
      const guards = [effectStill(effect.id, state, effect.token)]
      if (decision.outcome === 'retry') {
        const again = effectHeld(effect.id, { dueAt: store.clock.now(), token: effect.token }, { actor })
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
  return [await joinConversation(store, { message: effect.id, direction: 'out', ...message }, { index: cause })]
}
