import { milliseconds, type Duration } from '../../lib/durations.ts'
import { jsonCopy } from '../../lib/json.ts'
import type { Action, AnyAction } from '../../execution/action.ts'
import type { EffectResult } from '../../execution/effects.ts'
import { effectsOfRun, type EffectRow, type EffectState } from '../../execution/events.ts'
import { propose } from '../../execution/proposal.ts'
import { proposeUndo } from '../../execution/undo.ts'
import type { Begun } from '../call.ts'
import type { CallOptions, Compensation } from '../workflow.ts'
import { evidenceOf, wordOf, type Services } from './services.ts'

export function act<I, O>(
  services: Services,
  action: Action<I, O>,
  input: I,
  options?: CallOptions & { readonly hold?: Duration; readonly expires?: Duration },
): Promise<EffectResult<I, O>> {
  const { driver, execution } = services
  const given = jsonCopy(input, `The input of ${action.action}`)
  return driver.call<EffectResult<I, O>>({
    kind: 'act',
    name: options?.name ?? action.action,
    key: options?.key,
    input: [action.action, action.version, given],
    begin: async ({ op, wait, cause }): Promise<Begun> => {
      const proposed = await propose(execution, {
        action: action as unknown as AnyAction,
        input: given,
        run: driver.run.id,
        workflow: driver.run.workflow,
        op,
        wait,
        ...wordOf(services),
        holdMs: options?.hold === undefined ? null : milliseconds(options.hold),
        expiresMs: options?.expires === undefined ? null : milliseconds(options.expires),
        evidence: evidenceOf(services),
        cause,
      })
      const { id, events, verdict } = proposed
      if (verdict.outcome !== 'refuse') return { wait: { kind: 'effect', subject: id, deadline: null }, events }
      const value = { id, state: 'refused', input: proposed.input, output: null, reason: verdict.reason }
      return { done: { value }, events }
    },
    read: (completion) => {
      // What a service tells may be what outsiders wrote there.
      if (action.risk === 'read') services.trust = 'outsider'
      return completion.value as unknown as EffectResult<I, O>
    },
  })
}

/** What is on the way or unclear cannot be taken back yet; it is named as left, never passed over. */
const DID_OR_MAY_HAVE = new Set<EffectState>([
  'succeeded',
  'dispatched',
  'retrying',
  'uncertain',
  'undo_failed',
  'undo_uncertain',
])

/** Takes back what this run did, newest first, one after the other; each undo is an effect of its own. */
export async function compensate(services: Services): Promise<Compensation> {
  const { driver, store } = services
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
    const state = await undoOne(services, id)
    ;(state === 'undone' ? undone : left).push(id)
  }
  return { undone, left }
}

function undoOne({ driver, store, execution }: Services, id: string): Promise<string> {
  return driver.call<string>({
    kind: 'undo',
    name: `undo ${id}`,
    begin: async ({ op, wait, cause }) => {
      const effect = (await store.read<EffectRow>(effectsOfRun(driver.run.id))).find((e) => e.id === id)
      const action = effect && execution.actions.get(effect.action)
      if (!effect || !action?.undo || effect.state !== 'succeeded') return { done: { value: { state: 'left' } } }
      const undo = proposeUndo(execution, {
        effect,
        action,
        op,
        wait,
        actor: `run:${driver.run.id}`,
        reason: 'default: a run may take back what it did itself',
        cause,
      })
      return { wait: { kind: 'effect', subject: undo.id, deadline: null }, events: undo.events, guards: undo.guards }
    },
    read: (completion) => String((completion.value as { state: string }).state),
  })
}
