import { FactotumError } from '../../lib/errors.ts'
import type { Result } from '../../server/operations.ts'
import type { Json } from '../../lib/json.ts'
import { ask } from '../client.ts'
import { command, type Invocation } from '../command.ts'
import { describeLink } from '../links.ts'
import { NEWEST, newestArgs, printPage } from '../newest.ts'
import { ago, oneLine, time } from '../text.ts'

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
      oneLine(r.error ?? '', 80),
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
  options: { step: { type: 'string' } },
  arity: [1, 1],
  async run(call) {
    const { step } = call.flags
    return report(
      call,
      await ask(call.folder, 'retry', { id: call.positionals[0]!, ...(typeof step === 'string' ? { step } : {}) }),
    )
  },
})

export const restart = command('restart', {
  options: { input: { type: 'string' } },
  arity: [1, 1],
  async run(call) {
    return report(call, await ask(call.folder, 'restart', { id: call.positionals[0]!, ...inputOf(call) }))
  },
})

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
  options: { reason: { type: 'string' } },
  arity: [1, 1],
  async run(call) {
    const { reason } = call.flags
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
