import { ask } from '../client.ts'
import { command } from '../command.ts'
import type { Result } from '../../server/operations.ts'

export const doctor = command('doctor', {
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
    if (!call.json) for (const line of indexLines(found.index)) call.out(line)
    return found.identical && found.index.faults.length === 0 ? 0 : 1
  },
})

type Index = Result<'doctor'>['index']

const FAULTS: Readonly<Record<Index['faults'][number]['what'], string>> = {
  missing: 'messages or documents of which passages are missing',
  different: 'messages or documents that say something else by now',
  orphan: 'passages of what is erased or never was',
  words: 'words that are missing, or of no passage',
  scopes: 'marks of whom a passage is about that are missing, or of no passage',
  count: 'sums that are wrong',
}

/** What the doctor says of the index, and what to do. */
export function indexLines({ passages, messages, documents, behind, faults }: Index): string[] {
  const of = `index: ${passages} passages of ${messages} messages and ${documents} versions of documents`
  const later = behind === 0 ? '' : `; ${behind} events are still to be read, which is done by itself`
  if (faults.length === 0) return [`${of}${later}`]
  return [
    `${of}${later}: WRONG`,
    ...faults.map(({ what, count, example }) => `  ${count} ${FAULTS[what]}, first: ${example}`),
    '  "factotum recall --rebuild" makes it anew from the record. Nothing is lost by that.',
  ]
}
