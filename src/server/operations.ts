import { z } from 'zod'
import { cancelEffect, getEffect } from '../execution/effects.ts'
import { effectsOfRun, type EffectRow } from '../execution/events.ts'
import { diagnose } from '../governance/doctor.ts'
import type { GateRow } from '../governance/gates.ts'
import { exportLedger, proveEvent, verifyLedger } from '../governance/verify.ts'
import { why } from '../governance/why.ts'
import { FactotumError } from '../lib/errors.ts'
import type { Json } from '../lib/json.ts'
import { cancelRun, getRun, restartRun, retryRun } from '../orchestration/operator.ts'
import { checkRunInput, start } from '../orchestration/starting.ts'
import { open } from 'node:fs/promises'
import { ALL_EVENTS, type OpenCompany } from './open.ts'
import { resolveId } from './views/ids.ts'
import { runList, signalList } from './views/lists.ts'
import { queueItem, queueItems } from './views/queue.ts'
import { status } from './views/status.ts'
import { timeline } from './views/timeline.ts'

/** One thing that can be asked of a company, over HTTP or by the CLI beside it. */
export interface Operation<A, R> {
  readonly args: z.ZodType<A>
  readonly run: (company: OpenCompany, args: A) => Promise<R>
}

function operation<A, R>(args: z.ZodType<A>, run: (company: OpenCompany, args: A) => Promise<R>): Operation<A, R> {
  return { args, run }
}

const none = z.object({})
const newest = z.object({ state: z.string().optional(), limit: z.int().min(1).max(1_000).default(50) })
const byId = z.object({ id: z.string().min(1) })

export const OPERATIONS = {
  status: operation(none, (c) => status(c)),
  queue: operation(none, (c) => queueItems(c.store)),
  gate: operation(byId, async (c, { id }) =>
    queueItem(c.store, await c.gates.get(await resolveId(c.store, 'gate', id))),
  ),
  decide: operation(
    z.object({
      id: z.string(),
      outcome: z.string(),
      reason: z.string().optional(),
      value: z.json().optional(),
      binding: z.string().optional(),
    }),
    async (c, { id, outcome, reason, value, binding }) => {
      const gate = await c.gates.decide(await resolveId(c.store, 'gate', id), {
        outcome,
        ...(reason === undefined ? {} : { reason }),
        ...(value === undefined ? {} : { value: value as Json }),
        ...(binding === undefined ? {} : { binding }),
      })
      return decided(c, gate)
    },
  ),
  input: operation(byId, async (c, { id }) => {
    const gate = await c.gates.get(await resolveId(c.store, 'gate', id))
    if (gate.kind !== 'effect')
      throw new FactotumError(
        'gate.no_input',
        `Gate ${gate.id} proposes no action: there is nothing to change. Use "answer" or "decide".`,
      )
    return JSON.parse((await getEffect(c.store, gate.subject)).input ?? 'null') as Json
  }),
  signals: operation(newest, (c, { state, limit }) => signalList(c.store, state, limit)),
  runs: operation(newest, (c, { state, limit }) => runList(c.store, state, limit)),
  run: operation(byId, async (c, { id }) =>
    timeline(c.store, await getRun(c.store, await resolveId(c.store, 'run', id))),
  ),
  start: operation(z.object({ workflow: z.string(), input: z.json().optional() }), (c, { workflow, input }) =>
    startByHand(c, workflow, input as Json),
  ),
  cancel: operation(byId.extend({ reason: z.string().optional() }), async (c, { id, reason }) => {
    const found = await resolveId(c.store, 'run or effect', id)
    if (!found.startsWith('eff_')) {
      await cancelRun(c.store, found, reason ?? null)
      const { workflow, state } = await getRun(c.store, found)
      return { id: found, workflow, state }
    }
    await cancelEffect(c.store, found, reason ?? null)
    const effect = await getEffect(c.store, found)
    return { id: found, workflow: (await getRun(c.store, effect.run)).workflow, state: effect.state }
  }),
  retry: operation(byId.extend({ step: z.string().optional() }), async (c, { id, step }) => {
    const run = await resolveId(c.store, 'run', id)
    await retryRun(c.store, c.gates, run, step === undefined ? {} : { step })
    return getRun(c.store, run)
  }),
  restart: operation(byId.extend({ input: z.json().optional() }), async (c, { id, input }) => {
    const run = await resolveId(c.store, 'run', id)
    await restartRun(c.store, c.gates, run, input === undefined ? {} : { input: input as Json })
    return getRun(c.store, run)
  }),
  why: operation(byId, async (c, { id }) => {
    const found = await resolveId(c.store, 'record', id)
    // The story of a gate goes on in the effect that it decided.
    const gate = found.startsWith('gate_') ? await c.gates.get(found) : undefined
    return why(c.store, gate?.subject.startsWith('eff_') ? gate.subject : found)
  }),
  ingest: operation(z.object({ path: z.string().min(1) }), (c, { path }) => c.ingest(path)),
  verify: operation(z.object({ checkpoints: z.array(z.string()).default([]) }), async (c, { checkpoints }) => {
    // What was signed only now would verify, whatever it is: it is checked before, and signed only where it is right.
    const report = await verifyLedger(c.store, c.keys.vkey, checkpoints)
    if (report.ok) await c.sealer.seal()
    return report
  }),
  prove: operation(z.object({ event: z.int().min(0) }), async (c, { event }) => {
    await c.sealer.seal()
    return proveEvent(c.store, c.keys.vkey, event)
  }),
  export: operation(z.object({ file: z.string().min(1), private: z.boolean().default(false) }), async (c, args) =>
    exportTo(c, args.file, !args.private),
  ),
  doctor: operation(none, (c) => diagnose(c.store, ALL_EVENTS)),
} as const

export type OperationName = keyof typeof OPERATIONS
export type Args<N extends OperationName> = z.input<(typeof OPERATIONS)[N]['args']>
export type Result<N extends OperationName> = Awaited<ReturnType<(typeof OPERATIONS)[N]['run']>>

/** Runs an operation by name. Throws `operation.unknown`, `operation.bad_arguments`, and what the operation throws. */
export async function operate(company: OpenCompany, name: string, args: unknown): Promise<unknown> {
  if (!Object.hasOwn(OPERATIONS, name))
    throw new FactotumError(
      'operation.unknown',
      `There is no operation "${name}". Update the factotum command or the server, so that both are of one version.`,
    )
  const { args: schema, run } = OPERATIONS[name as OperationName] as Operation<unknown, unknown>
  const parsed = schema.safeParse(args)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new FactotumError(
      'operation.bad_arguments',
      `"${name}" was called wrongly, at ${issue?.path.join('.') || 'the top'}: ${issue?.message ?? 'invalid'}.`,
    )
  }
  return run(company, parsed.data)
}

/** What the operator is told after a decision: what it led to, and when. */
async function decided(c: OpenCompany, gate: GateRow) {
  const effect =
    gate.run === null
      ? undefined
      : (await c.store.read<EffectRow>(effectsOfRun(gate.run))).find((e) => e.id === gate.subject)
  return {
    gate: gate.id,
    outcome: gate.outcome,
    title: gate.title,
    run: gate.run,
    effect: effect ? { id: effect.id, state: effect.state, dueAt: effect.due_at } : null,
    driven: c.started,
  }
}

async function startByHand(c: OpenCompany, name: string, input: Json | undefined) {
  const workflow = c.coordinator.workflows.get(name)
  if (!workflow) {
    const known = [...c.coordinator.workflows.keys()].join(', ')
    throw new FactotumError('run.workflow_missing', `There is no workflow "${name}". There is: ${known || 'none'}.`)
  }
  const checked = checkRunInput(workflow, input)
  const started = start(c.store, {
    workflow,
    input: checked,
    lane: workflow.lane ? workflow.lane(checked as never) : null,
    actor: 'operator',
  })
  await c.store.commit({ key: `start:${started.id}`, events: [started.event] })
  return getRun(c.store, started.id)
}

async function exportTo(c: OpenCompany, file: string, redacted: boolean) {
  const sealed = await c.sealer.seal()
  const out = await open(file, 'wx', 0o600).catch((cause: unknown) => {
    throw new FactotumError('export.file', `${file} cannot be written: it exists already, or its folder does not.`, {
      cause,
    })
  })
  try {
    for await (const chunk of exportLedger(c.store, c.keys.vkey, { redacted })) await out.writeFile(chunk)
    await out.sync()
  } finally {
    await out.close()
  }
  return { file, events: sealed?.size ?? 0, redacted, vkey: c.keys.vkey }
}
