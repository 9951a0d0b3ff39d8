import { z } from 'zod'
import type { Json } from '../../lib/json.ts'
import { getRun, restartRun, retryRun, type RunChoice } from '../../orchestration/operator.ts'
import { byId, looking, operation } from '../operation.ts'
import { resolveId } from '../views/ids.ts'
import { assertPlanned, runPlan } from '../views/run-plan.ts'

const input = z.json().optional()
const step = z.string().optional()
/** Of the plan that was shown. */
const binding = z.string().optional()

interface Given {
  readonly step?: string | undefined
  readonly input?: unknown
}

const choiceOf = ({ step: at, input: given }: Given): RunChoice => ({
  ...(at === undefined ? {} : { step: at }),
  ...(given === undefined ? {} : { input: given as Json }),
})

/** Setting a run going again, and what that would do. */
export const RUN_OPERATIONS = {
  runPlan: looking(
    'read',
    byId.extend({ mode: z.enum(['retry', 'restart', 'cancel']), step, input }),
    async (c, { id, mode, ...given }) => runPlan(c, await resolveId(c.store, 'run', id), mode, choiceOf(given)),
  ),
  retry: operation('decide', byId.extend({ step, input, binding }), async (c, { id, binding: shown, ...given }) => {
    const run = await resolveId(c.store, 'run', id)
    const choice = choiceOf(given)
    await assertPlanned(c, run, 'retry', choice, shown)
    await retryRun(c.store, c.gates, run, choice)
    return getRun(c.store, run)
  }),
  restart: operation('decide', byId.extend({ input, binding }), async (c, { id, binding: shown, ...given }) => {
    const run = await resolveId(c.store, 'run', id)
    const choice = choiceOf(given)
    await assertPlanned(c, run, 'restart', choice, shown)
    await restartRun(c.store, c.gates, run, choice)
    return getRun(c.store, run)
  }),
  wake: operation('decide', byId, async (c, { id }) => {
    const gate = await c.gates.wake(await resolveId(c.store, 'gate', id))
    return { id: gate.id, title: gate.title }
  }),
} as const
