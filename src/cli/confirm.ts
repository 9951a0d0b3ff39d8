import { createInterface } from 'node:readline/promises'
import type { Invocation } from './command.ts'

export const YES = { yes: { type: 'boolean', short: 'y' } } as const

/** Whether to go on: `--yes`, or a person who says so at a terminal. Otherwise nothing is done, and it says how. */
export async function confirmed(call: Invocation, question: string): Promise<boolean> {
  if (call.flags.yes === true) return true
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    call.out('Nothing was done. Add --yes to do it.')
    return false
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  try {
    const said = await terminal.question(`${question} [y/N] `)
    if (/^(y|yes)$/i.test(said.trim())) return true
    call.out('Nothing was done.')
    return false
  } finally {
    terminal.close()
  }
}
