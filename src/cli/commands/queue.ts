import { dueLines } from '../../server/views/due.ts'
import type { QueueItem } from '../../server/views/queue.ts'
import { wholeQueue } from '../../server/views/whole-queue.ts'
import type { Json } from '../../lib/json.ts'
import { now } from '../as-of.ts'
import { ask } from '../client.ts'
import { command, type Invocation } from '../command.ts'
import { ago, indent, oneLine, plain } from '../text.ts'

/** Nobody reads further than this at once: the rest is there when these are decided. */
const MAX_QUEUE = 1_000

export const queue = command('queue', {
  arity: [0, 1],
  async run(call) {
    const [id] = call.positionals
    const { items, waiting } =
      id === undefined
        ? await wholeQueue((name, args) => ask(call.folder, name, args as never), MAX_QUEUE)
        : { items: [await ask(call.folder, 'gate', { id })], waiting: 1 }
    if (call.json) {
      call.print(id === undefined ? items : items[0])
      return 0
    }
    const late = id === undefined ? dueLines(await ask(call.folder, 'due', {}), now()) : []
    if (items.length + late.length === 0) call.out('Nothing waits for you.')
    for (const item of items) printItem(call, item, id !== undefined)
    for (const line of late) call.out(oneLine(line, 200))
    if (late.length > 0) call.out()
    if (items.length > 0 && id === undefined)
      call.out(`${howMany(items.length, waiting)} waiting. "factotum queue <gate>" shows one in full.`)
    return 0
  },
})

function howMany(shown: number, waiting: number): string {
  return waiting > shown ? `The first ${shown} of ${waiting}` : String(shown)
}

const MAX_LINES = 8

function printItem(call: Invocation, item: QueueItem, whole: boolean): void {
  call.out(`${item.id}  ${item.kind}${item.risk ? `, ${item.risk}` : ''}, ${ago(item.openedAt)}`)
  call.out(`  ${oneLine(item.title, 160)}`)
  const lines = describe(item.proposal, whole || item.evidence.length === 0)
    .split('\n')
    .filter(Boolean)
  const shown = whole ? lines : lines.slice(0, MAX_LINES)
  for (const line of shown) call.out(`    ${plain(line, whole ? undefined : 160)}`)
  if (shown.length < lines.length) call.out(`    … ${lines.length - shown.length} more lines`)
  for (const evidence of item.evidence) {
    call.out(`  ${evidence.kind.padEnd(8)} ${oneLine(evidence.text, whole ? 2_000 : 160)}`)
    if (evidence.stale !== null) call.out(`           STALE: ${oneLine(evidence.stale, whole ? 2_000 : 160)}`)
  }
  printContext(call, item)
  if (item.overBudget) call.out(`  budget   approving goes over: ${oneLine(item.overBudget, 300)}`)
  if (item.record) call.out(`  record   ${oneLine(item.record, 160)}`)
  if (item.precedents) call.out(`  before   ${item.precedents.text}; "factotum precedents ${item.id}"`)
  call.out(`  why      ${oneLine(item.reason, 160)}`)
  call.out(`  ignored  ${item.ifIgnored}`)
  const choices = item.choices.map(
    (c) => `${c.outcome}${c.needs === 'reason' ? ' --reason …' : ''}${c.options ? ` <${c.options.join(' | ')}>` : ''}`,
  )
  call.out(`  choose   ${oneLine(choices.join(', '), 1_000)}\n`)
}

/** Where it acts, what is there now, and what was there when it was asked before. */
function printContext(call: Invocation, item: QueueItem): void {
  const context = (item.context ?? {}) as Readonly<Record<string, Json>>
  if (typeof context.at === 'string') call.out(`  at       ${oneLine(context.at, 160)}`)
  if (context.now !== undefined) call.out(`  now      ${oneLine(JSON.stringify(context.now), 300)}`)
  if (context.before !== undefined) call.out(`  before   ${oneLine(JSON.stringify(context.before), 300)}`)
  if (typeof context.unseen === 'string') call.out(`  now      it could not be looked at: ${oneLine(context.unseen)}`)
  if (context.reversible === true) call.out('  undo     it can be taken back: "factotum undo"')
  if (context.reversible === false && item.risk !== 'read')
    call.out('  undo     it cannot be taken back once it has left')
}

/** What the choices say already. */
const SAID = new Set(['shape', 'options', 'asked'])
/** What an agent was given is long, and the evidence says it shorter. */
const LONG = new Set(['agent', 'input', 'passed'])

/** A proposal as `name: value` lines; long text on lines of its own. */
function describe(value: Json, whole: boolean): string {
  if (value === null || typeof value !== 'object') return String(value)
  return Object.entries(value as Readonly<Record<string, Json>>)
    .filter(([name, item]) => item !== null && !SAID.has(name) && (whole || !LONG.has(name)))
    .map(([name, item]) =>
      typeof item === 'string' && item.includes('\n')
        ? `${name}:\n${indent(item, '  ')}`
        : `${name}: ${typeof item === 'object' ? JSON.stringify(item) : String(item)}`,
    )
    .join('\n')
}
