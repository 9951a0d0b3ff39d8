import type { OperationName } from '../../server/operations.ts'

/**
 * What a command is, wherever it is given: typed after `factotum`, pressed as a key of the console, found in its palette. Words
 * stand here and nowhere else; what it does is a file of `src/cli/commands/` and a handler of the page that is shown.
 */
export type Entry = Typed | Shown

/** It is typed. */
interface Typed {
  /** What it does, in a line. */
  readonly summary: string
  /** Each way to type it: `run <id>`, its own name first. `<…>` is to be filled in, `[…]` may be left out, `…` comes again. */
  readonly calls: readonly [string, ...string[]]
  /** The operations behind it; the first is what it is for. None: it works on files, whatever runs. */
  readonly operations: readonly OperationName[]
  /** What the console calls it, where it can be given there. */
  readonly label?: string
  readonly keys?: readonly string[]
  readonly needs?: string
}

/** It is of the console alone. */
interface Shown {
  readonly label: string
  readonly keys: readonly string[]
  /** What does or shows the same where it is typed. */
  readonly as?: string
  readonly operations?: readonly OperationName[]
  /** What has to be there before it can be given, where not always: it is why it cannot be given now. */
  readonly needs?: string
}

export type Entries = Readonly<Record<string, Entry>>
