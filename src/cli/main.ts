import { parseArgs } from 'node:util'
import { FactotumError, errorCode, errorMessage } from '../lib/errors.ts'
import type { Moment } from '../server/as-of.ts'
import { asOf, stood } from './as-of.ts'
import { misused, type Command, type Invocation } from './command.ts'
import { COMMANDS } from './commands.ts'
import { companyFolder } from './company-folder.ts'
import { help, helpOf } from './help.ts'
import { isName, type CliName } from './registry.ts'
import { plain, time } from './text.ts'

const GLOBAL = {
  company: { type: 'string' },
  json: { type: 'boolean' },
  'as-of': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

function closed(error: NodeJS.ErrnoException): never {
  process.exit(error.code === 'EPIPE' ? 0 : 1)
}

/** Runs one command line. Answers the exit status: 0 done, 1 refused or not in order, 2 called wrongly. */
export async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv
  // `factotum queue | head`: whoever reads has seen enough.
  process.stdout.off('error', closed).on('error', closed)
  const out = (text = '') => void process.stdout.write(`${text}\n`)
  if (name === undefined || name === '--help' || name === '-h') {
    out(help())
    return name === undefined ? 2 : 0
  }
  const json = rest.includes('--json')
  try {
    if (name === 'help') {
      out(rest[0] === undefined ? help() : helpOf(known(rest[0])))
      return 0
    }
    return await invoke(COMMANDS[known(name)], rest, out)
  } catch (error) {
    const code = errorCode(error)
    if (json) out(JSON.stringify({ error: { code, message: errorMessage(error) } }))
    else process.stderr.write(`factotum: ${plain(errorMessage(error))} [${code}]\n`)
    if (!(error instanceof FactotumError) && process.env.FACTOTUM_DEBUG)
      process.stderr.write(`${String((error as Error).stack)}\n`)
    return code === 'cli.usage' || code === 'cli.unknown_command' ? 2 : 1
  }
}

/** Throws `cli.unknown_command`. */
function known(name: string): CliName {
  if (isName(name)) return name
  throw new FactotumError('cli.unknown_command', `There is no command "${name}". "factotum help" lists them.`)
}

async function invoke(command: Command, rest: readonly string[], out: (text?: string) => void): Promise<number> {
  const parsed = parse(command, rest)
  if (parsed.values.help) {
    out(helpOf(command.name))
    return 0
  }
  const { positionals } = parsed
  const [least, most] = command.arity
  if (positionals.length < least || positionals.length > most) throw misused(command.name)
  const given = parsed.values.company
  const call: Invocation = {
    get folder() {
      return companyFolder(typeof given === 'string' ? given : undefined)
    },
    positionals,
    flags: parsed.values as Invocation['flags'],
    json: parsed.values.json === true,
    out: (text) => say(text),
    print: (value) => out(JSON.stringify(value, null, 2)),
  }
  const when = parsed.values['as-of']
  let say = out
  if (typeof when !== 'string') return command.run(call)
  if (command.timeless)
    throw new FactotumError('asof.not_a_read', `"factotum ${command.name}" has no past: leave out --as-of.`)
  // Whatever is shown of the past begins with which moment it is.
  say = (text) => {
    const moment = stood()
    if (moment) {
      out(headingOf(moment))
      say = out
    }
    out(text)
  }
  return asOf(when, () => command.run(call))
}

function headingOf({ head, at }: Moment): string {
  return `As of ${time(at)} UTC, after ${head} event${head === 1 ? '' : 's'}; code, policy files and connections are today's.`
}

function parse(command: Command, rest: readonly string[]) {
  try {
    return parseArgs({ args: [...rest], options: { ...command.options, ...GLOBAL }, allowPositionals: true })
  } catch (cause) {
    throw misused(command.name, `${errorMessage(cause)}.`)
  }
}
