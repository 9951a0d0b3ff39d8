import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { errorMessage, FactotumError } from '../../lib/errors.ts'
import type { Json } from '../../lib/json.ts'
import type { Result } from '../../server/operations.ts'
import { ask } from '../client.ts'
import { command, type Invocation } from '../command.ts'
import { oneLine, plain } from '../text.ts'

/** How long it looks for the plan. The run is durable: whoever stops looking loses nothing. */
const PATIENCE_MS = 10 * 60_000
const LOOK_MS = 250

type Progress = Result<'planned'>

export const doGoal = command('do', {
  options: { plan: { type: 'string' }, out: { type: 'string' } },
  arity: [0, 1],
  async run(call) {
    const { goal, plan } = asked(call)
    const { run, driven } = await ask(call.folder, 'do', plan === undefined ? { goal } : { goal, plan })
    if (!call.json) call.out(`${run}  planning: ${oneLine(goal, 160)}`)
    if (!driven) {
      if (call.json) call.print({ run, driven })
      else call.out('  goes on when the company is started: "factotum start"; then "factotum queue" shows the plan')
      return 0
    }
    const progress = await untilPlanned(call, run)
    const { out } = call.flags
    if (typeof out === 'string' && progress.plan !== null) save(out, progress.plan)
    if (call.json) call.print({ run, driven, ...progress })
    else tell(call, run, progress)
    return progress.state === 'refused' || progress.state === 'failed' ? 1 : 0
  },
})

/** The goal, and the plan where one is given: it says its own goal in its summary. */
function asked(call: Invocation): { readonly goal: string; readonly plan?: Json } {
  const [goal] = call.positionals
  const file = call.flags.plan
  if (typeof file !== 'string') {
    if (goal === undefined)
      throw new FactotumError('cli.usage', 'Say what to do: factotum do "<goal>", or --plan FILE.')
    return { goal }
  }
  const plan = readPlan(file)
  const summary = (plan as { readonly summary?: Json } | null)?.summary
  return { goal: goal ?? (typeof summary === 'string' && summary !== '' ? summary : file), plan }
}

function readPlan(file: string): Json {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Json
  } catch (cause) {
    throw new FactotumError('cli.bad_file', `${file} is no plan that can be read: ${errorMessage(cause)}.`, { cause })
  }
}

function save(file: string, plan: Json): void {
  try {
    writeFileSync(file, `${JSON.stringify(plan, null, 2)}\n`, { flag: 'wx', mode: 0o600 })
  } catch (cause) {
    throw new FactotumError(
      'cli.bad_file',
      `The plan waits for you ("factotum queue"), but ${file} cannot be written: ${errorMessage(cause)}.`,
      { cause },
    )
  }
}

async function untilPlanned(call: Invocation, run: string): Promise<Progress> {
  const until = Date.now() + PATIENCE_MS
  for (;;) {
    const progress = await ask(call.folder, 'planned', { id: run })
    if (progress.state !== 'planning' || Date.now() > until) return progress
    await pause(LOOK_MS)
  }
}

function tell(call: Invocation, run: string, { state, gate, shown, reasons }: Progress): void {
  switch (state) {
    case 'waiting':
      call.out(`  the planner could not, and waits for you: factotum queue ${gate ?? ''}`)
      return
    case 'proposed':
      for (const [name, value] of Object.entries(shown ?? {})) {
        call.out(`\n${name}`)
        for (const line of value.split('\n')) call.out(`  ${plain(line)}`)
      }
      call.out(`\nfactotum approve ${gate ?? ''}`)
      call.out(`factotum decide ${gate ?? ''} edit --value "$(cat plan.json)"`)
      call.out(`factotum reject ${gate ?? ''} --reason "…"`)
      return
    case 'planning':
      call.out(`  is still being planned; "factotum queue" shows the plan when it is there`)
      return
    default:
      call.out(`  ${state}`)
      for (const reason of reasons) call.out(`  - ${oneLine(reason, 400)}`)
      call.out(`  "factotum run ${run}" tells its story`)
  }
}
