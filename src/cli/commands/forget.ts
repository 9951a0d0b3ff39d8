import type { Result } from '../../server/operations.ts'
import { ask, askAll } from '../client.ts'
import { command, type Invocation } from '../command.ts'
import { confirmed, YES } from '../confirm.ts'
import { columns, oneLine, time } from '../text.ts'

type Plan = Result<'forgetPlan'>
type Forgotten = Result<'forget'>

export const forget = command('forget', {
  options: {
    ...YES,
    also: { type: 'string', multiple: true },
    end: { type: 'boolean' },
    snapshots: { type: 'boolean' },
  },
  arity: [0, 1],
  async run(call) {
    const [who] = call.positionals
    if (who === undefined) return list(call)
    const also = (call.flags.also as unknown as string[] | undefined) ?? []
    const end = call.flags.end === true
    const snapshots = call.flags.snapshots === true
    const plan = await ask(call.folder, 'forgetPlan', { who, also })
    if (call.json && call.flags.yes !== true) {
      call.print(plan)
      return 0
    }
    if (!call.json) printPlan(call, plan, end, snapshots)
    if (plan.open.length > 0 && !end) {
      if (call.json) call.print(plan)
      else call.out('Nothing was erased: end what still goes on, or add --end to end it with this.')
      return 1
    }
    const question = plan.open.length > 0 ? 'End what goes on and erase all of it, for good?' : 'Erase it, for good?'
    if (!call.json && !(await confirmed(call, question))) return 1
    const done = await ask(call.folder, 'forget', { who, also, end, snapshots, binding: plan.binding })
    if (call.json) call.print(done)
    else printDone(call, done)
    return 0
  },
})

const NAMES: Readonly<Record<string, readonly [one: string, many: string]>> = {
  entity: ['entity', 'entities'],
  message: ['message', 'messages'],
  conversation: ['conversation', 'conversations'],
  signal: ['signal', 'signals'],
  run: ['run', 'runs'],
  decision: ['decision', 'decisions'],
  gate: ['gate', 'gates'],
  effect: ['effect', 'effects'],
  task: ['task', 'tasks'],
  document: ['version of a document', 'versions of documents'],
  event: ['private part of an event', 'private parts of events'],
  blob: ['stored file', 'stored files'],
  file: ['file in data/', 'files in data/'],
  row: ['value of working state', 'values of working state'],
}

/** What stays and why, by the code that is on record. */
const KEPT: Readonly<Record<string, string>> = {
  pseudonyms: 'pseudonyms of addresses: keyed hashes that only this company can make again',
  hashes: 'hashes of private parts, with which the ledger verifies; their salts are erased, so nobody can guess back',
  messages_of_others: 'messages of others in conversations that this person had part in',
  runs_about_others: 'runs that looked at others too: their own results',
  facts_not_personal: 'facts that facts.ts declares not to be personal',
  documents_about_others: 'documents that are about others too: name with --also what should go',
  files_of_others: 'files that others sent or were sent too',
  outside_services: 'what reached services outside: ask those services',
  inbox_folders: 'the mails in your own inbox folder: delete them there, they do not come in again',
  earlier_copies:
    'exports, backups and snapshots elsewhere that were made before this: delete them, or keep them no longer than you must',
  postgres_log: "PostgreSQL's own log (WAL), its replicas and its backups: they end by the settings of your server",
}

const COUNTED = new Set([
  'messages_of_others',
  'runs_about_others',
  'facts_not_personal',
  'documents_about_others',
  'files_of_others',
])

function counted(counts: Plan['counts']): string[] {
  return Object.entries(counts)
    .filter(([, n]) => n > 0)
    .map(([thing, n]) => `${n} ${NAMES[thing]?.[n === 1 ? 0 : 1] ?? thing}`)
}

function printPlan(call: Invocation, plan: Plan, end: boolean, snapshots: boolean): void {
  for (const one of plan.entities)
    call.out(`forget     ${oneLine(`${one.kind} ${one.label ?? '(erased)'}`, 80)}  ${one.id}`)
  call.out(`erase      ${counted(plan.counts).join(', ') || 'nothing: it is gone already'}`)
  for (const one of plan.open)
    call.out(
      `${end ? 'end' : 'goes on'}`.padEnd(11) + oneLine(`${one.what} ${one.id} (${one.state}): ${one.title}`, 100),
    )
  printKept(call, plan)
  const { to, names, problem } = plan.snapshots
  const then = snapshots ? 'a new one is made and they are deleted' : '--snapshots makes a new one and deletes them'
  if (names.length > 0) call.out(`snapshots  ${madeBefore(names.length)} in ${to} may hold it: ${then}`)
  if (problem !== null) call.out(`snapshots  could not be listed: ${problem}`)
  printMentions(call, plan.mentions, 'This person is also mentioned here. What should go with it, name with --also:')
}

function madeBefore(n: number): string {
  return n === 1 ? '1 snapshot made before this' : `${n} snapshots made before this`
}

function printKept(call: Invocation, { kept, sent }: Pick<Plan, 'kept' | 'sent'>): void {
  for (const { what, ids } of kept) {
    call.out(`stays      ${COUNTED.has(what) ? `${ids.length} ` : ''}${KEPT[what] ?? what}`)
    if (what === 'outside_services') for (const one of sent) call.out(`             ${one.effect}  ${one.action}`)
  }
}

function printMentions(call: Invocation, mentions: Plan['mentions'], head: string): void {
  if (mentions.length === 0) return
  call.out(head)
  const rows = mentions.slice(0, SHOWN).map((m) => [`  ${m.where}`, m.kind, m.of ?? '', m.what === 'id' ? CANNOT : ''])
  for (const line of columns(rows)) call.out(line)
  if (mentions.length > SHOWN) call.out(`  and ${mentions.length - SHOWN} more: --json lists them`)
}

const SHOWN = 20
const CANNOT = 'cannot go: code of yours made an id of it'

function printDone(call: Invocation, done: Forgotten): void {
  call.out(
    done.id === null ? 'There was nothing left to erase.' : `erased: ${counted(done.counts).join(', ')} (${done.id})`,
  )
  if (done.unfinished !== null)
    call.out(`Files and free pages are still to be cleaned, which is done when the company runs: ${done.unfinished}`)
  const { to, names, removed, problem } = done.snapshots
  if (removed.length > 0) call.out(`deleted: ${madeBefore(removed.length)} in ${to}; a new one is there`)
  if (names.length > 0) call.out(`Still there: ${madeBefore(names.length)} in ${to}, which may hold it.`)
  if (problem !== null) call.out(`Not all snapshots could be seen to: ${problem}`)
  if (done.mentions.length === 0) call.out('A search of everything that is left found nothing more.')
  else printMentions(call, done.mentions, 'A search of everything that is left still found:')
}

async function list(call: Invocation): Promise<number> {
  const erasures = await askAll(call.folder, 'erasures', {})
  if (call.json) call.print({ items: erasures, next: null })
  else if (erasures.length === 0) call.out('Nobody was forgotten yet.')
  else
    for (const one of erasures) {
      call.out(
        `${time(one.at)}  ${one.id}  by ${one.by}${one.state === 'done' ? '' : ': files are still being cleaned'}`,
      )
      call.out(`           ${counted(one.counts).join(', ')}`)
      printKept(call, one)
    }
  return 0
}
