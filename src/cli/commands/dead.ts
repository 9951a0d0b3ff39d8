import type { Item, Result } from '../../server/operations.ts'
import { ask, askAll } from '../client.ts'
import { command, type Invocation } from '../command.ts'
import { confirmed, YES } from '../confirm.ts'
import { newestArgs, PAGED, printMore } from '../newest.ts'
import { ago, oneLine } from '../text.ts'

export const dead = command('dead', {
  options: PAGED,
  arity: [0, 0],
  async run(call) {
    const list = await ask(call.folder, 'dead', newestArgs(call))
    if (call.json) call.print(list)
    else if (list.groups.length === 0) call.out('No dead letters.')
    else {
      for (const { group, count } of list.groups) {
        const letters = list.items.filter((letter) => letter.group === group)
        call.out(`${oneLine(group)}  ${count}${letters[0] ? `: ${oneLine(letters[0].error, 120)}` : ''}`)
        for (const letter of letters) printLetter(call, letter)
      }
      printMore(call, list.next)
    }
    return 0
  },
})

export const redrive = command('redrive', {
  options: { ...YES, preview: { type: 'boolean' } },
  arity: [1, 1],
  async run(call) {
    const [which] = call.positionals as [string]
    const letters = await askAll(call.folder, 'dead', { which })
    const n = letters.length
    if (!call.json) {
      if (n === 0) call.out('No dead letters.')
      for (const letter of letters) printLetter(call, letter, n > 1 && letter.alone)
    }
    if (n === 0) return 0
    if (call.flags.preview === true) {
      if (call.json) call.print({ items: letters })
      return 0
    }
    const able = n === 1 ? n : letters.filter((letter) => !letter.alone).length
    if (able > 0 && !(await confirmed(call, `Try ${able === 1 ? 'it' : `these ${able}`} again?`))) return 1
    // What stopped since it was shown is not what was confirmed.
    const gates = letters.map((letter) => letter.gate)
    return report(call, await ask(call.folder, 'redrive', { which, gates }))
  },
})

export const close = command('close', {
  options: { reason: { type: 'string' } },
  arity: [1, 1],
  async run(call) {
    const reason = typeof call.flags.reason === 'string' ? call.flags.reason : ''
    return report(call, await ask(call.folder, 'closeDead', { which: call.positionals[0]!, reason }))
  },
})

function printLetter(call: Invocation, letter: Item<'dead'>, left = false): void {
  call.out(`  ${letter.effect}  ${oneLine(letter.title, 80)}, ${letter.tries} tries, ${ago(letter.since)}`)
  if (left) call.out('    Left out: it cannot be taken back, and is tried again by itself.')
  else call.out(`    ${oneLine(letter.redrive, 160)}`)
}

function report(call: Invocation, done: Result<'redrive'>): number {
  if (call.json) call.print(done)
  else {
    call.out(`${done.outcome === 'retry' ? 'tried again' : 'closed'}: ${done.done.length}`)
    for (const one of done.failed) call.out(`NOT: ${one.id}: ${oneLine(one.message, 400)} [${one.code}]`)
  }
  return done.failed.length === 0 ? 0 : 1
}
