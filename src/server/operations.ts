import { z } from 'zod'
import { titleOf } from '../execution/proposal.ts'
import { cancelEffect, getEffect } from '../execution/effects.ts'
import { effectById, type EffectRow } from '../execution/events.ts'
import { checkIndex } from '../context/recall/checking.ts'
import { diagnose } from '../governance/doctor.ts'
import type { GateRow } from '../governance/gates.ts'
import { pauses } from '../governance/pause.ts'
import { exportLedger, proveEvent, verifyLedger } from '../governance/verify.ts'
import { why } from '../governance/why.ts'
import { FactotumError } from '../lib/errors.ts'
import { jsonCopy, type Json } from '../lib/json.ts'
import { correct } from '../orchestration/agents/correcting.ts'
import { releaseSignal } from '../input/release.ts'
import { agentDetail, agentList } from '../orchestration/agents/report.ts'
import { cancelRun, getRun } from '../orchestration/operator.ts'
import { PLAN_WORKFLOW } from '../orchestration/planner/planner.ts'
import { checkRunInput, start } from '../orchestration/starting.ts'
import { open } from 'node:fs/promises'
import type { Moment, When } from './as-of.ts'
import { writeDossier } from './dossier/dossier.ts'
import { ACCESS_OPERATIONS } from './operations/access.ts'
import { ERASURE_OPERATIONS } from './operations/erasure.ts'
import { byId, newest, none, looking, operation, paged, reading, type Operation } from './operation.ts'
import { rebuild } from '../store/index.ts'
import { ALL_EVENTS, PROJECTIONS_VERSION } from './events.ts'
import { SNAPSHOT_OPERATIONS } from './operations/snapshots.ts'
import { CONSOLE_OPERATIONS, lookedMs } from './operations/console.ts'
import { FACT_OPERATIONS } from './operations/facts.ts'
import { OUTCOME_OPERATIONS } from './operations/outcomes.ts'
import { WORK_OPERATIONS } from './operations/work.ts'
import type { OpenCompany } from './open.ts'
import { EPHEMERAL_OPERATIONS } from './operations/ephemeral.ts'
import { deadLetters, decideDead } from './dead-letters.ts'
import { confirmUndo, liftPause, setPause, undoView } from './operator.ts'
import { PUSH_OPERATIONS } from './operations/push.ts'
import { RECALL_OPERATIONS } from './operations/recall.ts'
import { RUN_OPERATIONS } from './operations/runs.ts'
import { resolveId } from './views/ids.ts'
import type { Page } from './views/page.ts'
import { effectList, runList, signalList } from './views/lists.ts'
import { adoptFor, proposeFor, testEffect } from './views/policies.ts'
import { fileOf, signalView } from './views/signal.ts'
import { queueItem, type OverBudget } from './views/queue.ts'
import { MAX_WHOLE } from './views/whole-queue.ts'
import { assertPlanned } from './views/run-plan.ts'
import { runbook } from './views/runbook.ts'
import { plannedProgress } from './views/planned.ts'
import { status } from './views/status.ts'
import { costs } from './views/costs.ts'
import { awayState, digest, digestSince, quietState } from './views/digest.ts'
import { parseUntil } from '../governance/attention/away.ts'
import { COSTS_BY } from '../governance/spend/costs.ts'
import { whyTask } from './views/tasks.ts'
import { timeline } from './views/timeline.ts'

export const OPERATIONS = {
  status: reading('read', none, (c) => status(c)),
  gate: reading('read', byId, async (c, { id }) =>
    queueItem(c.store, await c.gates.get(await resolveId(c.store, 'gate', id)), overBudgetIn(c)),
  ),
  gates: reading('read', z.object({ ids: z.array(z.string().min(1)).min(1).max(MAX_WHOLE) }), async (c, { ids }) => {
    const found = await Promise.all(ids.map((id) => c.gates.get(id)))
    return Promise.all(found.map((gate) => queueItem(c.store, gate, overBudgetIn(c))))
  }),
  decide: operation(
    'decide',
    z.object({
      id: z.string(),
      outcome: z.string(),
      reason: z.string().optional(),
      value: z.json().optional(),
      binding: z.string().optional(),
      lookedMs: lookedMs.optional(),
    }),
    async (c, { id, outcome, reason, value, binding, lookedMs: looked }) => {
      const gate = await c.gates.decide(await resolveId(c.store, 'gate', id), {
        outcome,
        ...(reason === undefined ? {} : { reason }),
        ...(value === undefined ? {} : { value: value as Json }),
        ...(binding === undefined ? {} : { binding }),
        ...(looked === undefined ? {} : { lookedMs: looked }),
      })
      return decided(c, gate)
    },
  ),
  decideAll: operation(
    'decide',
    z.object({
      ids: z.array(z.string()).min(1).max(1_000),
      outcome: z.string(),
      reason: z.string().optional(),
      lookedMs: lookedMs.optional(),
    }),
    async (c, { ids, outcome, reason, lookedMs: looked }) => {
      const gates = await Promise.all(ids.map((id) => resolveId(c.store, 'gate', id)))
      const done = await c.gates.decideAll(gates, {
        outcome,
        ...(reason === undefined ? {} : { reason }),
        ...(looked === undefined ? {} : { lookedMs: looked }),
      })
      return { decided: await Promise.all(done.decided.map((gate) => decided(c, gate))), failed: done.failed }
    },
  ),
  snooze: operation('decide', byId.extend({ until: z.int() }), async (c, { id, until }) => {
    const gate = await c.gates.snooze(await resolveId(c.store, 'gate', id), until)
    return { id: gate.id, until: gate.snoozed_until, title: gate.title }
  }),
  input: reading('read', byId, async (c, { id }) => {
    const gate = await c.gates.get(await resolveId(c.store, 'gate', id))
    if (gate.kind !== 'effect')
      throw new FactotumError(
        'gate.no_input',
        `Gate ${gate.id} proposes no action: there is nothing to change. Use "answer" or "decide".`,
      )
    return JSON.parse((await getEffect(c.store, gate.subject)).input ?? 'null') as Json
  }),
  signals: reading('read', newest, (c, { state, ...paging }) => signalList(c, state, paging)),
  signal: reading('read', byId, (c, { id }) => signalView(c, id)),
  file: reading('read', byId.extend({ n: z.int().min(0).optional() }), (c, { id, n }) => fileOf(c, id, n)),
  release: operation('decide', byId.extend({ reason: z.string().optional() }), async (c, { id, reason }) => {
    const found = await resolveId(c.store, 'signal', id)
    await releaseSignal(c.store, c.signals, found, reason?.trim() || null)
    return signalView(c, found)
  }),
  runs: reading('read', newest, (c, { state, ...paging }) => runList(c.store, state, paging)),
  run: reading('read', byId, async (c, { id }) =>
    timeline(c.store, await getRun(c.store, await resolveId(c.store, 'run', id))),
  ),
  start: operation(
    'propose',
    z.object({ workflow: z.string(), input: z.json().optional() }),
    (c, { workflow, input }) => startByHand(c, workflow, input as Json),
  ),
  do: operation(
    'propose',
    z.object({ goal: z.string().trim().min(1).max(4_000), plan: z.json().optional() }),
    startPlan,
  ),
  planned: reading('read', byId, async (c, { id }) => plannedProgress(c.store, await resolveId(c.store, 'run', id))),
  cancel: operation(
    'decide',
    byId.extend({ reason: z.string().optional(), binding: z.string().optional() }),
    async (c, { id, reason, binding }) => {
      const found = await resolveId(c.store, 'run or effect', id)
      if (!found.startsWith('eff_')) {
        await assertPlanned(c, found, 'cancel', {}, binding)
        await cancelRun(c.store, found, reason ?? null)
        const { workflow, state } = await getRun(c.store, found)
        return { id: found, workflow, state }
      }
      await cancelEffect(c.store, found, reason ?? null)
      const effect = await getEffect(c.store, found)
      return { id: found, workflow: (await getRun(c.store, effect.run)).workflow, state: effect.state }
    },
  ),
  ...RUN_OPERATIONS,
  undoPlan: reading('read', byId, (c, { id }) => undoView(c, id)),
  undo: operation('decide', byId.extend({ binding: z.string() }), (c, { id, binding }) => confirmUndo(c, id, binding)),
  effects: reading('read', newest, (c, { state, ...paging }) => effectList(c, state, paging)),
  dead: reading('read', paged.extend({ which: z.string().default('all') }), (c, { which, ...paging }) =>
    deadLetters(c, which, paging),
  ),
  redrive: operation(
    'decide',
    z.object({ which: z.string(), gates: z.array(z.string()).optional() }),
    (c, { which, gates }) => decideDead(c, which, 'retry', null, gates),
  ),
  closeDead: operation('decide', z.object({ which: z.string(), reason: z.string() }), (c, { which, reason }) =>
    decideDead(c, which, 'close', reason),
  ),
  pauses: reading('read', none, (c) => pauses(c.store)),
  pause: operation(
    'decide',
    z.object({ scope: z.string().default('all'), reason: z.string().optional() }),
    (c, { scope, reason }) => setPause(c, scope, reason ?? null),
  ),
  resume: operation('decide', z.object({ scope: z.string().default('all') }), (c, { scope }) => liftPause(c, scope)),
  why: reading('read', byId, async (c, { id }) => {
    const found = await resolveId(c.store, 'record', id)
    // The story of a gate goes on in the effect that it decided.
    const gate = found.startsWith('gate_') ? await c.gates.get(found) : undefined
    if (found.startsWith('task_')) return whyTask(c.store, found)
    return why(c.store, gate?.subject.startsWith('eff_') ? gate.subject : found)
  }),
  agents: reading('read', none, (c) => agentList(c.agents)),
  agent: reading(
    'read',
    z.object({ name: z.string().min(1), limit: z.int().min(1).max(1_000).default(10) }),
    (c, { name, limit }) => agentDetail(c.agents, name, limit),
  ),
  correct: operation(
    'decide',
    z.object({ id: z.string().min(1), value: z.json(), reason: z.string().min(1) }),
    async (c, { id, value, reason }) =>
      correct(c.agents, await resolveId(c.store, 'record', id), value as Json, reason),
  ),
  ingest: operation('admin', z.object({ path: z.string().min(1) }), (c, { path }) => c.ingest(path)),
  verify: operation('read', z.object({ checkpoints: z.array(z.string()).default([]) }), async (c, { checkpoints }) => {
    // What was signed only now would verify, whatever it is: it is checked before, and signed only where it is right.
    const report = await verifyLedger(c.store, c.keys.vkey, checkpoints)
    if (!report.ok) return report
    await c.sealer.seal()
    const { checkpoint } = report
    return {
      ...report,
      checkpoint: checkpoint && { ...checkpoint, root: Buffer.from(checkpoint.root).toString('base64') },
    }
  }),
  prove: operation('read', z.object({ event: z.int().min(0) }), async (c, { event }) => {
    await c.sealer.seal()
    return proveEvent(c.store, c.keys.vkey, event)
  }),
  export: operation(
    'admin',
    z.object({ file: z.string().min(1), private: z.boolean().default(false) }),
    async (c, args) => exportTo(c, args.file, !args.private),
  ),
  costs: reading('read', z.object({ by: z.enum(COSTS_BY).default('agent'), month: z.string().optional() }), costs),
  digest: reading('read', z.object({ since: z.string().optional() }), async (c, { since }) =>
    digest(c, await digestSince(c, since)),
  ),
  away: reading('read', none, (c) => awayState(c)),
  leave: operation(
    'decide',
    z.object({ until: z.string(), reason: z.string().optional() }),
    async (c, { until, reason }) => {
      await c.attention.leave(parseUntil(until, c.attention.hours.zone), reason ?? null)
      return awayState(c)
    },
  ),
  comeBack: operation('decide', none, async (c) => {
    await c.attention.comeBack()
    return awayState(c)
  }),
  quiet: looking('read', none, async (c) => quietState(c)),
  policyTest: reading('read', byId, async (c, { id }) => testEffect(c, await resolveId(c.store, 'run or effect', id))),
  policyProposal: looking('read', byId, async (c, { id }) => proposeFor(c, await resolveId(c.store, 'gate', id))),
  policyAdopt: operation('admin', byId.extend({ binding: z.string() }), async (c, { id, binding }) =>
    adoptFor(c, await resolveId(c.store, 'gate', id), binding),
  ),
  dossier: reading('admin', z.object({ folder: z.string().min(1) }), (c, { folder }) => writeDossier(c, folder)),
  runbook: reading('read', none, async (c) => ({ markdown: await runbook(c) })),
  ...CONSOLE_OPERATIONS,
  ...EPHEMERAL_OPERATIONS,
  ...FACT_OPERATIONS,
  ...OUTCOME_OPERATIONS,
  ...WORK_OPERATIONS,
  doctor: looking('admin', none, async (c) => ({
    ...(await diagnose(c.store, ALL_EVENTS)),
    index: await checkIndex(c.store),
  })),
  ...ERASURE_OPERATIONS,
  rebuild: operation('admin', none, (c) => rebuildTables(c)),
  ...RECALL_OPERATIONS,
  ...SNAPSHOT_OPERATIONS,
  ...ACCESS_OPERATIONS,
  ...PUSH_OPERATIONS,
} as const

/** What is driven holds in memory what it has read, and nothing else has a turn meanwhile. */
async function rebuildTables(c: OpenCompany): Promise<{ events: number }> {
  if (c.started)
    throw new FactotumError(
      'company.running',
      'The tables are rebuilt while nothing is driven. Stop the company, and ask again.',
    )
  return { events: await rebuild(c.store, ALL_EVENTS, PROJECTIONS_VERSION) }
}

export type OperationName = keyof typeof OPERATIONS
export type Args<N extends OperationName> = z.input<(typeof OPERATIONS)[N]['args']>
/** What is asked with GET. */
export type ReadingName = {
  [N in OperationName]: (typeof OPERATIONS)[N]['mood'] extends 'past' | 'now' ? N : never
}[OperationName]
/** What is asked with POST. */
export type DoingName = Exclude<OperationName, ReadingName>
export type Result<N extends OperationName> = Awaited<ReturnType<(typeof OPERATIONS)[N]['run']>>
/** What is read in pages. */
export type ListName = { [N in ReadingName]: Result<N> extends Page<unknown> ? N : never }[ReadingName]
/** One of a list. */
export type Item<N extends ListName> = Result<N> extends Page<infer T> ? T : never

const MAX_ARGS_BYTES = 8 * 1024 * 1024

/**
 * Runs an operation by name. Throws `operation.unknown`, `operation.bad_arguments`, `json.not_json`, and what the operation
 * throws.
 */
export async function operate(company: OpenCompany, name: string, args: unknown): Promise<unknown> {
  return checked(name, args).run(company)
}

/**
 * Runs an operation that only reads on the company as it was. Throws what `operate` and `Past.at` throw, and
 * `asof.not_a_read`.
 */
export async function operateAsOf(
  company: OpenCompany,
  name: string,
  args: unknown,
  when: When,
): Promise<Moment & { readonly answer: unknown }> {
  assertReads(name)
  const { run } = checked(name, args)
  await using then = await company.asOf(when)
  return { head: then.head, at: then.at, answer: await run(then.company) }
}

/** Throws `asof.not_a_read`. */
export function assertReads(name: string): void {
  if (operationNamed(name).mood !== 'past')
    throw new FactotumError(
      'asof.not_a_read',
      `"${name}" does not only read, and what was cannot be changed. Ask without "as of" to do it now.`,
    )
}

export function operationNamed(name: string): Operation<unknown, unknown> {
  if (!Object.hasOwn(OPERATIONS, name))
    throw new FactotumError(
      'operation.unknown',
      `There is no operation "${name}". Update the factotum command or the server, so that both are of one version.`,
    )
  return OPERATIONS[name as OperationName] as Operation<unknown, unknown>
}

function checked(name: string, args: unknown) {
  const { args: schema, run } = operationNamed(name)
  // First how deep it goes: a schema follows it without end.
  const parsed = schema.safeParse(jsonCopy(args, 'What the operation is given', MAX_ARGS_BYTES))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new FactotumError(
      'operation.bad_arguments',
      `"${name}" was called wrongly, at ${issue?.path.join('.') || 'the top'}: ${issue?.message ?? 'invalid'}.`,
    )
  }
  return { run: (company: OpenCompany) => run(company, parsed.data) }
}

/** What the effect of a gate would go over if it left now; nothing is reserved. */
function overBudgetIn(c: OpenCompany): OverBudget {
  return async ({ subject }) => {
    const effect = await c.store.first<EffectRow>(effectById(subject))
    const connector = effect && c.execution.actions.get(effect.action)?.connector
    if (!effect || connector === undefined) return null
    const { over } = await c.execution.meter
      .reserve({ ...effect, approved_by: null }, effect.token + 1, connector)
      .catch((error: unknown) => {
        // A price that is none is said at its own gate, and hides no other.
        if (error instanceof FactotumError) return { over: error.message }
        throw error
      })
    return over
  }
}

/** What the operator is told after a decision: what it led to, and when. */
async function decided(c: OpenCompany, gate: GateRow) {
  const effect = await c.store.first<EffectRow>(effectById(gate.subject))
  return {
    gate: gate.id,
    outcome: gate.outcome,
    title: titleNow(c, effect) ?? gate.title,
    run: gate.run,
    effect: effect ? { id: effect.id, state: effect.state, dueAt: effect.due_at } : null,
    driven: c.started,
  }
}

/** What an effect is after its decision: an edit changed it. */
function titleNow(c: OpenCompany, effect: EffectRow | undefined): string | null {
  const action = effect && c.execution.actions.get(effect.action)
  if (!effect || !action || effect.input === null) return null
  const input = action.input.safeParse(JSON.parse(effect.input))
  return input.success ? titleOf(action, input.data as Json) : null
}

async function startPlan(c: OpenCompany, { goal, plan }: { goal: string; plan?: unknown }) {
  if (plan === undefined && !c.company.models.heavy && !c.company.models.light)
    throw new FactotumError(
      'planner.no_model',
      'This company has no model that could plan. Set up "models" in company.ts, or write the plan yourself: factotum do --plan plan.json (see docs/planner.md).',
    )
  const run = await startByHand(c, PLAN_WORKFLOW, (plan === undefined ? { goal } : { goal, plan }) as Json)
  return { run: run.id, driven: c.started }
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
