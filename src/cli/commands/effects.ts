import { ask } from '../client.ts'
import { command, type Invocation } from '../command.ts'
import { NEWEST, newestArgs, printPage } from '../newest.ts'
import { ago, columns, oneLine } from '../text.ts'

export const effects = command('effects', {
  options: NEWEST,
  arity: [0, 1],
  async run(call) {
    const [id] = call.positionals
    if (id !== undefined) return one(call, id)
    const list = await ask(call.folder, 'effects', newestArgs(call))
    return printPage(call, list, 'No effects.', (e) => [
      e.id,
      e.undoes === null ? e.action : `undo of ${e.action}`,
      e.state,
      ago(e.proposedAt),
      e.approvedBy === null ? '' : `approved by ${e.approvedBy}`,
      oneLine(e.error ?? e.title, 80),
    ])
  },
})

async function one(call: Invocation, id: string): Promise<number> {
  const e = await ask(call.folder, 'effect', { id })
  if (call.json) {
    call.print(e)
    return 0
  }
  call.out(`${e.id}  ${oneLine(e.title, 200)}`)
  const rows = [
    ['action', `${e.action}, ${e.risk}`],
    ['state', e.error === null ? e.state : `${e.state}: ${oneLine(e.error.text ?? e.error.code ?? '', 300)}`],
    ['by', `${e.workflow ?? 'the operator'}, run ${e.run}`],
    ['passed by', e.approvedBy ?? (e.policies.length === 0 ? 'nobody' : `policy ${e.policies.join(', ')}`)],
    ['tries', String(e.tries)],
    ['input', oneLine(JSON.stringify(e.input), 1_000)],
    ['output', oneLine(JSON.stringify(e.output), 1_000)],
  ]
  for (const line of columns(rows)) call.out(`  ${line}`)
  for (const gate of e.gates)
    call.out(`  ${gate.id}  ${gate.kind}, ${gate.outcome ?? gate.state}  ${ago(gate.openedAt)}`)
  call.out(`"factotum undo ${e.id}" shows what can be taken back`)
  return 0
}
