import type { Result } from '../../server/operations.ts'
import { stood } from '../as-of.ts'
import { ask } from '../client.ts'
import { command, type Invocation } from '../command.ts'
import { ago, columns, oneLine, tally } from '../text.ts'

export const status = command('status', {
  arity: [0, 0],
  async run(call) {
    const now = await ask(call.folder, 'status', {})
    if (call.json) call.print(now)
    else printStatus(call, now)
    return 0
  },
})

export function printStatus(call: Invocation, now: Result<'status'>): void {
  const open = Object.values(now.gates).reduce((a, b) => a + b, 0)
  const rows = [
    ['signals', tally(now.signals)],
    ['runs', tally(now.runs)],
    ['gates open', open === 0 ? 'none' : `${open}: ${tally(now.gates)}`],
    ['effects', tally(now.effects)],
    [
      'ledger',
      `${now.events} events${now.sealed ? `, ${now.sealed.events} of them signed ${ago(now.sealed.at)}` : ''}`,
    ],
  ]
  if (now.factsDue > 0)
    rows.push(['review', `${now.factsDue} fact${now.factsDue === 1 ? ' is' : 's are'} due: factotum facts --due`])
  if (now.digest) rows.push(['digest', `FAILED: ${oneLine(now.digest, 300)}`])
  const { failure, drill } = now.snapshots
  if (failure) rows.push(['snapshots', `FAILED: ${oneLine(failure, 300)}`])
  if (drill) rows.push(['drill', `${drill.passed ? 'passed' : 'FAILED'} ${ago(drill.at)}`])
  if (now.witness)
    rows.push([
      'witness',
      now.witness.failure
        ? `FAILED: ${oneLine(now.witness.failure, 300)}`
        : `${now.witness.copied ?? 0} events copied outside`,
    ])
  for (const p of now.paused)
    rows.push(['paused', `${p.scope}, ${ago(p.since)}${p.reason ? `: ${oneLine(p.reason)}` : ''}`])
  for (const s of now.services)
    rows.push([
      'BROKEN',
      `${s.connector}: ${oneLine(s.code ?? '')}, ${ago(s.changed_at)}; tried again ${ago(s.until ?? 0)}`,
    ])
  call.out(`${now.company} (${now.store}${now.driven || stood() ? '' : ', not running'})`)
  for (const line of columns(rows)) call.out(`  ${line}`)
}
