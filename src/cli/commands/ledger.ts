import { createReadStream, existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { erasureLines, splitLines, verifyExport, type Report } from '../../governance/ledger/index.ts'
import { FactotumError } from '../../lib/errors.ts'
import type { Result } from '../../server/operations.ts'
import { ask } from '../client.ts'
import { command, misused, type Invocation } from '../command.ts'
import { newestArgs, PAGED, printPage } from '../newest.ts'
import { ago, oneLine } from '../text.ts'

export const ledger = command('ledger', {
  options: {
    checkpoint: { type: 'string', multiple: true },
    file: { type: 'string' },
    key: { type: 'string' },
    private: { type: 'boolean' },
    of: { type: 'string' },
    kind: { type: 'string' },
    ...PAGED,
  },
  arity: [1, 2],
  async run(call) {
    const [verb, argument] = call.positionals
    switch (verb) {
      case 'list':
        return list(call)
      case 'verify':
        return verify(call)
      case 'export':
        return exportFile(call, argument)
      case 'prove':
        return prove(call, argument)
      default:
        throw misused('ledger')
    }
  },
})

async function list(call: Invocation): Promise<number> {
  const { of, kind } = call.flags
  const events = await ask(call.folder, 'ledger', {
    ...newestArgs(call),
    ...(typeof of === 'string' ? { related: of } : {}),
    ...(typeof kind === 'string' ? { kind } : {}),
  })
  return printPage(call, events, 'No events.', (e) => [String(e.seq), e.kind, e.stream, e.actor, ago(e.at)])
}

async function verify(call: Invocation): Promise<number> {
  const { file, key } = call.flags
  if (file === undefined && key === undefined) {
    const copies = (call.flags.checkpoint as unknown as readonly string[] | undefined) ?? []
    return report(call, await ask(call.folder, 'verify', { checkpoints: copies.map(readText) }))
  }
  if (typeof file !== 'string' || typeof key !== 'string') {
    throw new FactotumError(
      'cli.usage',
      'An exported file is verified with the public key that you trust: factotum ledger verify --file F --key K. The key is in data/keys/ledger.pub.',
    )
  }
  if (!existsSync(file)) throw new FactotumError('ledger.no_file', `There is no ${file}.`)
  return report(
    call,
    await verifyExport(splitLines(createReadStream(file)), existsSync(key) ? readText(key).trim() : key),
  )
}

function readText(file: string): string {
  if (!existsSync(file)) throw new FactotumError('ledger.no_file', `There is no ${file}.`)
  return readFileSync(file, 'utf8')
}

function report(call: Invocation, found: Report | Result<'verify'>): number {
  if (call.json) call.print(found)
  else if (found.ok) {
    call.out(`verified: ${found.size} events, root ${found.root}${found.checkpoint ? ', signed' : ''}`)
    for (const line of erasureLines(found.erasures)) call.out(line)
  } else {
    call.out(`NOT VERIFIED: ${found.problems.length} problem${found.problems.length === 1 ? '' : 's'}`)
    for (const p of found.problems.slice(0, 20))
      call.out(`  ${p.seq === null ? 'ledger' : `event ${p.seq}`}: ${oneLine(p.message, 400)} [${p.code}]`)
  }
  return found.ok ? 0 : 1
}

async function exportFile(call: Invocation, file: string | undefined): Promise<number> {
  if (file === undefined) throw misused('ledger', 'Export it into which file?')
  const done = await ask(call.folder, 'export', { file: resolve(file), private: call.flags.private === true })
  if (call.json) call.print(done)
  else
    call.out(
      `${done.events} events in ${done.file}${done.redacted ? ', without their private parts' : ''}\nverify it anywhere: factotum ledger verify --file ${file} --key "${done.vkey}"`,
    )
  return 0
}

async function prove(call: Invocation, event: string | undefined): Promise<number> {
  if (event === undefined || !/^\d+$/.test(event))
    throw misused('ledger', 'An event is proved by the number that "why" and "run" print.')
  const proof = await ask(call.folder, 'prove', { event: Number(event) })
  if (call.json) call.print(proof)
  else {
    call.out(`event ${proof.seq} of ${proof.size}: ${proof.event.kind} ${proof.event.stream}`)
    call.out(`leaf ${proof.leaf}`)
    for (const hash of proof.proof) call.out(`  ${hash}`)
    call.out(`\n${proof.checkpoint}`)
  }
  return 0
}
