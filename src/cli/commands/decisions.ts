import { FactotumError } from '../../lib/errors.ts'
import type { Json } from '../../lib/json.ts'
import type { Args, Result } from '../../server/operations.ts'
import { ask } from '../client.ts'
import { command, type Invocation } from '../command.ts'
import { newestArgs, PAGED, printPage } from '../newest.ts'
import { ago, oneLine, plain, time } from '../text.ts'

const OUTCOMES = ['approved', 'edited', 'rejected', 'reversed', 'complained', 'open'] as const

export const decisions = command('decisions', {
  options: {
    agent: { type: 'string' },
    stale: { type: 'boolean' },
    outcome: { type: 'string' },
    ...PAGED,
  },
  arity: [0, 0],
  async run(call) {
    const { agent, stale, outcome } = call.flags
    const args: Args<'decisions'> = {
      ...newestArgs(call),
      ...(typeof agent === 'string' ? { agent } : {}),
      ...(stale === true ? { stale: true } : {}),
      ...(typeof outcome === 'string' ? { outcome: outcomeOf(outcome) } : {}),
    }
    const list = await ask(call.folder, 'decisions', args)
    return printPage(call, list, 'No decisions.', (d) => [
      d.id,
      ago(d.at),
      d.agent,
      d.tier,
      words(d.value),
      `${outcomeText(d.outcome)}${d.stale === null ? '' : ', STALE'}`.replace(/^, /, ''),
    ])
  },
})

function outcomeOf(text: string): (typeof OUTCOMES)[number] {
  const found = OUTCOMES.find((o) => o === text)
  if (found) return found
  throw new FactotumError('cli.usage', `--outcome is one of ${OUTCOMES.join(', ')}; not "${text}".`)
}

export const decision = command('decision', {
  arity: [1, 1],
  async run(call) {
    const found = await ask(call.folder, 'decision', { id: call.positionals[0]! })
    if (call.json) call.print(found)
    else printDecision(call, found)
    return 0
  },
})

type Shown = Result<'decision'>

function printDecision(call: Invocation, d: Shown): void {
  const sure = d.confidence === null ? '' : `, ${d.confidence} sure`
  call.out(`${d.id}  ${d.agent} = ${words(d.value)}`)
  call.out(`  decided  ${time(d.at)} UTC by ${d.tier}${d.model === null ? '' : ` (${d.model})`}${sure}, in ${d.run}`)
  if (d.question !== null) call.out(`  question ${oneLine(d.question, 300)}`)
  if (d.rationale !== null) call.out(`  because  ${oneLine(d.rationale, 600)}`)
  for (const o of d.options)
    call.out(`  not      ${words(o.value)}${o.whyNot === null ? '' : `: ${oneLine(o.whyNot, 300)}`}`)
  if (d.cost !== null) call.out(`  cost     ${d.cost}`)
  for (const e of d.evidence) {
    call.out(`  ${e.kind.padEnd(8)} ${oneLine(e.text, 200)}  ${e.id}`)
    if (e.stale !== null) call.out(`           STALE: ${oneLine(e.stale, 300)}`)
  }
  for (const span of d.spans) call.out(`  span     ${span}`)
  if (d.policy !== null) call.out(`  policies ${d.policy}`)
  for (const e of d.effects) call.out(`  effect   ${e.action}, ${e.state.replaceAll('_', ' ')}  ${e.id}`)
  if (d.turnout.length === 0) call.out('  outcome  nobody has said yet')
  for (const t of d.turnout)
    call.out(
      `  outcome  ${outcomeText(t.outcome)} ${time(t.at)} UTC by ${t.by}${t.why === null ? '' : `: ${oneLine(t.why, 300)}`}${t.from === null ? '' : `  ${t.from}`}`,
    )
  if (d.corrected !== null) call.out(`  should be ${words(d.corrected)}`)
}

export const precedents = command('precedents', {
  options: { agent: { type: 'string' }, limit: PAGED.limit },
  arity: [1, 1],
  async run(call) {
    const { agent } = call.flags
    const list = await ask(call.folder, 'precedents', {
      of: call.positionals[0]!,
      ...newestArgs(call),
      ...(typeof agent === 'string' ? { agent } : {}),
    })
    if (call.json) call.print(list)
    else if (list.length === 0) call.out('Nothing like it was decided before.')
    for (const p of call.json ? [] : list) {
      const how = outcomeText(p.outcome) || 'nobody has said how it turned out'
      call.out(
        `${p.id}  ${time(p.at)}  ${p.agent} = ${words(p.value)}, by ${p.tier}; ${how}${p.stale ? '; STALE' : ''}`,
      )
      call.out(`  ${p.same ? 'about the same, ' : ''}${Math.round(p.likeness * 100)} of 100 like it`)
      if (p.because !== null) call.out(`  ${oneLine(p.because, 160)}`)
    }
    return 0
  },
})

export const complain = command('complain', {
  options: { reason: { type: 'string' }, message: { type: 'string' } },
  arity: [1, 1],
  async run(call) {
    const { reason, message } = call.flags
    if (typeof reason !== 'string') throw new FactotumError('cli.usage', 'Say what was wrong: --reason "…".')
    const made = await ask(call.folder, 'complain', {
      id: call.positionals[0]!,
      reason,
      ...(typeof message === 'string' ? { signal: message } : {}),
    })
    if (call.json) call.print(made)
    else {
      const behind = made.decisions.length === 0 ? '' : `; behind it: ${made.decisions.join(', ')}`
      call.out(`${made.id}: ${made.subject} was complained about${behind}`)
    }
    return 0
  },
})

function outcomeText(outcome: Shown['outcome']): string {
  return outcome === 'complained' ? 'complained about' : (outcome ?? '')
}

function words(value: Json): string {
  if (value === null) return '(erased)'
  return plain(oneLine(typeof value === 'string' ? value : JSON.stringify(value), 80))
}
