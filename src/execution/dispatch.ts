import { errorCode, errorMessage } from '../lib/errors.ts'
import { jsonCopy, shortHash, type Json } from '../lib/json.ts'
import { notPaused, pauseOn } from '../governance/pause.ts'
import { newestSeq, type Fence } from '../store/index.ts'
import { ActionError, type AnyAction, type Reconciled } from './action.ts'
import { answerEffect, expireEffect, getEffect } from './effects.ts'
import {
  effectDispatched,
  effectSettled,
  effectStill,
  firstDispatch,
  isBehind,
  laneGuards,
  laneToken,
  mayHaveHappened,
  newestDispatch,
  wasUncertain,
  type EffectRow,
} from './events.ts'
import { callWithin, observe, verdictNow, type Execution } from './execution.ts'
import { differenceFromApproved, inputOf, observedOf } from './proposal.ts'
import { waitsSinceRestore } from './restored.ts'
import { Settlement, type Answer } from './settlement.ts'
import { regate } from './stale.ts'
import { Throttle } from './throttle.ts'

/** An approval that waited longer than this for its turn (the process was down) is asked for again. */
export const FRESH_MS = 24 * 60 * 60_000
/** Of what is paused, or behind another effect: what ends the wait rings, this is for what nobody heard. */
const WAITING_MS = 60_000

/** When to look again at what cannot leave yet. */
type Later = { readonly at: number }

/** Why nobody knows whether something happened. */
interface Unsure {
  readonly code: string
  readonly message: string
}

const RESTORED: Unsure = {
  code: 'effect.restored',
  message:
    'This company was restored from a snapshot that was made before: the original may have done it since. Look outside first.',
}

/** A turn of a service's: when it was used, if it was, and how that failed; undefined while that is open. */
interface Turn {
  usedAt: number | null
  failure: string | null | undefined
}

/** Makes the outside calls. One `drive` moves one effect as far as it goes now. */
export class Dispatcher {
  readonly #execution: Execution
  readonly #settlement: Settlement
  readonly #throttle: Throttle
  readonly #stop = new AbortController()

  constructor(execution: Execution) {
    this.#execution = execution
    this.#settlement = new Settlement(execution)
    this.#throttle = new Throttle(execution.store)
  }

  async start(): Promise<void> {
    await this.#throttle.load()
  }

  /** Abandons the calls under way, whether they listen or not: their outcome is found out by whoever comes next. */
  stop(): void {
    this.#stop.abort()
  }

  async drive(fence: Fence): Promise<Later | void> {
    const { store, actions } = this.#execution
    const effect = await getEffect(store, fence.id)
    const now = store.clock.now()
    if (effect.state === 'gated') {
      if (isOver(effect, now)) return expireEffect(store, effect, fence)
      return effect.expires_at === null ? undefined : { at: effect.expires_at }
    }
    // Whoever claimed it may find that it has ended meanwhile.
    if (effect.state !== 'held' && effect.state !== 'retrying' && effect.state !== 'dispatched') return
    const action = actions.get(effect.action)
    if (!action)
      return this.#settlement.stopped(
        effect,
        fence,
        (await this.#maybeHappened(effect)) ? 'uncertain' : 'failed',
        'action.unknown',
        `This company no longer has the action ${effect.action}. Bring its connector back and try again, or close it.`,
      )
    if (effect.state !== 'dispatched') return this.#leave(effect, action, fence, now)
    // Found dispatched: whoever made the call is gone, and with it the answer.
    const answer = await this.#recover(
      effect,
      action,
      'effect.answer_lost',
      'The process stopped before the answer came.',
    )
    return this.#settlement.settle(effect, action, fence, answer)
  }

  /** Everything that an approval rests on is looked at again, and may only tighten, before the call is made. */
  async #leave(effect: EffectRow, action: AnyAction, fence: Fence, now: number): Promise<Later | void> {
    const { store, connectors } = this.#execution
    this.#stop.signal.throwIfAborted()
    const maybe = await this.#maybeHappened(effect)
    if (!maybe && isOver(effect, now)) return expireEffect(store, effect, fence)
    // What expires is looked at when it does, whatever else it waits for.
    const later = (at: number) => ({ at: maybe ? at : Math.min(at, effect.expires_at ?? at) })
    if (await pauseOn(store, effect.workflow ?? '', action.connector)) return later(now + WAITING_MS)
    if (await isBehind(store, effect)) return later(now + WAITING_MS)
    const connector = connectors.get(action.connector)
    const wait = connector ? this.#throttle.take(connector, effect.id) : null
    if (wait !== null) return later(wait)
    const turn: Turn = { usedAt: null, failure: undefined }
    try {
      await this.#use(turn, effect, action, maybe, fence)
    } finally {
      if (connector && turn.usedAt === null) this.#throttle.giveBack(connector)
      else if (connector) await this.#throttle.done(connector, turn.failure, store.clock.now() - turn.usedAt!)
    }
  }

  async #use(turn: Turn, effect: EffectRow, action: AnyAction, maybe: boolean, fence: Fence): Promise<void> {
    if (effect.undoes === null && !maybe) {
      if (await this.#tightened(turn, effect, action, fence)) return
    } else {
      const difference = differenceFromApproved(this.#execution, effect, action)
      if (difference !== null)
        return this.#settlement.stopped(effect, fence, maybe ? 'uncertain' : 'failed', 'effect.changed', difference)
      const unsure = await this.#unsure(effect, action, maybe)
      if (unsure) return this.#found(effect, action, fence, unsure)
    }
    // It has taken a moment to look.
    if (!maybe && isOver(effect, this.#execution.store.clock.now()))
      return expireEffect(this.#execution.store, effect, fence)
    return this.#dispatch(turn, effect, action, maybe, fence)
  }

  /** Whether the service may no longer know the key that an earlier try was made under. */
  async #forgotten(effect: EffectRow, action: AnyAction): Promise<boolean> {
    const { store } = this.#execution
    const first = await store.first<{ at: number }>(firstDispatch(effect.id))
    return first !== undefined && store.clock.now() - first.at > action.keyMs
  }

  /** Why it may have happened already, where sending it under its key would not be safe: null where it would. */
  async #unsure(effect: EffectRow, action: AnyAction, maybe: boolean): Promise<Unsure | null> {
    if (!maybe) return (await waitsSinceRestore(this.#execution.store, effect)) ? RESTORED : null
    if (!(await this.#forgotten(effect, action))) return null
    const message = `An earlier try may have happened, and ${action.connector} may no longer know its key.`
    return { code: 'effect.key_too_old', message }
  }

  /** What an earlier try did is looked up outside; where that tells nothing, only the operator can know. */
  async #found(effect: EffectRow, action: AnyAction, fence: Fence, { code, message }: Unsure): Promise<void> {
    const answer = await this.#recover(effect, action, code, message)
    if (answer.kind === 'succeeded') return this.#settlement.settle(effect, action, fence, answer)
    const happened = answer.kind === 'absent' ? 'failed' : 'uncertain'
    return this.#settlement.stopped(effect, fence, happened, code, message)
  }

  /** True where it does not leave: it was refused, or is asked for again. */
  async #tightened(turn: Turn, effect: EffectRow, action: AnyAction, fence: Fence): Promise<boolean> {
    // The operator said that no earlier try did anything; where the service can be asked, it has the last word.
    if (action.reconcile && (await wasUncertain(this.#execution.store, effect.id))) {
      const looked = await this.#recover(
        effect,
        action,
        'effect.looked_again',
        'It was looked for before it is tried again.',
      )
      if (looked.kind === 'succeeded') {
        await this.#settlement.settle(effect, action, fence, looked)
        return true
      }
    }
    const now = this.#execution.store.clock.now()
    const again = async (code: string, reason: string) => {
      await regate(this.#execution, effect, action, fence, this.#stop.signal, { code, reason })
      return true
    }
    if (effect.risk !== 'read' && (await waitsSinceRestore(this.#execution.store, effect)))
      return again(RESTORED.code, RESTORED.message)
    const difference = differenceFromApproved(this.#execution, effect, action)
    if (difference !== null) {
      if (action.input.safeParse(inputOf(effect)).success) return again('effect.changed', difference)
      await this.#settlement.stopped(effect, fence, 'failed', 'effect.changed', difference)
      return true
    }
    if (effect.approved_by !== null && effect.due_at !== null && now - effect.due_at > FRESH_MS)
      return again('effect.too_old', 'Its approval waited for more than a day before it could leave.')
    const verdict = await verdictNow(this.#execution, effect, action)
    if (verdict.outcome === 'refuse') {
      await this.#refused(effect, fence, verdict.reason)
      return true
    }
    if (verdict.outcome === 'ask' && effect.approved_by === null) return again('effect.tightened', verdict.reason)
    return this.#moved(turn, effect, action, fence)
  }

  /** Whether what the approval rests on outside is as it was. What could not be seen then is not compared. */
  async #moved(turn: Turn, effect: EffectRow, action: AnyAction, fence: Fence): Promise<boolean> {
    if (!action.observe || effect.observed === null) return false
    const tried = { key: effect.key, token: effect.token, laneToken: null, proposedAt: effect.proposed_at }
    const stop = this.#stop.signal
    const seen = await observe(this.#execution, action, inputOf(effect), tried, stop).then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    )
    if ('error' in seen) {
      stop.throwIfAborted()
      // Nothing was sent: it is tried again like a call that certainly did nothing.
      const { error } = seen
      const said = error instanceof ActionError ? error : null
      const failed = {
        kind: said?.kind === 'domain' ? 'domain' : 'transient',
        code: errorCode(error),
        message: errorMessage(error),
        retryAfterMs: said?.retryAfterMs ?? null,
      } as const
      turn.usedAt = this.#execution.store.clock.now()
      turn.failure = failed.kind === 'domain' ? null : failed.code
      await this.#settlement.settle(effect, action, fence, failed, effect.token + 1)
      return true
    }
    if (shortHash(seen.value) === shortHash(observedOf(effect))) return false
    await regate(this.#execution, effect, action, fence, stop, {
      code: 'effect.moved_outside',
      reason: 'What it rests on outside changed after it was asked for.',
      observed: seen.value,
    })
    return true
  }

  async #refused(effect: EffectRow, fence: Fence, reason: string): Promise<void> {
    const { store } = this.#execution
    const answer = await answerEffect(store, effect, { state: 'refused', reason }, 'system')
    const settled = effectSettled(
      effect.id,
      { state: 'refused', code: 'policy.refused', token: effect.token },
      { private: { output: null, error: reason }, cause: await newestSeq(store, effect.id) },
    )
    await store.commit({
      key: `eff:${effect.id}:refuse`,
      events: [settled, ...answer.events],
      guards: [effectStill(effect.id, effect.state, effect.token), ...answer.guards],
      fence,
    })
  }

  /** Durable before anything leaves: whoever finds `dispatched` knows that the call may have been made. */
  async #dispatch(turn: Turn, effect: EffectRow, action: AnyAction, maybe: boolean, fence: Fence): Promise<void> {
    const { store, meter } = this.#execution
    const token = effect.token + 1
    const lane = effect.lane === null ? null : (await this.#laneToken(effect.lane)) + 1
    const reserved = await meter.reserve(effect, token, action.connector)
    // What may have happened is not asked for as if it had not.
    if (reserved.over !== null && effect.approved_by === null && maybe)
      return this.#settlement.stopped(effect, fence, 'uncertain', 'budget.over', reserved.over)
    if (reserved.over !== null && effect.approved_by === null && effect.undoes === null)
      return regate(this.#execution, effect, action, fence, this.#stop.signal, {
        code: 'budget.over',
        reason: reserved.over,
      })
    const body = lane === null ? { token } : { token, lane: effect.lane!, laneToken: lane }
    await store.commit({
      key: `eff:${effect.id}:${token}:dispatch`,
      events: [effectDispatched(effect.id, body, { cause: await newestSeq(store, effect.id) }), ...reserved.events],
      guards: [
        effectStill(effect.id, effect.state, effect.token),
        notPaused(effect.workflow ?? '', action.connector),
        ...(lane === null ? [] : laneGuards(effect, lane - 1)),
        ...reserved.guards,
      ],
      fence,
    })
    turn.usedAt = store.clock.now()
    const sent = { ...effect, state: 'dispatched' as const, token }
    const answer = await this.#call(sent, action, lane)
    turn.failure = answer.kind === 'succeeded' || answer.kind === 'domain' ? null : answer.code
    await this.#settlement.settle(sent, action, fence, answer)
  }

  async #laneToken(lane: string): Promise<number> {
    return (await this.#execution.store.first<{ token: number }>(laneToken(lane)))?.token ?? 0
  }

  async #call(effect: EffectRow, action: AnyAction, lane: number | null): Promise<Answer> {
    const input = inputOf(effect)
    const tried = { key: effect.key, token: effect.token, laneToken: lane, proposedAt: effect.proposed_at }
    try {
      const output = await callWithin(this.#execution, action, tried, this.#stop.signal, async (ctx) => {
        if (effect.undoes === null) return understood(action, await action.run(input as never, ctx))
        await action.undo!(input as never, answered(action, await this.#undone(effect)) as never, ctx)
        return null
      })
      return { kind: 'succeeded', output }
    } catch (error) {
      if (this.#stop.signal.aborted) throw error
      const answer = { code: errorCode(error), message: errorMessage(error) }
      if (error instanceof ActionError && error.kind !== 'uncertain')
        return { kind: error.kind, ...answer, retryAfterMs: error.retryAfterMs }
      return this.#recover(effect, action, answer.code, answer.message)
    }
  }

  /** What the effect that is taken back had answered. */
  async #undone(effect: EffectRow): Promise<Json> {
    return JSON.parse((await getEffect(this.#execution.store, effect.undoes!)).output ?? 'null') as Json
  }

  /** Nobody has the answer. Ask outside; where that tells nothing, it is uncertain. */
  async #recover(effect: EffectRow, action: AnyAction, code: string, message: string): Promise<Answer> {
    const uncertain = { kind: 'uncertain', code, message } as const
    const input = inputOf(effect) as never
    const { store } = this.#execution
    const last = await store.first<{ at: number }>(newestDispatch(effect.id))
    const tried = {
      key: effect.key,
      token: effect.token,
      laneToken: null,
      proposedAt: effect.proposed_at,
      triedMsAgo: last === undefined ? 0 : store.clock.now() - last.at,
    }
    const found = await callWithin(
      this.#execution,
      action,
      tried,
      this.#stop.signal,
      async (ctx): Promise<Reconciled<Json>> => {
        if (effect.undoes !== null)
          return (
            (await action.reconcileUndo?.(input, (await this.#undone(effect)) as never, ctx)) ?? { found: 'unknown' }
          )
        const answer = (await action.reconcile?.(input, ctx)) ?? { found: 'unknown' }
        return answer.found === 'yes' ? { found: 'yes', output: understood(action, answer.output) } : answer
      },
    ).catch((error: unknown) => {
      if (this.#stop.signal.aborted) throw error
      return { found: 'unknown' } as const
    })
    if (found.found === 'yes') return { kind: 'succeeded', output: found.output }
    const proven = found.found === 'no' && tried.triedMsAgo >= action.absentAfterMs
    return proven ? { ...uncertain, kind: 'absent' } : uncertain
  }

  /** Of an effect that was found, not called: whether the last one who had it may have made the call. */
  async #maybeHappened(effect: EffectRow): Promise<boolean> {
    return (
      effect.risk !== 'read' &&
      (effect.state === 'dispatched' || (await mayHaveHappened(this.#execution.store, effect.id)))
    )
  }
}

function isOver({ expires_at }: EffectRow, now: number): boolean {
  return expires_at !== null && expires_at <= now
}

/** What it answered when it was done: without it nobody knows what to take back. */
function answered(action: AnyAction, output: Json): Json {
  if (action.output.safeParse(output).success) return output
  throw new ActionError(
    'domain',
    'undo.no_answer',
    `There is no answer of ${action.action} to take it back by. Take it back by hand, and close this.`,
  )
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
