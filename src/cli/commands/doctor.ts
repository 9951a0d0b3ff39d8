import { ask } from '../client.ts'
import type { Command } from '../command.ts'

export const doctor: Command = {
  name: 'doctor',
  usage: '[--rebuild]',
  summary: 'Rebuild every table from the ledger and compare; with --rebuild, put it in place.',
  options: { rebuild: { type: 'boolean' } },
  arity: [0, 0],
  async run(call) {
    const rebuilt = call.flags.rebuild ? await ask(call.folder, 'rebuild', {}) : null
    const found = await ask(call.folder, 'doctor', {})
    if (rebuilt && !call.json) call.out(`rebuilt from ${rebuilt.events} events`)
    if (call.json) call.print(rebuilt ? { ...found, rebuilt: rebuilt.events } : found)
    else if (found.identical)
      call.out(`identical: ${found.rows} rows in ${found.tables} tables, rebuilt from ${found.events} events`)
    else call.out(`DIFFERENT: ${found.difference ?? ''}`)
    return found.identical ? 0 : 1
  },
}
