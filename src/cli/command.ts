import type { ParseArgsOptionDescriptor } from 'node:util'
import { FactotumError } from '../lib/errors.ts'
import { callsOf, type CliName } from './registry.ts'

export interface Invocation {
  /** The company's folder, absolute. */
  readonly folder: string
  readonly positionals: readonly string[]
  readonly flags: Readonly<Record<string, string | boolean | undefined>>
  readonly json: boolean
  /** Writes a line for people. */
  out(text?: string): void
  /** Writes the one JSON value of `--json`. */
  print(value: unknown): void
}

/** What a command of the registry does: a file each, listed in `commands.ts`. */
export interface Command<N extends CliName = CliName> {
  readonly name: N
  readonly options?: Readonly<Record<string, ParseArgsOptionDescriptor>>
  /** It asks nothing of a record: there is no "as of" for it. */
  readonly timeless?: boolean
  /** How many positionals: least and most. */
  readonly arity: readonly [number, number]
  /** Answers the exit status. */
  run(call: Invocation): Promise<number>
}

/** What the command of that name does; the registry has the words. */
export function command<const N extends CliName>(name: N, does: Omit<Command, 'name'>): Command<N> {
  return { name, ...does }
}

/** It was called wrongly: how it is called. `also` says more of what was wrong. */
export function misused(name: CliName, also = ''): FactotumError {
  const [first, ...more] = callsOf(name).map((call) => `factotum ${call}`)
  const ways = more.length === 0 ? first : [first, ...more].map((way) => `\n  ${way}`).join('')
  return new FactotumError('cli.usage', `${also && `${also} `}Usage: ${ways}`)
}
