import { FactotumError } from '../../lib/errors.ts'
import type { Result } from '../../server/operations.ts'
import { ask } from '../client.ts'
import { command, misused, type Invocation } from '../command.ts'
import { newestArgs, PAGED, printPage } from '../newest.ts'
import { ago, oneLine, plain, time } from '../text.ts'

type Shown = Result<'task'>

export const tasks = command('tasks', {
  options: {
    overdue: { type: 'boolean' },
    all: { type: 'boolean' },
    for: { type: 'string' },
    ...PAGED,
  },
  arity: [0, 0],
  async run(call) {
    const { overdue, all, for: assignee } = call.flags
    const list = await ask(call.folder, 'tasks', {
      ...newestArgs(call),
      ...(all === true ? { state: 'all' as const } : {}),
      ...(overdue === true ? { overdue: true } : {}),
      ...(typeof assignee === 'string' ? { for: assignee } : {}),
    })
    return printPage(call, list, overdue === true ? 'Nothing is overdue.' : 'No tasks.', (t) => [
      t.id,
      dueText(t),
      t.for,
      oneLine(t.text ?? '(erased)', 100),
    ])
  },
})

function dueText({ state, dueAt, overdue, endedAt }: Shown): string {
  if (state !== 'open') return `${state} ${ago(endedAt ?? dueAt)}`
  return overdue ? `OVERDUE, due ${ago(dueAt)}` : `due ${ago(dueAt)}`
}

export const task = command('task', {
  options: {
    by: { type: 'string' },
    for: { type: 'string' },
    why: { type: 'string' },
    note: { type: 'string' },
  },
  arity: [1, 2],
  async run(call) {
    const [what, given] = call.positionals as [string, string?]
    const done = given === undefined ? await ask(call.folder, 'task', { id: what }) : await change(call, what, given)
    if (call.json) call.print(done)
    else printTask(call, done)
    return 0
  },
})

function change(call: Invocation, what: string, given: string): Promise<Shown> {
  const { folder } = call
  const [by, to, why, note] = (['by', 'for', 'why', 'note'] as const).map((name) => {
    const value = call.flags[name]
    return typeof value === 'string' ? { [name]: value } : {}
  }) as [{ by?: string }, { for?: string }, { why?: string }, { note?: string }]
  if (what === 'add') {
    if (by.by === undefined) throw new FactotumError('cli.usage', 'By when? Such as --by 3d or --by 2026-12-01.')
    return ask(folder, 'addTask', { text: given, by: by.by, ...to, ...why })
  }
  if (what === 'done') return ask(folder, 'endTask', { id: given, state: 'done', ...note })
  if (what === 'drop') return ask(folder, 'endTask', { id: given, state: 'dropped', ...note })
  if (what === 'move') {
    if (by.by === undefined && to.for === undefined)
      throw new FactotumError('cli.usage', 'Move it to when, or to whom? Such as --by 3d or --for operator.')
    return ask(folder, 'moveTask', { id: given, ...by, ...to, ...note })
  }
  throw misused('task')
}

function printTask(call: Invocation, t: Shown): void {
  call.out(`${t.id}  ${dueText(t)}, for ${t.for}`)
  call.out(`  ${plain(t.text ?? '(erased)')}`)
  call.out(`  due    ${time(t.dueAt)} UTC`)
  if (t.why !== null) call.out(`  why    ${oneLine(t.why, 300)}`)
  call.out(`  added  ${time(t.addedAt)} UTC by ${t.addedBy}${t.source === null ? '' : `, from ${t.source}`}`)
  if (t.endedAt !== null) call.out(`  ended  ${time(t.endedAt)} UTC by ${t.endedBy ?? ''}`)
  if (t.note !== null) call.out(`  note   ${oneLine(t.note, 300)}`)
}
