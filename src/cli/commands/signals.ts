import { ask } from '../client.ts'
import type { Command } from '../command.ts'
import { NEWEST, newestArgs } from '../newest.ts'
import { ago, columns, oneLine } from '../text.ts'

export const signals: Command = {
  name: 'signals',
  usage: '[--state STATE] [--limit N]',
  summary: 'The newest of what came in; --state quarantined shows what was set aside, and why.',
  options: NEWEST,
  arity: [0, 0],
  async run(call) {
    const list = await ask(call.folder, 'signals', newestArgs(call))
    if (call.json) call.print(list)
    else if (list.length === 0) call.out('No signals.')
    else {
      const rows = list.map((s) => [s.id, s.state, ago(s.receivedAt), oneLine(s.reason ?? s.text, 120)])
      for (const line of columns(rows)) call.out(line)
    }
    return 0
  },
}
