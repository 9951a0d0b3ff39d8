/**
 * Every command: what is typed, what has a key in the console, what its palette finds. Help, palette and the sheet of keys are
 * made of it. It imports nothing that runs, so that a page can.
 */
import { BEGIN } from './registry/begin.ts'
import { DECIDE } from './registry/decide.ts'
import type { Entry } from './registry/entry.ts'
import { JUDGEMENT } from './registry/judgement.ts'
import { LOOK } from './registry/look.ts'
import { MEMORY } from './registry/memory.ts'
import { MOVE, PAGE } from './registry/page.ts'
import { RECORD } from './registry/record.ts'
import { RULES } from './registry/rules.ts'
import { WORK } from './registry/work.ts'

/** In the order in which they are shown. */
const SECTIONS = {
  Begin: BEGIN,
  Look: LOOK,
  Decide: DECIDE,
  Move: MOVE,
  'This page': PAGE,
  Work: WORK,
  Memory: MEMORY,
  Judgement: JUDGEMENT,
  Rules: RULES,
  Record: RECORD,
} as const

export type Section = keyof typeof SECTIONS

type All = typeof BEGIN &
  typeof LOOK &
  typeof DECIDE &
  typeof MOVE &
  typeof PAGE &
  typeof WORK &
  typeof MEMORY &
  typeof JUDGEMENT &
  typeof RULES &
  typeof RECORD
type FirstWord<T> = T extends `${infer Word} ${string}` ? Word : T
type With<K extends string> = { [I in keyof All]: All[I] extends Readonly<Record<K, unknown>> ? I : never }[keyof All]

/** The name of a command that is typed. */
export type CliName = FirstWord<All[With<'calls'>]['calls'][0]>
/** What can be given in the console. */
export type ShownId = With<'label'>
/** A command as it is typed: it begins with one that there is. */
type Call = CliName | `${CliName} ${string}`

export interface Command {
  readonly id: keyof All
  readonly section: Section
  /** Its name where it is typed; null: it is of the console alone. */
  readonly name: CliName | null
  readonly summary: string | null
  readonly calls: readonly Call[]
  readonly as: Call | null
  readonly operations: NonNullable<Entry['operations']>
  /** What the console calls it; null: it is given where it is typed, and nowhere else. */
  readonly label: string | null
  readonly keys: readonly string[]
  readonly needs: string | null
}

/** All of them, section by section. */
export const COMMANDS: readonly Command[] = Object.entries(SECTIONS).flatMap(([section, entries]) =>
  (Object.entries(entries) as [keyof All, All[keyof All]][]).map(([id, entry]): Command => {
    const calls: readonly Call[] = 'calls' in entry ? entry.calls : []
    return {
      id,
      section: section as Section,
      name: calls.length === 0 ? null : (calls[0]!.split(' ')[0] as CliName),
      summary: 'summary' in entry ? entry.summary : null,
      calls,
      as: 'as' in entry ? entry.as : null,
      operations: 'operations' in entry ? entry.operations : [],
      label: 'label' in entry ? entry.label : null,
      keys: 'keys' in entry ? entry.keys : [],
      needs: 'needs' in entry ? entry.needs : null,
    }
  }),
)

const NAMED = new Map(COMMANDS.flatMap((c) => (c.name === null ? [] : [[c.name, c] as const])))

/** The command that is typed so. */
export function named(name: CliName): Command {
  return NAMED.get(name)!
}

/** How it is typed, in each of its ways. */
export function callsOf(name: CliName): readonly string[] {
  return named(name).calls
}

export function isName(text: string): text is CliName {
  return NAMED.has(text as CliName)
}
