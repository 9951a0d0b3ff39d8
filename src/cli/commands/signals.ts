import { ask } from '../client.ts'
import { command } from '../command.ts'
import { NEWEST, newestArgs, printPage } from '../newest.ts'
import { ago, oneLine } from '../text.ts'

export const signals = command('signals', {
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
})
