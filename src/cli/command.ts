import type { ParseArgsOptionDescriptor } from 'node:util'

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

/** One command of the CLI: a file each, listed in `registry.ts`, from which help is made. */
export interface Command {
  readonly name: string
  /** What follows the name: `<id> [--reason TEXT]`. */
  readonly usage: string
  readonly summary: string
  readonly options?: Readonly<Record<string, ParseArgsOptionDescriptor>>
  /** It asks nothing of a record: there is no "as of" for it. */
  readonly timeless?: boolean
  /** How many positionals: least and most. */
  readonly arity: readonly [number, number]
  /** Answers the exit status. */
  run(call: Invocation): Promise<number>
}
