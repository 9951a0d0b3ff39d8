import { FactotumError } from '../../lib/errors.ts'
import type { Result } from '../../server/operations.ts'
import type { Json } from '../../lib/json.ts'
import { ask } from '../client.ts'
import { command, type Invocation } from '../command.ts'
import { describeLink } from '../links.ts'
import { NEWEST, newestArgs, printPage } from '../newest.ts'
import { ago, columns, oneLine, time } from '../text.ts'

export const runs = command('runs', {
  options: NEWEST,
  arity: [0, 0],
  async run(call) {
    const list = await ask(call.folder, 'runs', newestArgs(call))
    return printPage(call, list, 'No runs.', (r) => [
      r.id,
      r.workflow,
      r.state,
      ago(r.startedAt),
      oneLine(r.error ?? r.about ?? '', 80),
    ])
  },
})

type Node = Result<'run'>['nodes'][number]

export const run = command('run', {
  arity: [1, 1],
  async run(call) {
    const story = await ask(call.folder, 'run', { id: call.positionals[0]! })
    if (call.json) call.print(story)
    else {
      const { run: row } = story
      call.out(`${row.id}  ${row.workflow} v${row.version}  ${row.state}  started ${time(row.started_at)}`)
      if (row.error) call.out(`  ${oneLine(row.error, 200)} [${row.error_code ?? ''}]`)
      printNodes(call, story.nodes, '')
    }
    return 0
  },
})

function printNodes(call: Invocation, nodes: readonly Node[], prefix: string): void {
  nodes.forEach((node, i) => {
    const last = i === nodes.length - 1
    call.out(`${prefix}${last ? '└─' : '├─'} ${String(node.seq).padStart(5)}  ${describeLink(node)}`)
    printNodes(call, node.children, `${prefix}${last ? '  ' : '│ '} `)
  })
}

export const retry = command('retry', {
  options: { step: { type: 'string' }, input: { type: 'string' }, preview: { type: 'boolean' } },
  arity: [1, 1],
  run: (call) => goAgain(call, 'retry', call.flags.step),
})

export const restart = command('restart', {
  options: { from: { type: 'string' }, input: { type: 'string' }, preview: { type: 'boolean' } },
  arity: [1, 1],
  run: (call) => goAgain(call, typeof call.flags.from === 'string' ? 'retry' : 'restart', call.flags.from),
})

/** From a step on what came before keeps its record: that is a retry. */
async function goAgain(call: Invocation, mode: 'retry' | 'restart', step: unknown): Promise<number> {
  const id = call.positionals[0]!
  const given = { ...inputOf(call), ...(typeof step === 'string' ? { step } : {}) }
  if (call.flags.preview === true) return preview(call, await ask(call.folder, 'runPlan', { id, mode, ...given }))
  return report(call, await ask(call.folder, mode, { id, ...given }))
}

const THEN = { dropped: 'stopped', recurs: 'AGAIN', anew: 'asked anew', stays: 'stays' } as const

function preview(call: Invocation, plan: Result<'runPlan'>): number {
  if (call.json) call.print(plan)
  else {
    const { mode, kept, again, effects, gates, ends } = plan
    call.out(`${plan.id}  ${plan.workflow}: what "${mode}" would do. Nothing was done.`)
    if (plan.edited) call.out(`input           ${oneLine(JSON.stringify(plan.input), 100)} (yours)`)
    if (mode !== 'cancel') {
      call.out(`keep the record ${kept.length === 0 ? 'of nothing' : oneLine(kept.join(', '), 100)}`)
      call.out(`begin anew      ${again.length === 0 ? 'no step' : oneLine(again.join(', '), 100)}`)
    }
    for (const run of ends) call.out(`end the run     ${run}`)
    for (const gate of gates) call.out(`close the gate  ${gate.id}  ${oneLine(gate.title ?? '(erased)', 80)}`)
    for (const line of columns(effects.map((e) => [THEN[e.becomes], e.effect, oneLine(e.title, 60), e.state])))
      call.out(line)
    for (const effect of effects.filter((e) => e.becomes !== 'stays'))
      call.out(`  ${effect.effect}: ${oneLine(effect.why, 240)}`)
  }
  return 0
}

export const launch = command('launch', {
  options: { input: { type: 'string' } },
  arity: [1, 1],
  async run(call) {
    return report(call, await ask(call.folder, 'start', { workflow: call.positionals[0]!, ...inputOf(call) }))
  },
})

function inputOf({ flags: { input } }: Invocation): { readonly input?: Json } {
  if (typeof input !== 'string') return {}
  try {
    return { input: JSON.parse(input) as Json }
  } catch (cause) {
    throw new FactotumError('cli.usage', `--input takes JSON, such as '{"id": 7}'; not "${input}".`, { cause })
  }
}

export const cancel = command('cancel', {
  options: { reason: { type: 'string' }, preview: { type: 'boolean' } },
  arity: [1, 1],
  async run(call) {
    const { reason } = call.flags
    if (call.flags.preview === true)
      return preview(call, await ask(call.folder, 'runPlan', { id: call.positionals[0]!, mode: 'cancel' }))
    return report(
      call,
      await ask(call.folder, 'cancel', { id: call.positionals[0]!, ...(typeof reason === 'string' ? { reason } : {}) }),
    )
  },
})

function report(call: Invocation, row: { id: string; workflow: string; state: string }): number {
  if (call.json) call.print(row)
  else call.out(`${row.id}  ${row.workflow}  ${row.state}`)
  return 0
}
