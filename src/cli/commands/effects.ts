import { ask } from '../client.ts'
import type { Command } from '../command.ts'
import { NEWEST, newestArgs, printPage } from '../newest.ts'
import { ago, oneLine } from '../text.ts'

export const effects: Command = {
  name: 'effects',
  usage: '[--state STATE] [--limit N] [--cursor MORE]',
  summary: 'The newest effects: what left the company, or is about to.',
  options: NEWEST,
  arity: [0, 0],
  async run(call) {
    const list = await ask(call.folder, 'effects', newestArgs(call))
    return printPage(call, list, 'No effects.', (e) => [
      e.id,
      e.undoes === null ? e.action : `undo of ${e.action}`,
      e.state,
      ago(e.proposedAt),
      e.approvedBy === null ? '' : `approved by ${e.approvedBy}`,
      oneLine(e.error ?? '', 80),
    ])
  },
}
