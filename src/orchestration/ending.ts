import { NO_EVIDENCE } from '../context/decisions.ts'
import { clearOf } from '../context/ephemeral.ts'
import type { Word } from '../context/signals.ts'
import { effectsOfRun, type EffectRow } from '../execution/events.ts'
import { gateOpened, type Choice } from '../governance/gates.ts'
import { errorCode, errorMessage } from '../lib/errors.ts'
import type { Json } from '../lib/json.ts'
import { answerWait, ConflictError, work, type EventInput, type Store } from '../store/index.ts'
import type { DriveEnd, Driver } from './driver.ts'
import type { Compensation } from './workflow.ts'
import { leaveWaits } from './leaving.ts'
import { runCancelled, runCompleted, runFailed, runParked, type RunRow } from './events.ts'

const CANCEL: Choice = { outcome: 'cancel', label: 'Cancel the run', needs: 'reason' }
const RESTART: Choice = { outcome: 'restart', label: 'Start it over; with a value: on that input' }

const FAILURE_CHOICES: readonly Choice[] = [
  { outcome: 'retry', label: 'Retry from the step that failed' },
  RESTART,
  { outcome: 'compensate', label: 'Take back what it did, then end it' },
  CANCEL,
]
const PARKED_CHOICES: readonly Choice[] = [
  { outcome: 'continue', label: 'Go on with the code as it is now' },
  RESTART,
  CANCEL,
]

/** Records how a drive ended. Waking up again is the coordinator's business, so `suspended` and `released` need nothing. */
export async function recordEnd(driver: Driver, end: DriveEnd, word: Word): Promise<void> {
  switch (end.end) {
    case 'returned':
      return driver.history.compensate
        ? compensated(driver, end.value as unknown as Compensation)
        : completed(driver, end.value, word)
    case 'threw':
      return stop(
        driver.store,
        driver.run,
        driver.fence,
        driver.cause,
        'failed',
        errorCode(end.error),
        end.op,
        errorMessage(end.error),
      )
    case 'mismatch':
      return stop(
        driver.store,
        driver.run,
        driver.fence,
        driver.cause,
        'parked',
        end.code ?? 'run.mismatch',
        end.op,
        end.message,
      )
    case 'suspended':
    case 'released':
  }
}

/** `word`: of everything that it had seen, and so of what it answers. */
async function completed(driver: Driver, result: Json, { trust, parties }: Word): Promise<void> {
  await endWith(driver, () => runCompleted(driver.run.id, {}, { private: { result }, cause: driver.cause }), {
    state: 'done',
    result,
    trust,
    parties,
  })
}

async function compensated(driver: Driver, { undone, left }: Compensation): Promise<void> {
  const taken = `${undone.length} of ${undone.length + left.length} effects were taken back`
  const reason = left.length === 0 ? taken : `${taken}; left as they are: ${left.join(', ')}`
  await endWith(driver, () => runCancelled(driver.run.id, {}, { private: { reason }, cause: driver.cause }), {
    state: 'cancelled',
    result: null,
  })
}

/** The end, what it leaves open, and the answer to whoever waits for it, in one commit. */
async function endWith(driver: Driver, event: () => EventInput, answer: Json): Promise<void> {
  const { store, run } = driver
  for (;;) {
    const parent = await answerWait(store, run.parent_wait, answer, { cause: { index: 0 } })
    // Races leave losers: nobody is asked any more, and what has not left does not leave. A child goes on by itself.
    const left = await leaveWaits(store, run.id, 'the run went on without it')
    try {
      await store.commit({
        key: `${run.id}:${run.generation}:end`,
        events: [event(), ...left.events, ...parent.events],
        guards: [...left.guards, ...parent.guards],
        fence: driver.fence,
        // A step that is still at work somewhere must not be recorded for a run that has ended.
        also: [work.revokeLease(run.id), clearOf(run.id)],
      })
      return
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error
    }
  }
}

/** The run cannot go on by itself: it stops, visibly, at a gate that says why and what can be done. */
export async function stop(
  store: Store,
  run: RunRow,
  fence: { readonly id: string; readonly epoch: number },
  cause: number,
  state: 'failed' | 'parked',
  code: string,
  op: string | null,
  message: string,
): Promise<void> {
  const event = (state === 'failed' ? runFailed : runParked)(run.id, { code, op }, { private: { message }, cause })
  const effects = (await store.read<EffectRow>(effectsOfRun(run.id))).filter(
    (e) => e.state === 'succeeded' || e.state === 'dispatched',
  )
  const gate = gateOpened(
    store.newId('gate'),
    {
      kind: state === 'failed' ? 'failure' : 'parked',
      subject: run.id,
      run: run.id,
      template: state === 'failed' ? FAILURE_CHOICES : PARKED_CHOICES,
      evidence: run.signal === null ? NO_EVIDENCE : { ...NO_EVIDENCE, signals: [run.signal] },
      binding: null,
      risk: null,
      reason: code,
    },
    {
      private: {
        title: `${run.workflow} ${state === 'failed' ? 'failed' : 'is parked'}${op ? ` at "${op}"` : ''}: ${message}`,
        proposal: { op, code, message, effects: effects.map((e) => ({ id: e.id, action: e.action, state: e.state })) },
      },
      cause: { index: 0 },
    },
  )
  await store.commit({
    key: `${run.id}:${run.generation}:${state}:${store.newId('key')}`,
    events: [event, gate],
    fence,
    also: [work.revokeLease(run.id)],
  })
}
