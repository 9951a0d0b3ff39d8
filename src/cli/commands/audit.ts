import { ask } from '../client.ts'
import { command, misused } from '../command.ts'
import { newestArgs, PAGED, printPage } from '../newest.ts'
import { ago, oneLine } from '../text.ts'

export const audit = command('audit', {
  options: { ...PAGED, reason: { type: 'string' } },
  arity: [0, 2],
  async run(call) {
    const [id, verdict] = call.positionals
    const { reason } = call.flags
    if (id === undefined) {
      const list = await ask(call.folder, 'audits', newestArgs(call))
      return printPage(call, list, 'Nothing is to be looked over.', (e) => [
        e.id,
        e.policies.join(', ') || 'no policy',
        ago(e.settledAt),
        oneLine(e.title, 120),
      ])
    }
    if (verdict !== 'right' && verdict !== 'wrong') throw misused('audit')
    const done = await ask(call.folder, 'audit', { id, verdict, ...(typeof reason === 'string' ? { reason } : {}) })
    if (call.json) call.print(done)
    else {
      call.out(`${done.effect}: ${done.verdict}`)
      if (verdict === 'wrong') call.out(`"factotum undo ${done.effect}" shows what can be taken back`)
    }
    return 0
  },
})
