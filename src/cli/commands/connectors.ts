import type { Result } from '../../server/operations.ts'
import { ask } from '../client.ts'
import { command } from '../command.ts'
import { ago, columns, oneLine } from '../text.ts'

export const connectors = command('connectors', {
  arity: [0, 0],
  async run(call) {
    const all = await ask(call.folder, 'connectors', {})
    if (call.json) call.print(all)
    else if (all.length === 0) call.out('This company acts nowhere outside: company({ connectors: [ … ] }).')
    for (const one of call.json ? [] : all) {
      call.out(`${one.name}: ${healthText(one)}${one.paused ? ', PAUSED' : ''}  ${oneLine(one.to, 200)}`)
      if (one.contractGate !== null) call.out(`  its contract changed: factotum queue ${one.contractGate}`)
      const rows = one.actions.map((a) => [`  ${a.name}`, a.risk, a.undo ? 'has an undo' : ''])
      for (const line of columns(rows)) call.out(line)
    }
    return 0
  },
})

function healthText({ health, code, since, until }: Result<'connectors'>[number]): string {
  if (health !== 'broken') return health
  const from = since === null ? '' : ` since ${ago(since)}`
  return `BROKEN${from} (${oneLine(code ?? 'no code')})${until === null ? '' : `, tried again ${ago(until)}`}`
}
