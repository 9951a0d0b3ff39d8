import type { Link } from '../governance/why.ts'
import { oneLine } from './text.ts'

/** One event as a sentence: what happened, to what, by whom. */
export function describeLink(link: Link): string {
  const what = link.kind.replace(/@\d+$/, '')
  const detail = DETAILS[what]?.(link) ?? ''
  const by = link.actor === 'system' || link.actor.startsWith('run:') ? '' : `  by ${link.actor}`
  const gone = link.erased ? ' (erased)' : ''
  return `${what.padEnd(18)} ${oneLine(`${detail}${gone}`, 120)}${by}`.trimEnd()
}

const text = (value: unknown): string =>
  typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value)

const dueAt = (link: Link): string => new Date(Number(link.body.dueAt)).toISOString()

const DETAILS: Readonly<Record<string, (link: Link) => string>> = {
  'signal.received': (l) =>
    `${text(l.body.kind)} from ${text(l.body.trust)} ${text((l.private?.payload as { from?: string } | null)?.from)} "${text((l.private?.payload as { subject?: string } | null)?.subject)}"`,
  'signal.routed': (l) => `${text(l.body.state)} ${text(l.private?.reason)}`,
  'signal.released': (l) => text(l.private?.reason),
  'message.joined': (l) => `${text(l.body.direction)} ${text(l.private?.party)} "${text(l.private?.subject)}"`,
  'run.started': (l) => `${text(l.body.workflow)} ${l.stream}`,
  'run.suspended': (l) => `waits for ${text((l.body.on as readonly string[]).join(', '))}`,
  'run.completed': (l) => text(l.private?.result),
  'run.failed': (l) => `${text(l.body.op)} ${text(l.private?.message)}`,
  'run.parked': (l) => `${text(l.body.op)} ${text(l.private?.message)}`,
  'run.resumed': (l) => text(l.body.mode),
  'run.cancelled': (l) => text(l.private?.reason),
  'step.completed': (l) => text(l.body.op),
  'step.failed': (l) => `${text(l.body.op)}: ${text(l.private?.message)}`,
  'wait.opened': (l) => text(l.body.op),
  'wait.resolved': (l) => `${text(l.body.op)} by ${text(l.body.by)}`,
  'wait.closed': (l) => text(l.body.op),
  'entity.created': (l) => `${text(l.body.kind)} ${text(l.private?.label)}`,
  'fact.asserted': (l) => `${text(l.body.attribute)} = ${text(l.private?.value)}`,
  'decision.made': (l) =>
    `${text(l.body.agent)} = ${text(l.private?.value)} (${text(l.body.tier)}: ${text(l.private?.rationale)})`,
  'decision.judged': (l) =>
    `${l.body.agreed === true ? 'right' : 'wrong'}, by ${text(l.body.by)} ${text(l.private?.reason)}`,
  'complaint.made': (l) => `${l.stream}: ${text(l.private?.reason)}`,
  'conversation.closed': (l) => text(l.private?.reason),
  'conversation.turned': (l) => `${text(l.body.turn)} ${text(l.private?.reason)}`,
  'task.added': (l) => `${text(l.private?.text)} for ${text(l.body.assignee)}, by ${dueAt(l)}: ${text(l.private?.why)}`,
  'task.moved': (l) => `to ${text(l.body.assignee)}, by ${dueAt(l)} ${text(l.private?.note)}`,
  'task.ended': (l) => `${text(l.body.state)} ${text(l.private?.note)}`,
  'gate.opened': (l) => `${text(l.private?.title)} ${l.stream}`,
  'gate.decided': (l) => `${text(l.body.outcome)} ${text(l.private?.reason)}`,
  'gate.closed': (l) => text(l.body.because),
  'effect.proposed': (l) =>
    `${text(l.body.action)}, ${text(l.body.risk)}, ${text(l.body.state)}: ${text(l.body.reason)}`,
  'effect.revised': () => 'changed by the operator before it was approved',
  'effect.held': (l) => `leaves at ${new Date(Number(l.body.dueAt)).toISOString()}`,
  'effect.dispatched': (l) => `try ${text(l.body.token)}`,
  'effect.retrying': (l) => `${text(l.body.code)}: ${text(l.private?.error)}`,
  'effect.settled': (l) =>
    `${text(l.body.state)} ${text((l.private?.output as { messageId?: string } | null)?.messageId)}`,
  'effect.stopped': (l) => `${text(l.body.state)}: ${text(l.private?.error)}`,
  'effect.undo': (l) => text(l.body.state),
  'personal.erased': (l) => `private parts of ${text(l.body.count)} events`,
}
