import type { Result } from '../../server/operations.ts'
import { ask } from '../client.ts'
import { command, type Invocation } from '../command.ts'
import { ago, oneLine } from '../text.ts'

export const pause = command('pause', {
  options: { reason: { type: 'string' } },
  arity: [0, 1],
  async run(call) {
    const { reason } = call.flags
    const scope = call.positionals[0] ?? 'all'
    return print(call, await ask(call.folder, 'pause', { scope, ...(typeof reason === 'string' ? { reason } : {}) }))
  },
})

export const resume = command('resume', {
  arity: [0, 1],
  async run(call) {
    return print(call, await ask(call.folder, 'resume', { scope: call.positionals[0] ?? 'all' }))
  },
})

function print(call: Invocation, pauses: Result<'pauses'>): number {
  if (call.json) call.print(pauses)
  else if (pauses.length === 0) call.out('Nothing is paused.')
  for (const p of call.json ? [] : pauses)
    call.out(
      `paused: ${p.scope === 'all' ? 'everything' : p.scope}, ${ago(p.since)}${p.reason ? `: ${oneLine(p.reason)}` : ''}`,
    )
  return 0
}
