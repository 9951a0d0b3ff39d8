import { FactotumError } from '../../lib/errors.ts'
import type { Item } from '../../server/operations.ts'
import { ask, askAll } from '../client.ts'
import { command, type Invocation } from '../command.ts'
import { confirmed, YES } from '../confirm.ts'
import { newestArgs, PAGED, printPage } from '../newest.ts'
import { ago, oneLine } from '../text.ts'

const MAX_SHOWN_CHARS = 200

export const scratch = command('scratch', {
  options: { values: { type: 'boolean' }, ...PAGED, ...YES },
  arity: [0, 2],
  async run(call) {
    const [first, second] = call.positionals
    if (first === 'clear') return clear(call, second)
    if (second !== undefined)
      throw new FactotumError('cli.usage', `"${second}" is one too many: name one run or session, or "clear".`)
    return list(call, first)
  },
})

async function list(call: Invocation, owner: string | undefined): Promise<number> {
  const values = call.flags.values === true
  const held = await ask(call.folder, 'scratch', { ...newestArgs(call), ...of(owner), values })
  return printPage(call, held, owner === undefined ? 'Nothing is held.' : `Nothing is held by "${owner}".`, row)
}

function row(h: Item<'scratch'>): string[] {
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
    const held = await askAll(call.folder, 'scratch', of(owner))
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
