import { ask } from '../client.ts'
import { command, misused, type Invocation } from '../command.ts'
import { NEWEST, newestArgs, printPage } from '../newest.ts'
import { saveFile } from '../saving.ts'
import { ago, columns, indent, oneLine, plain, time } from '../text.ts'

export const signals = command('signals', {
  options: { ...NEWEST, file: { type: 'string' }, out: { type: 'string' } },
  arity: [0, 1],
  async run(call) {
    const [id] = call.positionals
    const { file, out } = call.flags
    if (id !== undefined) {
      if (typeof out === 'string') return saveFile(call, { id, ...numbered(file) }, out)
      if (file !== undefined) throw misused('signals')
      return one(call, id)
    }
    if (file !== undefined || out !== undefined) throw misused('signals')
    const list = await ask(call.folder, 'signals', newestArgs(call))
    return printPage(call, list, 'No signals.', (s) => [
      s.id,
      s.state,
      ago(s.receivedAt),
      oneLine(s.reason ?? s.text, 120),
    ])
  },
})

function numbered(file: unknown): { n?: number } {
  if (file === undefined) return {}
  if (typeof file === 'string' && /^\d{1,4}$/.test(file)) return { n: Number(file) }
  throw misused('signals')
}

async function one(call: Invocation, id: string): Promise<number> {
  const s = await ask(call.folder, 'signal', { id })
  if (call.json) {
    call.print(s)
    return 0
  }
  call.out(`${s.id}  ${oneLine(s.message?.subject ?? s.kind, 200)}`)
  const rows = [
    ['state', s.reason === null ? s.state : `${s.state}: ${oneLine(s.reason, 300)}`],
    ...(s.releasable ? [['', `"factotum release ${s.id}" takes it in`]] : []),
    ['from', s.message === null ? s.source : `${oneLine(s.message.party, 200)}, by ${s.source}`],
    ['trust', s.trust],
    ['came', `${time(s.receivedAt)} UTC`],
    ['began', s.runs.length === 0 ? 'nothing' : s.runs.map((run) => `${run.workflow} ${run.id}`).join(', ')],
    ...(s.conversation === null ? [] : [['talk', s.conversation]]),
    ...s.files.map((f) => [`file ${f.n}`, `${oneLine(f.name, 200)}, ${f.type}, ${f.size} bytes`]),
    ['whole', s.size === null ? '(erased)' : `${s.size} bytes`],
  ]
  for (const line of columns(rows)) call.out(`  ${line}`)
  const words = s.message?.text ?? (s.payload === null ? '(erased)' : JSON.stringify(s.payload, null, 2))
  call.out(`\n${indent(plain(words.trim()), '    ')}`)
  return 0
}

export const release = command('release', {
  options: { reason: { type: 'string' } },
  arity: [1, 1],
  async run(call) {
    const { reason } = call.flags
    const s = await ask(call.folder, 'release', {
      id: call.positionals[0]!,
      ...(typeof reason === 'string' ? { reason } : {}),
    })
    if (call.json) call.print(s)
    else
      call.out(
        `${s.id} is taken in: ${s.handledBy.length === 0 ? 'nothing reacts to it, so it is kept' : `it goes to ${s.handledBy.join(', ')}`}`,
      )
    return 0
  },
})
