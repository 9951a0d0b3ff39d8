import { FactotumError } from '../../lib/errors.ts'
import type { Json } from '../../lib/json.ts'
import type { Result } from '../../server/operations.ts'
import { ask } from '../client.ts'
import { command, type Invocation } from '../command.ts'
import { columns, oneLine, time } from '../text.ts'

export const agents = command('agents', {
  options: { limit: { type: 'string' } },
  arity: [0, 1],
  async run(call) {
    const [name] = call.positionals
    if (name === undefined) {
      const list = await ask(call.folder, 'agents', {})
      if (call.json) call.print(list)
      else if (list.length === 0) call.out('No agent is declared, and none has decided yet.')
      else for (const agent of list) printAgent(call, agent)
      return 0
    }
    const limit = typeof call.flags.limit === 'string' ? { limit: Number(call.flags.limit) } : {}
    const agent = await ask(call.folder, 'agent', { name, ...limit })
    if (call.json) call.print(agent)
    else {
      printAgent(call, agent)
      for (const decision of agent.decisions) printDecision(call, decision)
    }
    return 0
  },
})

export const correct = command('correct', {
  options: { reason: { type: 'string' } },
  arity: [2, 2],
  async run(call) {
    const { reason } = call.flags
    if (typeof reason !== 'string') throw new FactotumError('cli.usage', 'Say why: factotum correct … --reason "…".')
    const [id, value] = call.positionals as [string, string]
    const done = await ask(call.folder, 'correct', { id, value: parseValue(value), reason })
    if (call.json) call.print(done)
    else
      call.out(
        done.agreed
          ? `${done.agent}: ${words(done.value)} was right, and is on the record as that`
          : `${done.agent}: ${words(done.value)} instead of ${words(done.was)}; what followed from it stays as it is`,
      )
    return 0
  },
})

/** JSON where it is JSON, else the words as they are. */
function parseValue(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return text
  }
}

function words(value: Json): string {
  return oneLine(typeof value === 'string' ? value : JSON.stringify(value), 120)
}

function printAgent(call: Invocation, agent: Result<'agents'>[number]): void {
  call.out(agent.agent)
  const rows = [
    ['takes', oneLine(agent.input, 160)],
    ['answers', oneLine(agent.output, 160)],
    ['asks', agent.tiers.join(', ') || 'its code is not loaded'],
    ...agent.prices.map((price) => ['price', price]),
  ]
  for (const line of columns(rows)) call.out(`  ${line}`)
  const record = agent.record.map((r) => [
    r.source === r.tier ? r.tier : `${r.tier} (${oneLine(r.source, 40)})`,
    `decided ${r.decided}`,
    `passed over ${r.passed}`,
    `failed ${r.failed}`,
    `kept ${r.kept}, corrected ${r.corrected}`,
    r.record,
    `cost ${r.cost}`,
  ])
  for (const line of columns(record)) call.out(`  ${line}`)
  if (agent.operator > 0) call.out(`  operator  decided ${agent.operator}`)
  call.out()
}

type Decision = Result<'agent'>['decisions'][number]

function printDecision(call: Invocation, decision: Decision): void {
  const value = decision.value === null ? '(erased)' : words(decision.value)
  call.out(`${decision.id}  ${time(decision.at)}  ${value}, by ${decision.tier}${verdict(decision)}`)
  if (decision.rationale) call.out(`  ${oneLine(decision.rationale, 160)}`)
  for (const o of decision.opinions) {
    const said = o.value === null ? 'said nothing' : words(o.value)
    const sure = o.confidence === null ? '' : `, claimed ${o.confidence}, believed ${o.calibrated?.toFixed(2) ?? '?'}`
    const cost = o.cost === null ? '' : `, cost ${o.cost}`
    call.out(`    ${o.tier} (${oneLine(o.source, 40)}) ${o.outcome}: ${said}${sure}${cost}`)
    if (o.because) call.out(`      ${oneLine(o.because, 160)}`)
  }
}

function verdict({ judged, agreed, corrected }: Decision): string {
  if (judged === null) return ''
  if (agreed) return judged === 'answer' ? '' : `, kept (${judged})`
  return `, corrected to ${corrected === null ? '(erased)' : words(corrected)}`
}
