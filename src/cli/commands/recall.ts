import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { FactotumError } from '../../lib/errors.ts'
import { humanDate } from '../instants.ts'
import { ask } from '../client.ts'
import { command, type Invocation } from '../command.ts'
import { newestArgs, PAGED, printPage } from '../newest.ts'
import { saveFile } from '../saving.ts'
import { indent, oneLine, plain, time } from '../text.ts'
import type { Result } from '../../server/operations.ts'

const MAX_TEXT = 1_200

export const recall = command('recall', {
  options: {
    about: { type: 'string' },
    budget: { type: 'string' },
    trust: { type: 'string' },
    rebuild: { type: 'boolean' },
  },
  arity: [0, 1_000],
  async run(call) {
    const { about, budget, trust } = call.flags
    if (call.flags.rebuild === true) return rebuild(call)
    const query = call.positionals.join(' ').trim()
    if (query === '')
      throw new FactotumError(
        'cli.usage',
        'What is to be recalled? factotum recall "what did Ada say about the invoice"',
      )
    const found = await ask(call.folder, 'recall', {
      query,
      ...(typeof about === 'string' ? { about } : {}),
      ...(typeof budget === 'string' ? { budget: parseBudget(budget) } : {}),
      ...(typeof trust === 'string' ? { trust: parseTrust(trust) } : {}),
    })
    if (call.json) call.print(found)
    else show(call, found)
    return 0
  },
})

function show(call: Invocation, { facts, passages, nothing, withoutMeaning }: Result<'recall'>): void {
  if (withoutMeaning !== null) call.out(`(by words alone: the encoder failed with ${withoutMeaning})`)
  if (nothing !== null) return call.out(`Nothing good enough: ${nothing}.`)
  for (const f of facts)
    call.out(
      `${oneLine(f.of, 60)}: ${f.attribute} is ${oneLine(JSON.stringify(f.value), 200)}  (since ${humanDate(f.since)}, ${f.trust}${f.disputed ? ', DISPUTED' : ''}, ${f.id})`,
    )
  passages.forEach((p, i) => {
    if (i > 0 || facts.length > 0) call.out()
    const who = p.speaker ?? { them: 'them', us: 'us', operator: 'you', document: 'document' }[p.role]
    call.out([time(p.at), oneLine(who, 60), oneLine(p.heading, 100)].filter(Boolean).join('  '))
    call.out(indent(plain(p.text, MAX_TEXT), '    '))
    call.out(
      `    [${p.version > 0 ? `${p.source}@${p.version}` : p.source} ${p.start}-${p.end}, ${p.trust}, ${p.score.toFixed(2)}]`,
    )
  })
}

async function rebuild(call: Invocation): Promise<number> {
  const index = await ask(call.folder, 'recallIndex', { rebuild: true })
  if (call.json) call.print(index)
  else call.out(`indexed anew: ${index.passages} passages, ${index.words} words, from ${index.events} events`)
  return 0
}

function parseBudget(given: string): number {
  const budget = Number(given)
  if (Number.isInteger(budget) && budget > 0) return budget
  throw new FactotumError('cli.usage', `--budget takes a number of tokens, such as 2000, not "${given}".`)
}

const TRUST = ['operator', 'verified', 'outsider'] as const

function parseTrust(given: string): (typeof TRUST)[number] {
  const known = TRUST.find((label) => label === given)
  if (known) return known
  throw new FactotumError('cli.usage', `--trust takes one of ${TRUST.join(', ')}, not "${given}".`)
}

export const remember = command('remember', {
  options: {
    title: { type: 'string' },
    about: { type: 'string' },
    name: { type: 'string' },
    trust: { type: 'string' },
  },
  arity: [1, 1_000],
  async run(call) {
    const { title, about, name, trust } = call.flags
    if (call.positionals.length > 1 && (typeof title === 'string' || typeof name === 'string'))
      throw new FactotumError('cli.usage', '--title and --name are for one document. Give one file.')
    const kept: Result<'remember'>[] = []
    for (const path of call.positionals) {
      if (path !== '-' && !existsSync(path)) throw new FactotumError('document.not_found', `There is no ${path}.`)
      const content = path === '-' ? { text: await text(process.stdin) } : { path: resolve(path) }
      const document = await ask(call.folder, 'remember', {
        ...content,
        ...(typeof title === 'string' ? { title } : {}),
        ...(typeof name === 'string' ? { name } : {}),
        ...(typeof about === 'string' ? { about: about.split(',').map((who) => who.trim()) } : {}),
        ...(typeof trust === 'string' ? { trust: parseTrust(trust) } : {}),
      })
      kept.push(document)
      if (!call.json) call.out(said(document))
    }
    if (call.json) call.print(kept)
    return 0
  },
})

function said({ id, version, title, characters, about, trust, added }: Result<'remember'>): string {
  const what = !added ? 'known already' : version === 1 ? 'kept' : `kept as version ${version}`
  const of = about.length > 0 ? `, about ${about.map((who) => oneLine(who, 60)).join(', ')}` : ''
  return `${what}: ${oneLine(title, 80)} (${characters} characters, ${trust}${of})  ${id}`
}

export const documents = command('documents', {
  options: { about: { type: 'string' }, ...PAGED },
  arity: [0, 0],
  async run(call) {
    const { about } = call.flags
    const list = await ask(call.folder, 'documents', {
      ...newestArgs(call),
      ...(typeof about === 'string' ? { about } : {}),
    })
    return printPage(call, list, 'No documents. Keep one: factotum remember <file>', (d) => [
      d.id,
      `v${d.version}`,
      humanDate(d.at),
      d.mediaType.replace(/^.*\//, ''),
      `${d.characters} characters`,
      d.trust,
      oneLine(d.title, 60) + (d.about.length > 0 ? `  (${d.about.map((who) => oneLine(who, 40)).join(', ')})` : ''),
    ])
  },
})

export const document = command('document', {
  options: { version: { type: 'string' }, out: { type: 'string' } },
  arity: [1, 1],
  async run(call) {
    const { version, out } = call.flags
    const d = await ask(call.folder, 'document', {
      id: call.positionals[0]!,
      ...(typeof version === 'string' ? { version: parseBudget(version) } : {}),
    })
    if (typeof out === 'string') return saveFile(call, { id: `${d.id}@${d.version}` }, out)
    if (call.json) {
      call.print(d)
      return 0
    }
    call.out(oneLine(d.title, 200))
    call.out(
      `  ${d.id}  version ${d.version} of ${d.versions.length}, ${d.mediaType}, ${d.characters} characters, ${d.trust}, by ${d.actor}`,
    )
    if (d.name !== null) call.out(`  name    ${oneLine(d.name, 160)}`)
    if (d.about.length > 0) call.out(`  about   ${d.about.map((who) => oneLine(who, 60)).join(', ')}`)
    call.out(`  holds   from ${time(d.at)}${d.until === null ? '' : ` to ${time(d.until)}`}`)
    for (const v of d.versions.filter((other) => other.version !== d.version))
      call.out(`  version ${v.version}  ${time(v.at)}  ${v.characters} characters`)
    call.out()
    call.out(d.text === undefined ? '(erased)' : plain(d.text))
    return 0
  },
})
