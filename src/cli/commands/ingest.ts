import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { FactotumError } from '../../lib/errors.ts'
import { ask } from '../client.ts'
import { command } from '../command.ts'

export const ingest = command('ingest', {
  arity: [1, 1_000],
  async run(call) {
    const total = { new: 0, duplicate: 0, quarantined: 0 }
    for (const path of call.positionals) {
      if (!existsSync(path)) throw new FactotumError('ingest.not_found', `There is no ${path}.`)
      const counts = await ask(call.folder, 'ingest', { path: resolve(path) })
      for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += counts[key]
    }
    if (call.json) call.print(total)
    else call.out(`${total.new} new, ${total.duplicate} known already, ${total.quarantined} set aside`)
    return 0
  },
})
