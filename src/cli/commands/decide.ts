import { FactotumError } from '../../lib/errors.ts'
import { milliseconds, type Duration } from '../../lib/durations.ts'
import type { Json } from '../../lib/json.ts'
import { ask } from '../client.ts'
import { command, type Invocation } from '../command.ts'
import { ago, oneLine, time } from '../text.ts'

const REASON = { reason: { type: 'string' } } as const
const VALUE = { value: { type: 'string' } } as const

export const approve = command('approve', {
  options: { set: { type: 'string', multiple: true } },
  arity: [1, 1_000],
  async run(call) {
    if (call.positionals.length > 1) return sendAll(call, call.positionals, 'approve')
    const changes = call.flags.set as unknown as readonly string[] | undefined
    if (!changes) return send(call, 'approve')
    return send(call, 'edit', await edited(call, changes))
  },
})

export const reject = command('reject', {
  options: REASON,
  arity: [1, 1_000],
  run: (call) => (call.positionals.length > 1 ? sendAll(call, call.positionals, 'reject') : send(call, 'reject')),
})

export const snooze = command('snooze', {
  arity: [2, 2],
  async run(call) {
    if (call.positionals[1] === 'now') {
      const back = await ask(call.folder, 'wake', { id: call.positionals[0]! })
      if (call.json) call.print(back)
      else call.out(`back in the queue: ${oneLine(back.title ?? back.id)}`)
      return 0
    }
    const until = Date.now() + milliseconds(call.positionals[1] as Duration)
    const done = await ask(call.folder, 'snooze', { id: call.positionals[0]!, until })
    if (call.json) call.print(done)
    else call.out(`snoozed until ${time(done.until ?? until)} UTC: ${oneLine(done.title ?? done.id)}`)
    return 0
  },
})

/** Several gates of one shape; each is a decision of its own on the record. */
async function sendAll(call: Invocation, gates: readonly string[], outcome: string): Promise<number> {
  const { reason, set, value } = call.flags
  if (set !== undefined) throw new FactotumError('cli.usage', '--set changes one gate: approve it by itself.')
  if (value !== undefined) throw new FactotumError('cli.usage', '--value is for one gate: decide it by itself.')
  const done = await ask(call.folder, 'decideAll', {
    ids: [...gates],
    outcome,
    ...(typeof reason === 'string' ? { reason } : {}),
  })
  if (call.json) call.print(done)
  else {
    for (const one of done.decided) call.out(`${one.outcome}: ${oneLine(one.title ?? one.gate)}`)
    for (const one of done.failed) call.out(`NOT decided: ${one.id}: ${oneLine(one.message, 400)} [${one.code}]`)
  }
  return done.failed.length === 0 ? 0 : 1
}

export const answer = command('answer', {
  options: REASON,
  arity: [2, 2],
  run: (call) => send(call, 'answer', parseValue(call.positionals[1]!)),
})

export const decide = command('decide', {
  options: { ...REASON, ...VALUE },
  arity: [2, 1_001],
  run(call) {
    const gates = call.positionals.slice(0, -1)
    const outcome = call.positionals.at(-1)!
    if (gates.length > 1) return sendAll(call, gates, outcome)
    const { value } = call.flags
    return send(call, outcome, typeof value === 'string' ? parseValue(value) : undefined)
  },
})

/** JSON where it is JSON, else the words as they are: `answer g refund` needs no quotes. */
function parseValue(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return text
  }
}

/** What would run, with some fields changed. It is checked by the action's own schema before anything is approved. */
async function edited(call: Invocation, changes: readonly string[]): Promise<Json> {
  const input = (await ask(call.folder, 'input', { id: call.positionals[0]! })) as Record<string, Json>
  for (const change of changes) {
    const [field, ...rest] = change.split('=')
    if (!field || rest.length === 0)
      throw new FactotumError('cli.usage', `--set takes field=value, such as --set body="Hello"; not "${change}".`)
    input[field] = typeof input[field] === 'string' ? rest.join('=') : parseValue(rest.join('='))
  }
  return input
}

async function send(call: Invocation, outcome: string, value?: Json): Promise<number> {
  const reason = typeof call.flags.reason === 'string' ? call.flags.reason : undefined
  const done = await ask(call.folder, 'decide', {
    id: call.positionals[0]!,
    outcome,
    ...(reason === undefined ? {} : { reason }),
    ...(value === undefined ? {} : { value }),
  })
  if (call.json) {
    call.print(done)
    return 0
  }
  call.out(`${done.outcome}: ${oneLine(done.title ?? done.gate)}`)
  if (done.effect?.state === 'held') {
    const when = done.driven
      ? `leaves ${ago(done.effect.dueAt ?? 0).replace('now', 'at once')}`
      : 'leaves when the company is started'
    call.out(`  ${done.effect.id} ${when}; "factotum cancel ${done.effect.id}" stops it until then`)
  }
  return 0
}
