import { ask } from '../client.ts'
import type { Command } from '../command.ts'
import { NEWEST, newestArgs, printPage } from '../newest.ts'
import { ago, oneLine } from '../text.ts'

export const signals: Command = {
  name: 'signals',
  usage: '[--state STATE] [--limit N] [--cursor MORE]',
  summary: 'The newest of what came in; --state quarantined shows what was set aside, and why.',
  options: NEWEST,
  arity: [0, 0],
  async run(call) {
    const list = await ask(call.folder, 'signals', newestArgs(call))
    return printPage(call, list, 'No signals.', (s) => [
      s.id,
      s.state,
      ago(s.receivedAt),
      oneLine(s.reason ?? s.text, 120),
    ])
  },
}
