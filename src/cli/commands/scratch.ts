import { FactotumError } from '../../lib/errors.ts'
import type { Result } from '../../server/operations.ts'
import { ask } from '../client.ts'
import type { Command, Invocation } from '../command.ts'
import { confirmed, YES } from '../confirm.ts'
import { ago, columns, oneLine } from '../text.ts'

const MAX_SHOWN_CHARS = 200

export const scratch: Command = {
  name: 'scratch',
  usage: '[run or session] [--values] | clear [run or session] [--yes]',
  summary: 'Working state that runs and sessions hold, and until when; clear: take it away now, all sessions or one.',
  options: { values: { type: 'boolean' }, ...YES },
  arity: [0, 2],
  async run(call) {
    const [first, second] = call.positionals
    if (first === 'clear') return clear(call, second)
    if (second !== undefined)
      throw new FactotumError('cli.usage', `"${second}" is one too many: name one run or session, or "clear".`)
    return list(call, first)
  },
}

async function list(call: Invocation, owner: string | undefined): Promise<number> {
  const values = call.flags.values === true
  const held = await ask(call.folder, 'scratch', { ...of(owner), values })
  if (call.json) call.print(held)
  else if (held.length === 0) call.out(owner === undefined ? 'Nothing is held.' : `Nothing is held by "${owner}".`)
  else for (const line of columns(held.map((h) => row(h)))) call.out(line)
  return 0
}

function row(h: Result<'scratch'>[number]): string[] {
  const until = h.expiresAt === null ? 'until its run ends' : `gone ${ago(h.expiresAt)}`
  return [
    h.session === null ? h.owner : `session ${oneLine(h.session, 60)}`,
    oneLine(h.name, 60),
    h.recalled ? `${h.trust}, recalled` : h.trust,
    until,
    ...('value' in h ? [oneLine(JSON.stringify(h.value), MAX_SHOWN_CHARS)] : []),
  ]
}

async function clear(call: Invocation, owner: string | undefined): Promise<number> {
  const whose = owner === undefined ? 'of all sessions' : `of "${owner}"`
  if (!call.json) {
    const held = await ask(call.folder, 'scratch', of(owner))
    const gone = owner === undefined ? held.filter((h) => h.session !== null) : held
    call.out(
      `${gone.length === 0 ? 'No values' : gone.length === 1 ? '1 value' : `${gone.length} values`} ${whose}. A run that has read one and asks for it again is parked.`,
    )
  }
  if (!(await confirmed(call, 'Clear?'))) return 1
  const { cleared } = await ask(call.folder, 'scratchClear', of(owner))
  if (call.json) call.print({ cleared })
  else call.out(`Cleared: ${cleared}, copies that runs kept included.`)
  return 0
}

function of(owner: string | undefined): { owner?: string } {
  return owner === undefined ? {} : { owner }
}
