import type { Result } from '../../server/operations.ts'
import { digestText, passedText, timeText, waitingText } from '../../server/views/digest-text.ts'
import { ask } from '../client.ts'
import { command, misused, type Invocation } from '../command.ts'
import { oneLine, plain } from '../text.ts'

export const digest = command('digest', {
  options: { since: { type: 'string' } },
  arity: [0, 0],
  async run(call) {
    const { since } = call.flags
    const told = await ask(call.folder, 'digest', typeof since === 'string' ? { since } : {})
    if (call.json) call.print(told)
    else for (const text of digestText(told)) call.out(plain(text))
    return 0
  },
})

export const away = command('away', {
  options: { reason: { type: 'string' } },
  arity: [0, 2],
  async run(call) {
    const [what, until] = call.positionals
    const { reason } = call.flags
    let state: Result<'away'>
    if (what === undefined) state = await ask(call.folder, 'away', {})
    else if (what === 'until' && until !== undefined)
      state = await ask(call.folder, 'leave', { until, ...(typeof reason === 'string' ? { reason } : {}) })
    else if (what === 'off' && until === undefined) state = await ask(call.folder, 'comeBack', {})
    else throw misused('away')
    if (call.json) call.print(state)
    else printAway(call, state)
    return 0
  },
})

function printAway(call: Invocation, state: Result<'away'>): void {
  const { zone, at } = state
  const list = (title: string, lines: readonly string[]) => {
    call.out(`${title}: ${lines.length === 0 ? 'nothing' : ''}`.trimEnd())
    for (const text of lines) call.out(`  ${plain(text)}`)
  }
  if (state.away) {
    const why = state.away.reason === null ? '' : `: ${oneLine(state.away.reason, 160)}`
    call.out(`You are away until ${timeText(state.away.until, zone)} (${zone})${why}`)
    call.out(
      'What policies let pass may pass; everything else waits, and a gate that expires does what it says it would.',
    )
  } else call.out('You are not away.')
  list(
    'waits',
    state.waiting.map((group) => waitingText(group, at, zone)),
  )
  list(`passed by itself since ${timeText(state.since, zone)}`, state.passed.map(passedText))
  list('refused', state.refused.map(passedText))
  if (state.mail)
    call.out(`next digest: ${timeText(state.mail.nextAt, zone)}${state.driven ? '' : ', when the company is started'}`)
}

export const quiet = command('quiet', {
  arity: [0, 0],
  async run(call) {
    const { quiet: hours, zone, until } = await ask(call.folder, 'quiet', {})
    if (call.json) call.print({ quiet: hours, zone, until })
    else {
      if (hours.length === 0)
        call.out('This company has no quiet hours: company({ attention: { quiet: { from: "20:00", to: "07:00" } } }).')
      for (const { from, to, days } of hours)
        call.out(`quiet from ${from} to ${to}${days ? ` on ${days.join(', ')}` : ''} (${zone})`)
      call.out(until === null ? 'It is no quiet hour now.' : `It is quiet until ${timeText(until, zone)}.`)
    }
    return 0
  },
})
