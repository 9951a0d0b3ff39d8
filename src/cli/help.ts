import { OPERATIONS, type OperationName } from '../server/operations.ts'
import { COMMANDS, named, type CliName, type Command } from './registry.ts'

/** Usage that is longer has its summary on the next line. */
const USAGE_WIDTH = 46

/** Every command that is typed, section by section. */
export function help(): string {
  const typed = COMMANDS.filter((c) => c.name !== null)
  const sections = [...new Set(typed.map((c) => c.section))]
  return [
    'factotum: the operating system of a company of one',
    ...sections.flatMap((section) => ['', section, ...typed.filter((c) => c.section === section).flatMap(row)]),
    '',
    'Every command takes --company DIR (default: this folder) and --json. "factotum help <command>" says more of one.',
    'What only reads takes --as-of too: 2026-03-01, 2026-03-01T10:00, 7d (ago), or the number of an event.',
    '[a] is the key that does or shows the same in the console, where Ctrl-K finds all of these.',
  ].join('\n')
}

function row(command: Command): string[] {
  const [first] = keysOf(command)
  const text = `${command.summary}${first ? ` [${keyText(first.keys[0]!)}]` : ''}`
  const [only] = command.calls
  const several = command.calls.length > 1
  const head = `  ${several ? command.name : only}`.padEnd(USAGE_WIDTH)
  const told = head.length > USAGE_WIDTH ? [head, ' '.repeat(USAGE_WIDTH) + text] : [head + text]
  return several ? [...told, ...command.calls.map((call) => `    ${call}`)] : told
}

/** One command: its ways, what it does, the keys of the console, and what it asks of the company. */
export function helpOf(name: CliName): string {
  const command = named(name)
  const keys = keysOf(command).map(({ keys: own, label }) => `${own.map(keyText).join(' or ')} (${label})`)
  return [
    ...command.calls.map((call) => `factotum ${call}`),
    '',
    command.summary,
    ...(keys.length === 0 ? [] : ['', `In the console: ${keys.join(', ')}`]),
    ...(command.operations.length === 0 ? [] : ['', ...command.operations.map(operationText)]),
  ].join('\n')
}

/** Those with a key that do or show what this does. */
function keysOf(command: Command): readonly Command[] {
  return COMMANDS.filter((c) => c.keys.length > 0 && (c === command || c.as?.split(' ')[0] === command.name))
}

function keyText(key: string): string {
  return key.replace('Mod', 'Ctrl').replace('Arrow', '').replaceAll('+', '-')
}

function operationText(name: OperationName): string {
  const { mood, scope } = OPERATIONS[name]
  return `  ${mood === 'change' ? 'POST' : 'GET '} /v1/${name.padEnd(20)} scope ${scope}`
}
