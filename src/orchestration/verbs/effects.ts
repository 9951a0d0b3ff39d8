import { NO_EVIDENCE } from '../../context/decisions.ts'
import { milliseconds, type Duration } from '../../lib/durations.ts'
import { jsonCopy } from '../../lib/json.ts'
import type { Action, AnyAction } from '../../execution/action.ts'
import { propose, type EffectResult } from '../../execution/effects.ts'
import { effectsOfRun, effectStill, effectUndo, type EffectRow, type EffectState } from '../../execution/events.ts'
import type { CallOptions, Compensation } from '../workflow.ts'
import { evidenceOf, type Services } from './services.ts'

export function act<I, O>(
  services: Services,
  action: Action<I, O>,
  input: I,
  options?: CallOptions & { readonly hold?: Duration },
): Promise<EffectResult<I, O>> {
  const { driver, store } = services
  const given = jsonCopy(input, `The input of ${action.action}`)
  const holdMs = options?.hold === undefined ? null : milliseconds(options.hold)
  return driver.call<EffectResult<I, O>>({
    kind: 'act',
    name: options?.name ?? action.action,
    key: options?.key,
    input: [action.action, action.version, given],
    begin: ({ op, wait, cause }) => {
      const proposed = propose(store, {
        action: action as unknown as AnyAction,
        input: given,
        run: driver.run.id,
        op,
        wait,
        holdMs,
        evidence: evidenceOf(services),
        cause,
      })
      return { wait: { kind: 'effect', subject: proposed.id, deadline: null }, events: proposed.events }
    },
    read: (completion) => completion.value as unknown as EffectResult<I, O>,
  })
}

/** What is on the way or unclear cannot be taken back yet; it is named as left, never passed over. */
const DID_OR_MAY_HAVE = new Set<EffectState>(['succeeded', 'dispatched', 'retrying', 'uncertain', 'undo_failed'])

/** Takes back what this run did, newest first, one after the other; each undo is an effect of its own. */
export async function compensate(services: Services): Promise<Compensation> {
  const { driver, store, actions } = services
  const done = await driver.call<readonly string[]>({
    kind: 'compensate',
    name: 'compensate',
    begin: async () => {
      const effects = await store.read<EffectRow>(effectsOfRun(driver.run.id))
      return {
        done: {
          value: effects
            .filter((e) => DID_OR_MAY_HAVE.has(e.state) && e.undoes === null && e.risk !== 'read')
            .map((e) => e.id)
            .reverse(),
        },
      }
    },
  })
  const undone: string[] = []
  const left: string[] = []
  for (const id of done) {
    const state = await undoOne(services, actions, id)
    ;(state === 'undone' ? undone : left).push(id)
  }
  return { undone, left }
}

function undoOne({ driver, store }: Services, actions: ReadonlyMap<string, AnyAction>, id: string): Promise<string> {
  return driver.call<string>({
    kind: 'undo',
    name: `undo ${id}`,
    begin: async ({ op, wait, cause }) => {
      const effect = (await store.read<EffectRow>(effectsOfRun(driver.run.id))).find((e) => e.id === id)
      const action = effect && actions.get(effect.action)
      if (!effect || !action?.undo || effect.state !== 'succeeded') return { done: { value: { state: 'left' } } }
      const proposed = propose(store, {
        action,
        input: null,
        run: driver.run.id,
        op,
        wait,
        holdMs: 0,
        evidence: NO_EVIDENCE,
        undoes: effect,
        cause,
      })
      return {
        wait: { kind: 'effect', subject: proposed.id, deadline: null },
        events: [...proposed.events, effectUndo(id, { state: 'undoing', by: proposed.id }, { cause: { index: 0 } })],
        guards: [effectStill(id, 'succeeded', effect.token)],
      }
    },
    read: (completion) => String((completion.value as { state: string }).state),
  })
}
