import { dayOf } from '../../lib/calendar.ts'
import { moneyText, NO_CURRENCY } from '../../governance/spend/budgets.ts'
import { humanDuration } from '../../lib/durations.ts'
import { budgetText } from './costs.ts'
import type { Digest, Passed, WaitingGroup } from './digest.ts'
import { dueLines } from './due.ts'
import type { Figures } from './figures.ts'

/** What comes from outside may stand in a title: one line, and nothing that a terminal or a mail program acts on. */
function line(text: string, max = 100): string {
  const safe = text.replace(/[\s\p{C}\p{Zl}\p{Zp}]+/gu, ' ').trim()
  return safe.length > max ? `${safe.slice(0, max - 1)}…` : safe
}

export function timeText(at: number, zone: string): string {
  const time = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit' }).format(at)
  return `${dayOf(at, zone)} ${time}`
}

function times(n: number, of: string): string {
  return `${n} ${of}${n === 1 ? '' : 's'}`
}

function gatesIn(groups: readonly WaitingGroup[]): number {
  return groups.reduce((n, group) => n + group.gates.length, 0)
}

export function subjectOf(told: Digest): string {
  const parts = [
    ...(told.waiting.length > 0 ? [`${gatesIn(told.waiting)} waiting`] : []),
    ...(told.due.tasks.length > 0 ? [`${told.due.tasks.length} overdue`] : []),
    ...(told.failed.length > 0 ? [`${told.failed.length} failed`] : []),
    ...(told.due.snapshots.length > 0 ? ['snapshots late'] : []),
    ...(told.passed.length > 0 ? [`${told.passed.reduce((n, p) => n + p.n, 0)} passed by themselves`] : []),
  ]
  return `${line(told.company, 60)}: ${parts.join(', ') || 'digest'}`
}

export function passedText({ action, policies, n }: Passed): string {
  return `${n} ${action}, by ${policies.length === 0 ? 'default' : policies.map((p) => line(p)).join(', ')}`
}

export function waitingText(group: WaitingGroup, now: number, zone: string): string {
  const [oldest] = group.gates
  const more = group.gates.length - 1
  const expires = group.gates.map((g) => g.expiresAt).filter((at) => at !== null)
  return [
    `${group.kind.replaceAll('_', ' ')}, ${humanDuration(now - oldest!.openedAt)}: ${line(oldest!.title)}`,
    ...(more > 0 ? [`and ${more} like it`] : []),
    ...(expires.length > 0 ? [`expires ${timeText(Math.min(...expires), zone)}`] : []),
    oldest!.id,
  ].join(', ')
}

/** How the operator decided: how long it took, what was changed, refused and regretted, and what was not asked at all. */
function decisionsText(f: Figures): string[] {
  if (f.decided === 0) return []
  const parts = [
    `${times(f.decided, 'decision')}`,
    ...(f.medianSeconds === null ? [] : [`${Number(f.medianSeconds.toPrecision(2))} s each (median of ${f.timed})`]),
    ...(f.edited > 0 ? [`${f.edited} edited`] : []),
    ...(f.rejected > 0 ? [`${f.rejected} rejected`] : []),
    ...(f.withdrawn > 0 ? [`${f.withdrawn} stopped before they left`] : []),
    ...(f.reversed > 0 ? [`${f.reversed} taken back after they were done`] : []),
  ]
  const share = f.passedShare === null ? [] : [`${f.passed} of ${f.passed + f.asked} effects passed without a gate`]
  return [parts.join(', '), ...share]
}

/** A digest in plain lines, for a mail or a terminal. Sections without anything in them are left out. */
export function digestText(told: Digest): string[] {
  const { zone, at } = told
  const sections: [title: string, lines: string[]][] = [
    ['Asked again', told.askedAgain.map((g) => waitingText(g, at, zone))],
    [`Waiting for you: ${gatesIn(told.waiting)}`, told.waiting.map((g) => waitingText(g, at, zone))],
    ['Late', dueLines(told.due, at).map((l) => line(l, 200))],
    [
      'To review',
      told.factsDue.map(
        (g) =>
          `${times(g.n, 'fact')}: ${g.attribute} of ${g.kind}, ${g.n === 1 ? 'said' : 'the oldest said'} ${humanDuration(at - g.oldest)} ago: "factotum facts --due"`,
      ),
    ],
    [
      'Failed',
      told.failed.map(
        (f) =>
          `${f.kind.replaceAll('_', ' ')}: ${line(f.title)} (${line(f.reason)})${f.state === 'open' ? `, ${f.id}` : ', settled since'}`,
      ),
    ],
    ['Set aside', told.quarantined.map((s) => `${s.kind} from ${line(s.source)}: ${line(s.reason ?? '')}, ${s.id}`)],
    ['Passed by itself', told.passed.map(passedText)],
    ['Refused', told.refused.map(passedText)],
    [
      'Services',
      told.services.map(
        (s) => `${s.connector}: ${s.state}${s.code === null ? '' : ` (${line(s.code)})`}, ${timeText(s.at, zone)}`,
      ),
    ],
    [
      'Spent',
      told.costs.map(
        (c) =>
          `${c.currency === NO_CURRENCY ? '' : `${moneyText(c.micros, c.currency)} `}${c.meter}, ${c.tokens} tokens, ${times(c.uses, 'use')}`,
      ),
    ],
    ['Your decisions', decisionsText(told.decisions)],
    ['Budgets', told.budgets.map((b) => line(budgetText(b)))],
    ['Next', told.next.map((n) => `${timeText(n.at, zone)} ${n.what}`)],
  ]
  return [
    `${line(told.company)}, ${timeText(at, zone)} (${zone}), since ${timeText(told.since, zone)}`,
    ...(told.away ? [`You are away until ${timeText(told.away.until, zone)}.`] : []),
    ...(told.mail?.failure
      ? [`The last digest could not be mailed and is tried again: ${line(told.mail.failure, 300)}`]
      : []),
    ...sections
      .filter(([, lines]) => lines.length > 0)
      .flatMap(([title, lines]) => ['', title, ...lines.map((l) => `  ${l}`)]),
    ...(told.snoozed > 0 ? ['', `${times(told.snoozed, 'gate')} snoozed.`] : []),
  ]
}
