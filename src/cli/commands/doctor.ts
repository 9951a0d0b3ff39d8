import { ask } from '../client.ts'
import type { Command } from '../command.ts'

export const doctor: Command = {
  name: 'doctor',
  usage: '',
  summary: 'Rebuild every table from the ledger and compare.',
  arity: [0, 0],
  async run(call) {
    const found = await ask(call.folder, 'doctor', {})
    if (call.json) call.print(found)
    else if (found.identical)
      call.out(`identical: ${found.rows} rows in ${found.tables} tables, rebuilt from ${found.events} events`)
    else call.out(`DIFFERENT: ${found.difference ?? ''}`)
    return found.identical ? 0 : 1
  },
}
