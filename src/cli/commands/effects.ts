import { ask } from '../client.ts'
import type { Command } from '../command.ts'
import { NEWEST, newestArgs } from '../newest.ts'
import { ago, columns, oneLine } from '../text.ts'

export const effects: Command = {
  name: 'effects',
  usage: '[--state STATE] [--limit N]',
  summary: 'The newest effects: what left the company, or is about to.',
  options: NEWEST,
  arity: [0, 0],
  async run(call) {
    const list = await ask(call.folder, 'effects', newestArgs(call))
    if (call.json) call.print(list)
    else if (list.length === 0) call.out('No effects.')
    else
      for (const line of columns(
        list.map((e) => [
          e.id,
          e.undoes === null ? e.action : `undo of ${e.action}`,
          e.state,
          ago(e.proposedAt),
          e.approvedBy === null ? '' : `approved by ${e.approvedBy}`,
          oneLine(e.error ?? '', 80),
        ]),
      ))
        call.out(line)
    return 0
  },
}
