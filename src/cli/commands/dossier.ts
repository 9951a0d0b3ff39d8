import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { erasureLines } from '../../governance/ledger/index.ts'
import { checkDossier } from '../../server/dossier/dossier.ts'
import { FactotumError } from '../../lib/errors.ts'
import { ask } from '../client.ts'
import { command, misused, type Invocation } from '../command.ts'
import { oneLine } from '../text.ts'

export const dossier = command('dossier', {
  options: { check: { type: 'boolean' }, key: { type: 'string' } },
  arity: [1, 1],
  async run(call) {
    const folder = resolve(call.positionals[0]!)
    if (call.flags.check === true) return check(call, folder)
    if (call.flags.key !== undefined) throw misused('dossier', '--key goes with --check.')
    const made = await ask(call.folder, 'dossier', { folder })
    if (call.json) call.print(made)
    else {
      call.out(`${join(made.folder, 'index.html')}: ${made.events} events, without their private parts`)
      call.out(`verify it anywhere: factotum dossier --check ${call.positionals[0]} --key "${made.vkey}"`)
    }
    return 0
  },
})

async function check(call: Invocation, folder: string): Promise<number> {
  const own = join(folder, 'ledger.pub')
  if (!existsSync(own))
    throw new FactotumError('dossier.none', `${folder} is no dossier: it has no ledger.pub. Name the folder of one.`)
  const { key } = call.flags
  const text =
    typeof key === 'string' && !existsSync(key) ? key : readFileSync(typeof key === 'string' ? key : own, 'utf8')
  const found = await checkDossier(folder, text.trim())
  if (call.json) call.print(found)
  else if (found.ok) {
    call.out(
      `verified: ${found.files} files, ${found.events} events, ${found.proofs} proofs; every number is what the ledger gives`,
    )
    for (const line of erasureLines(found.erasures)) call.out(line)
    if (key === undefined)
      call.out(`by the key in the folder itself: compare it with the one that the company gave you\n  ${text.trim()}`)
  } else {
    call.out(`NOT VERIFIED: ${found.problems.length} problem${found.problems.length === 1 ? '' : 's'}`)
    for (const problem of found.problems.slice(0, 20)) call.out(`  ${oneLine(problem, 400)}`)
  }
  return found.ok ? 0 : 1
}
