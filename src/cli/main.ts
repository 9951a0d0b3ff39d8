import { parseArgs } from 'node:util'
import { FactotumError, errorCode, errorMessage } from '../lib/errors.ts'
import type { Moment } from '../server/as-of.ts'
import { asOf, stood } from './as-of.ts'
import type { Command, Invocation } from './command.ts'
import { companyFolder } from './company-folder.ts'
import { COMMANDS } from './registry.ts'
import { plain, time } from './text.ts'

const GLOBAL = {
  company: { type: 'string' },
  json: { type: 'boolean' },
  'as-of': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

/** Runs one command line. Answers the exit status: 0 done, 1 refused or not in order, 2 called wrongly. */
export async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv
  // `factotum queue | head`: whoever reads has seen enough.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  const out = (text = '') => void process.stdout.write(`${text}\n`)
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    out(help())
    return name === undefined ? 2 : 0
  }
  const json = rest.includes('--json')
  try {
    const command = COMMANDS.find((c) => c.name === name)
    if (!command)
      throw new FactotumError('cli.unknown_command', `There is no command "${name}". "factotum help" lists them.`)
    return await invoke(command, rest, out)
  } catch (error) {
    const code = errorCode(error)
    if (json) out(JSON.stringify({ error: { code, message: errorMessage(error) } }))
    else process.stderr.write(`factotum: ${plain(errorMessage(error))} [${code}]\n`)
    if (!(error instanceof FactotumError) && process.env.FACTOTUM_DEBUG)
      process.stderr.write(`${String((error as Error).stack)}\n`)
    return code === 'cli.usage' || code === 'cli.unknown_command' ? 2 : 1
  }
}

async function invoke(command: Command, rest: readonly string[], out: (text?: string) => void): Promise<number> {
  const parsed = parse(command, rest)
  if (parsed.values.help) {
    out(`factotum ${command.name} ${command.usage}\n\n${command.summary}`)
    return 0
  }
  const { positionals } = parsed
  const [least, most] = command.arity
  if (positionals.length < least || positionals.length > most) throw usage(command)
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
    throw new FactotumError('cli.usage', `${errorMessage(cause)}. Usage: factotum ${command.name} ${command.usage}`, {
      cause,
    })
  }
}

function usage(command: Command): FactotumError {
  return new FactotumError('cli.usage', `Usage: factotum ${command.name} ${command.usage}`)
}

/** Usage that is longer than this has its summary on the next line. */
const USAGE_WIDTH = 44

function help(): string {
  const lines = COMMANDS.flatMap((c) => {
    const usage = `${c.name} ${c.usage}`
    return usage.length < USAGE_WIDTH
      ? [`  ${usage.padEnd(USAGE_WIDTH)}${c.summary}`]
      : [`  ${usage}`, `  ${' '.repeat(USAGE_WIDTH)}${c.summary}`]
  })
  return [
    'factotum: the operating system of a company of one',
    '',
    ...lines,
    '',
    'Every command takes --company DIR (default: this folder) and --json.',
    'What only reads takes --as-of too: 2026-03-01, 2026-03-01T10:00, 7d (ago), or the number of an event.',
  ].join('\n')
}
