import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { FactotumError } from '../../lib/errors.ts'
import { ask } from '../client.ts'
import { command } from '../command.ts'
import { plain } from '../text.ts'

export const runbook = command('runbook', {
  options: { out: { type: 'string' } },
  arity: [0, 0],
  async run(call) {
    const { markdown } = await ask(call.folder, 'runbook', {})
    const safe = plain(markdown)
    const out = call.flags.out
    if (typeof out === 'string') {
      const file = resolve(out)
      // It is made anew whenever something changed: over the one before.
      await writeFile(file, safe).catch((cause: unknown) => {
        throw new FactotumError('runbook.file', `${file} cannot be written. Name a file in a folder that is there.`, {
          cause,
        })
      })
      if (call.json) call.print({ file })
      else call.out(file)
    } else if (call.json) call.print({ markdown: safe })
    else call.out(safe.trimEnd())
    return 0
  },
})
