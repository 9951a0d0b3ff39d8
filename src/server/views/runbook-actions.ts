import type { z } from 'zod'
import type { Trust } from '../../context/signals.ts'
import type { AnyAction, Money } from '../../execution/action.ts'
import { FRESH_MS } from '../../execution/dispatch.ts'
import { titleOf } from '../../execution/proposal.ts'
import { FIRST_BACKOFF_MS, MAX_BACKOFF_MS, MAX_RETRY_AFTER_MS, MAX_TRIES } from '../../execution/settlement.ts'
import { BREAKS_AFTER, FIRST_PAUSE_MS, MAX_PAUSE_MS } from '../../execution/throttle.ts'
import { moneyText } from '../../governance/spend/budgets.ts'
import type { Outcome, Verdict } from '../../governance/policy.ts'
import type { Json } from '../../lib/json.ts'
import { humanDuration } from '../../lib/durations.ts'
import { inShort, jsonSchema } from '../../orchestration/agents/schema.ts'
import type { OpenCompany } from '../open.ts'
import { sampleInput } from './runbook-sample.ts'

/** How tries, pauses and ages are bounded. A test holds them against what a company does. */
export const RULES = {
  tries: MAX_TRIES,
  firstBackoffMs: FIRST_BACKOFF_MS,
  maxBackoffMs: MAX_BACKOFF_MS,
  maxRetryAfterMs: MAX_RETRY_AFTER_MS,
  breaksAfter: BREAKS_AFTER,
  firstPauseMs: FIRST_PAUSE_MS,
  maxPauseMs: MAX_PAUSE_MS,
  freshMs: FRESH_MS,
} as const

const TRUSTS: readonly Trust[] = ['operator', 'verified', 'outsider']

const RISKS: Readonly<Record<AnyAction['risk'], string>> = {
  read: 'It only reads.',
  reversible: 'It changes the outside world, and can be put back as it was.',
  compensable: 'It changes the outside world, and can be made good by something that is done after it.',
  irreversible: 'It cannot be taken back once it has left.',
}

const DOES: Readonly<Record<Outcome, string>> = {
  run: 'runs without asking',
  ask: 'asks',
  refuse: 'is refused, and nobody is asked',
}

/** `<something>` and pipes of a schema are text, not markup. */
export function text(words: string): string {
  return words
    .replace(/\s+/g, ' ')
    .replace(/[\\`*_{}[\]<>#|]/g, (c) => `\\${c}`)
    .trim()
}

export function code(words: string): string {
  return `\`${words.replace(/[`\s]+/g, ' ').trim()}\``
}

function shapeOf(schema: z.ZodType): string {
  try {
    return inShort(jsonSchema(schema))
  } catch {
    return 'a schema that cannot be said in words'
  }
}

/** Everything that somebody who has never seen it needs to know of an action, and the commands. */
export function actionSection(c: OpenCompany, action: AnyAction, usedBy: readonly string[]): string[] {
  const example = exampleOf(action)
  return [
    `### ${text(action.action)}`,
    '',
    ...(example ? [`For example: ${text(example.title)}`, ''] : []),
    `- **Takes** ${code(shapeOf(action.input))}, answers with ${code(shapeOf(action.output))}. Version ${action.version}.`,
    `- **Risk** ${code(action.risk)}. ${RISKS[action.risk]}`,
    `- **Used by** ${usedBy.length === 0 ? 'no workflow so far' : usedBy.map(code).join(', ')}.`,
    ...asks(c, action, example),
    `- **Hold** ${holdText(action)}`,
    `- **Time-out** ${humanDuration(action.timeoutMs)} a try.${action.risk === 'read' ? '' : ' After it nobody knows whether it happened.'}`,
    ...(action.lane
      ? ['- **Lane** Those of one lane leave one at a time, in the order in which they were proposed.']
      : []),
    ...(action.observe
      ? [
          '- **Looks outside first** What it rests on is shown at its gate, and looked at again before it leaves. Where it changed, it asks again.',
        ]
      : []),
    `- **Cost** ${costText(action, example)}`,
    ...(action.message ? ['- **Message** What it sends is kept in the conversation.'] : []),
    `- **Undo** ${undoText(action)}`,
    `- **When it fails for now** It is tried ${RULES.tries} times in all, under the same idempotency key, first after about ${humanDuration(RULES.firstBackoffMs)}, twice as long each time, at most ${humanDuration(RULES.maxBackoffMs)}; or when the service says, up to ${humanDuration(RULES.maxRetryAfterMs)}. Then it is a dead letter.`,
    '- **When it is refused for good** It is a dead letter at once.',
    `- **When nobody knows whether it happened** ${uncertainText(action)}`,
    ...(action.undo ? [`- **When nobody knows whether it was taken back** ${uncertainUndoText(action)}`] : []),
    `- **As a dead letter** ${deadText(action)}`,
    '',
  ]
}

interface Example {
  readonly input: Json
  readonly title: string
  readonly cost: Money | null
}

/** None where none can be made, or where the action's own functions do not take the one that was made. */
function exampleOf(action: AnyAction): Example | null {
  const input = sampleInput(action.input)
  if (input === undefined) return null
  try {
    return { input, title: titleOf(action, input), cost: action.cost?.(input as never) ?? null }
  } catch {
    return null
  }
}

/** What the policies of now say of it: of each workflow, by who led to it. No cap is used, and the operator is there. */
function asks(c: OpenCompany, action: AnyAction, example: Example | null): string[] {
  if (!example && c.policies.list().length > 0)
    return ['- **Asks?** That depends on what it is given: `factotum policy test <effect>` says it of one.']
  const at = c.store.clock.now()
  const used = c.policies.caps(at).map(({ policy, per }) => ({ policy, per, count: 0, micros: 0 }))
  const { input = null, cost: money = null } = example ?? {}
  const { action: name, connector, risk } = action
  const workflows = c.company.workflows.map((w) => w.workflow).sort()
  const asked = [...workflows, null].flatMap((workflow) =>
    TRUSTS.map((trust) => {
      const request = {
        action: name,
        connector,
        workflow,
        risk,
        trust,
        input,
        money,
        at,
        away: false,
        used,
      }
      return { workflow, trust, verdict: c.policies.verdict(request) }
    }),
  )
  const said = ({ outcome, reason }: Verdict) => `${DOES[outcome]} (${text(reason)})`
  const all = [...new Set(asked.map((a) => said(a.verdict)))]
  if (all.length === 1) return [`- **Asks?** By the policies of now it ${all[0]}, whoever led to it.`]
  return [
    `- **Asks?** By the policies of now, for ${code(JSON.stringify(input))}:`,
    ...all.map((words) => `  - it ${words}: ${whoOf(asked.filter((a) => said(a.verdict) === words))}`),
  ]
}

function whoOf(asked: readonly { readonly workflow: string | null; readonly trust: Trust }[]): string {
  const byTrust = Map.groupBy(asked, (a) => a.workflow)
  const trusts = Map.groupBy(byTrust, ([, own]) => own.map((a) => a.trust).join(' or '))
  return [...trusts]
    .map(([trust, workflows]) => {
      const names = workflows.map(([workflow]) => (workflow === null ? 'you by hand' : code(workflow))).join(', ')
      return `${names}, where ${trust.split(' or ').length === TRUSTS.length ? 'anybody' : trust} led to it`
    })
    .join('; ')
}

function holdText({ holdMs, risk }: AnyAction): string {
  if (risk === 'read') return 'None.'
  const own =
    holdMs === 0 ? 'None, unless its workflow says so' : `${humanDuration(holdMs)}, unless its workflow says otherwise`
  return `${own}. As long as it is held, \`factotum cancel <effect>\` stops it.`
}

function costText(action: AnyAction, example: Example | null): string {
  if (!action.cost) return 'None is stated.'
  const { cost } = example ?? {}
  return `It depends on what it is given${cost ? `; the example costs at most ${moneyText(cost.micros, cost.currency)}` : ''}.`
}

function undoText({ undo, risk }: AnyAction): string {
  if (risk === 'read') return 'There is nothing to take back.'
  if (!undo) return 'It cannot be taken back. Before it has left, `factotum cancel <effect>` stops it.'
  return '`factotum undo <effect>` shows what would be taken back, and does it once you confirm. There is no last day: it works as long as the service lets it, and while its connector acts where it acted then.'
}

function uncertainText({ reconcile, idempotent, risk }: AnyAction): string {
  const look = reconcile
    ? 'It is looked for outside. Where it is found, it counts as done; where it is certain that it is not there, it is tried again.'
    : 'It cannot be looked for outside.'
  if (risk === 'read')
    return `${look} Reading twice does no harm: it is ${idempotent ? 'tried again, and is a dead letter in the end' : 'a dead letter, to be tried again by hand'}.`
  const again = idempotent
    ? 'Else it is tried again with the same key, which its service honours: it is done once at most. After the last try it waits for you'
    : 'Else it is not tried again, and waits for you'
  return `${look} ${again}, in \`factotum queue\`: look outside, then \`factotum decide <gate> happened\`, \`factotum decide <gate> retry\` if it did not happen, or \`factotum decide <gate> close --reason "…"\`.`
}

function uncertainUndoText({ reconcileUndo, idempotent }: AnyAction): string {
  const look = reconcileUndo ? 'It is looked for outside.' : 'It cannot be looked for outside.'
  return `${look} ${idempotent ? 'It is tried again with the same key, and then' : 'Then it'} waits for you, like the action itself.`
}

function deadText({ action, risk }: AnyAction): string {
  const close = `\`factotum close <effect or group> --reason "…"\` lets its run go on with a failure`
  const again = `\`factotum redrive <effect or group>\` tries again`
  return `\`factotum dead\` shows it in the group ${code(`${action}:<error>`)}. ${risk === 'read' ? '' : 'It certainly did not happen. '}Mend the cause; ${again}; ${close}. It holds up nobody in its lane.`
}
