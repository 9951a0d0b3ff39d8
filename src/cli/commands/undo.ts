import type { Result } from '../../server/operations.ts'
import { ask } from '../client.ts'
import { command, type Invocation } from '../command.ts'
import { confirmed, YES } from '../confirm.ts'
import { columns, oneLine } from '../text.ts'

type Plan = Result<'undoPlan'>

export const undo = command('undo', {
  options: YES,
  arity: [1, 1],
  async run(call) {
    const [id] = call.positionals as [string]
    const plan = await ask(call.folder, 'undoPlan', { id })
    if (call.json && call.flags.yes !== true) {
      call.print(plan)
      return 0
    }
    if (!call.json) printPlan(call, plan)
    const retracted = plan.facts.length + plan.decisions.length
    if (retracted === 0 && plan.steps.every((step) => step.how === 'leave')) {
      if (call.json) call.print(plan)
      else call.out('Nothing of this can be taken back.')
      return 1
    }
    if (!call.json && !(await confirmed(call, 'Take it back?'))) return 1
    const done = await ask(call.folder, 'undo', { id, binding: plan.binding })
    if (call.json) call.print(done)
    else {
      if (done.cancelled.length > 0) call.out(`stopped before it left: ${done.cancelled.join(', ')}`)
      if (done.undoing.length > 0)
        call.out(`being taken back: ${done.undoing.join(', ')}; "factotum why" tells how it ends`)
      if (retracted > 0) call.out(`retracted: ${plan.facts.length} facts, ${plan.decisions.length} choices`)
    }
    return 0
  },
})

const HOW = { cancel: 'stop', undo: 'take back', leave: 'CANNOT' } as const

function printPlan(call: Invocation, plan: Plan): void {
  for (const run of plan.ends) call.out(`end the run     ${run}: it is under way`)
  const rows = plan.steps.map((s) => [HOW[s.how], oneLine(s.title, 70), s.state, oneLine(s.why, 90)])
  for (const line of columns(rows)) call.out(line)
  for (const fact of plan.facts) {
    const again = fact.again === undefined ? 'nothing is known then' : `again ${JSON.stringify(fact.again)}`
    call.out(`retract fact    ${fact.attribute} = ${oneLine(JSON.stringify(fact.value), 60)}: ${oneLine(again, 60)}`)
  }
  for (const d of plan.decisions) call.out(`retract choice  ${d.agent}: ${oneLine(JSON.stringify(d.value), 80)}`)
  if (plan.followed.length > 0)
    call.out(
      `stays as it is  ${plan.followed.length} later effect${plan.followed.length === 1 ? '' : 's'} of the same run: ${plan.followed.join(', ')}`,
    )
}
