import { humanDuration } from '../../lib/durations.ts'
import type { Item, Result } from '../../server/operations.ts'
import { now } from '../as-of.ts'
import { ask } from '../client.ts'
import { command, misused, type Invocation } from '../command.ts'
import { newestArgs, PAGED, printPage } from '../newest.ts'
import { ago, indent, oneLine, plain, time } from '../text.ts'

export const conversations = command('conversations', {
  options: {
    mine: { type: 'boolean' },
    open: { type: 'boolean' },
    closed: { type: 'boolean' },
    ...PAGED,
  },
  arity: [0, 0],
  async run(call) {
    const { mine, open, closed } = call.flags
    const list = await ask(call.folder, 'conversations', {
      ...newestArgs(call),
      ...(mine === true ? { turn: 'ours' as const } : {}),
      ...(open === true ? { state: 'open' as const } : closed === true ? { state: 'closed' as const } : {}),
    })
    return printPage(call, list, 'No conversations.', (c) => [
      c.id,
      turnText(c),
      oneLine(c.party ?? '(erased)', 40),
      oneLine(c.subject ?? '(erased)', 60),
      `${c.messages} message${c.messages === 1 ? '' : 's'}`,
    ])
  },
})

type Shown = Pick<Item<'conversations'>, 'state' | 'turn' | 'since' | 'closedAt'>

function turnText({ state, turn, since, closedAt }: Shown): string {
  if (state === 'closed') return `closed ${ago(closedAt ?? since)}`
  return `${turn === 'ours' ? 'our' : 'their'} turn for ${humanDuration(now() - since)}`
}

export const conversation = command('conversation', {
  options: { reason: { type: 'string' } },
  arity: [1, 2],
  async run(call) {
    const [id, what] = call.positionals as [string, string?]
    const { reason } = call.flags
    const why = typeof reason === 'string' ? { reason } : {}
    if (what === undefined) {
      const found = await ask(call.folder, 'conversation', { id })
      if (call.json) call.print(found)
      else printConversation(call, found)
      return 0
    }
    if (what !== 'close' && what !== 'ours' && what !== 'theirs') throw misused('conversation')
    const done =
      what === 'close'
        ? await ask(call.folder, 'closeConversation', { id, ...why })
        : await ask(call.folder, 'handOver', { id, turn: what, ...why })
    if (call.json) call.print(done)
    else {
      const now = done.state === 'closed' ? 'closed' : done.turn === 'ours' ? 'our turn' : 'their turn'
      call.out(`${done.id}: ${now}: ${oneLine(done.subject ?? '(erased)')}`)
    }
    return 0
  },
})

const AS = { in: 'them', out: 'us' } as const

function printConversation(call: Invocation, c: Result<'conversation'>): void {
  call.out(`${c.id}  ${turnText(c)}`)
  call.out(`  ${oneLine(c.subject ?? '(erased)', 160)}, with ${oneLine(c.party ?? '(erased)', 80)}`)
  if (c.reason !== null)
    call.out(`  ${c.state === 'closed' ? `closed by ${c.closedBy ?? ''}: ` : ''}${oneLine(c.reason, 200)}`)
  for (const line of c.lines) {
    if (line.kind === 'message') {
      call.out(
        `\n${time(line.at)} UTC  ${AS[line.as as 'in' | 'out']}: ${oneLine(line.who ?? '(erased)', 80)}  ${line.id}`,
      )
      call.out(indent(plain((line.text ?? '(erased)').trim()), '    '))
    } else {
      const text = line.kind === 'decision' ? ` = ${oneLine(line.text ?? '(erased)', 120)}` : ''
      call.out(`  ${line.kind.padEnd(8)} ${line.who ?? ''}${text}, ${line.as.replaceAll('_', ' ')}  ${line.id}`)
    }
  }
}
