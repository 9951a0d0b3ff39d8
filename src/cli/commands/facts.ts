import { FactotumError } from '../../lib/errors.ts'
import type { Json } from '../../lib/json.ts'
import type { Result } from '../../server/operations.ts'
import { ask } from '../client.ts'
import { command, misused, type Invocation } from '../command.ts'
import { newestArgs, PAGED, printPage } from '../newest.ts'
import { ago, columns, oneLine, time } from '../text.ts'

type Shown = Result<'facts'>
type Fact = Shown['facts'][number]

export const facts = command('facts', {
  options: {
    valid: { type: 'string' },
    recorded: { type: 'string' },
    history: { type: 'boolean' },
    due: { type: 'boolean' },
    ...PAGED,
  },
  arity: [0, 2],
  async run(call) {
    const [entity, attribute] = call.positionals
    const history = call.flags.history === true || attribute !== undefined
    const asOf = { ...flag(call, 'valid', 'valid'), ...recorded(call) }
    if ((call.flags.due === true || history || entity === undefined) && Object.keys(asOf).length > 0)
      throw new FactotumError(
        'cli.usage',
        '--valid and --recorded show one entity as of then: factotum facts <entity> --valid 2026-03-01.',
      )
    if (call.flags.due === true) return printDue(call, await ask(call.folder, 'factsDue', newestArgs(call)))
    if (entity === undefined) return printEntities(call, await ask(call.folder, 'entities', newestArgs(call)))
    if (history)
      return printHistory(
        call,
        await ask(call.folder, 'factHistory', {
          ...newestArgs(call),
          entity,
          ...(attribute === undefined ? {} : { attribute }),
        }),
      )
    return printEntity(call, await ask(call.folder, 'facts', { entity, asOf }))
  },
})

const SAY = { reason: { type: 'string' }, at: { type: 'string' } } as const
const HOW = ['assert', 'correct', 'end', 'retract'] as const

export const fact = command('fact', {
  options: { ...SAY, from: { type: 'string' }, until: { type: 'string' }, was: { type: 'string' } },
  arity: [3, 4],
  async run(call) {
    const [how, entity, attribute, text] = call.positionals as [string, string, string, string | undefined]
    const reason = reasonOf(call)
    const value = text === undefined ? undefined : parseValue(text)
    const said = { entity, attribute, reason }
    const at = flag(call, 'at', 'at')
    const needed = (): Json => {
      if (value === undefined)
        throw new FactotumError(
          'cli.usage',
          `"fact ${how}" needs the value: fact ${how} ${entity} ${attribute} <value>.`,
        )
      return value
    }
    const which = value === undefined ? {} : { value }
    const was = typeof call.flags.was === 'string' ? { was: parseValue(call.flags.was) } : {}
    const does = {
      assert: () =>
        ask(call.folder, 'factAssert', {
          ...said,
          value: needed(),
          ...flag(call, 'from', 'from'),
          ...flag(call, 'until', 'until'),
        }),
      correct: () => ask(call.folder, 'factCorrect', { ...said, value: needed(), ...at, ...was }),
      end: () => ask(call.folder, 'factEnd', { ...said, ...which, ...at }),
      retract: () => ask(call.folder, 'factRetract', { ...said, ...which, ...at }),
    }
    if (!isOne(how, HOW))
      throw new FactotumError('cli.usage', `"fact ${how}" is nothing to say. Use one of: ${HOW.join(', ')}.`)
    const done = await does[how]()
    if (call.json) call.print(done)
    else call.out(done.came === 'known' ? 'that is believed already' : `${DID[how]}: ${attribute} of ${entity}`)
    return 0
  },
})

const DID = { assert: 'recorded', correct: 'corrected', end: 'ended', retract: 'taken back' } as const
const WITH_ENTITY = ['merge', 'split', 'key'] as const

export const entity = command('entity', {
  options: { reason: { type: 'string' } },
  arity: [2, 3],
  async run(call) {
    const [how, first, second] = call.positionals as [string, string, string | undefined]
    if (!isOne(how, WITH_ENTITY) || (how === 'split') !== (second === undefined)) throw misused('entity')
    if (how === 'key') {
      const done = await ask(call.folder, 'entityKey', { entity: first, key: second! })
      if (call.json) call.print(done)
      else call.out(`${done.id} is found by ${oneLine(second!)} too`)
      return 0
    }
    const reason = reasonOf(call)
    if (how === 'split') {
      const done = await ask(call.folder, 'entitySplit', { member: first, reason })
      if (call.json) call.print(done)
      else call.out(`${done.id} is by itself again, with the facts that were said of it`)
      return 0
    }
    const done = await ask(call.folder, 'entityMerge', { into: first, member: second!, reason })
    if (call.json) call.print(done)
    else {
      call.out(
        `${oneLine(second!)} is part of ${oneLine(first)} now; "factotum entity split ${oneLine(second!)}" takes them apart again`,
      )
      for (const gate of done.gates) call.out(`  they contradict each other: factotum queue ${gate}`)
    }
    return 0
  },
})

function isOne<T extends string>(given: string, of: readonly T[]): given is T {
  return (of as readonly string[]).includes(given)
}

function reasonOf(call: Invocation): string {
  if (typeof call.flags.reason === 'string' && call.flags.reason.trim() !== '') return call.flags.reason
  throw new FactotumError('cli.usage', 'Say why, so that it is on the record: --reason "…".')
}

function flag<K extends string>(call: Invocation, name: string, as: K): { [P in K]?: string } {
  const given = call.flags[name]
  return (typeof given === 'string' ? { [as]: given } : {}) as { [P in K]?: string }
}

/** A number is that of an event; anything else is a date. */
function recorded(call: Invocation): { recorded?: string | { seq: number } } {
  const given = call.flags.recorded
  if (typeof given !== 'string') return {}
  return { recorded: /^\d+$/.test(given) ? { seq: Number(given) } : given }
}

/** JSON where it is JSON, else the words as they are. */
function parseValue(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return text
  }
}

const date = (at: number): string => new Date(at).toISOString().slice(0, 10)
const text = (value: Json): string =>
  value === null ? '(erased)' : oneLine(typeof value === 'string' ? value : JSON.stringify(value), 80)

function spanText({ from, to }: Pick<Fact, 'from' | 'to'>): string {
  return to === null ? `since ${date(from)}` : `${date(from)} to ${date(to)}`
}

function sourceText({ where }: Pick<Fact, 'where'>): string {
  return oneLine(where.of ?? where.reason ?? where.source ?? '', 70)
}

function printEntities(call: Invocation, list: Result<'entities'>): number {
  return printPage(call, list, 'Nothing is known of anybody yet.', (r) => [
    r.id,
    r.kind,
    `${r.facts} facts`,
    oneLine(r.labels.join(', ')),
  ])
}

function printEntity(call: Invocation, shown: Shown): number {
  if (call.json) {
    call.print(shown)
    return 0
  }
  call.out(`${shown.id}  ${shown.kind}  ${oneLine(shown.labels.join(', '), 300)}`)
  if (shown.parts.length > 0) call.out(`  one of ${shown.parts.length}: ${shown.parts.join(', ')}`)
  const { valid, recorded: then } = shown.moment
  const asked = call.flags.valid !== undefined || call.flags.recorded !== undefined
  if (asked) call.out(`  what held on ${time(valid)} UTC${then === null ? '' : `, as recorded until event ${then}`}`)
  if (shown.facts.length === 0) call.out('  nothing is known')
  for (const line of columns(
    shown.facts.map((f) => [`  ${f.attribute}`, text(f.value), spanText(f), f.trust, f.where.maker, sourceText(f)]),
  ))
    call.out(line)
  for (const f of shown.facts) {
    if (f.where.quote) call.out(`  ${f.attribute}: "${oneLine(f.where.quote, 300)}"`)
    if (f.due) call.out(`  ${f.attribute}: REVIEW, last said ${ago(f.saidAt ?? f.from)}`)
    for (const gate of f.disputed) call.out(`  ${f.attribute}: DISPUTED, factotum queue ${gate}`)
  }
  const settled = shown.conflicts.filter((x) => x.state === 'settled')
  for (const x of settled)
    call.out(
      `  ${x.attribute}: ${oneLine(x.where.of ?? x.where.maker)} said ${text(x.value)} on ${date(x.at)}: ${OUTCOME[x.outcome ?? ''] ?? x.outcome ?? ''}`,
    )
  return 0
}

const OUTCOME: Readonly<Record<string, string>> = {
  keep: 'not believed',
  believe: 'believed',
  end: 'neither was believed',
  rule: 'not believed, by the rule of the attribute',
}

function printHistory(call: Invocation, list: Result<'factHistory'>): number {
  return printPage(call, list, 'Nothing was ever recorded of that.', (f) => [
    f.attribute,
    text(f.value),
    spanText(f),
    `event ${f.recordedSeq}${f.endedSeq === null ? '' : ` to ${f.endedSeq}`}`,
    f.retracted ? 'taken back' : f.endedSeq === null ? 'believed' : 'replaced',
    f.trust,
    sourceText(f),
  ])
}

function printDue(call: Invocation, list: Result<'factsDue'>): number {
  printPage(call, list, 'No fact is due for review.', (f) => [
    oneLine(f.labels.join(', ') || f.entity, 60),
    f.attribute,
    text(f.value),
    `said ${ago(f.saidAt ?? f.from)}`,
    f.trust,
  ])
  if (!call.json && list.items.length > 0)
    call.out(
      'Still so: "factotum fact assert <entity> <attribute> <value> --reason …". No longer: "factotum fact end …".',
    )
  return 0
}
