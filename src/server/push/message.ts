import type { GateKind } from '../../governance/gates.ts'
import type { Says } from '../../governance/access/devices.ts'
import { timeText } from '../views/digest-text.ts'

/** A gate that a device was not told of yet. Times in epoch ms. */
export interface NewGate {
  readonly id: string
  readonly kind: GateKind
  readonly title: string | null
  readonly opened_at: number
  readonly opened_seq: number
  readonly expires_at: number | null
  readonly snoozed_until: number | null
}

/** What the service worker shows (`console/public/sw.js`). */
export interface Message {
  readonly title: string
  readonly body: string
  /** Of two with the same, the newer takes the place of the older. */
  readonly tag: 'urgent' | 'waiting' | 'test'
  /** What a click opens. */
  readonly url: string
}

const KINDS: Readonly<Record<GateKind, string>> = {
  uncertain: 'Nobody knows whether it happened',
  dead_letter: 'Approved, and not done',
  failure: 'A run failed',
  parked: 'A run is parked',
  contract: 'A service changed',
  effect: 'Waits for your yes',
  plan: 'A plan waits for your yes',
  question: 'A question',
  decision: 'A decision',
  conflict: 'Facts disagree',
}
/** What a lock screen shows of a text, about. */
const MAX_TITLE = 80
const MAX_LINE = 110
const MAX_LINES = 3

export const TEST_MESSAGE: Message = {
  title: 'Notifications work here',
  body: 'When something waits for you, this is how you hear of it.',
  tag: 'test',
  url: '/settings?lens=access',
}

/**
 * What is said of new gates, the most pressing of them first; `waiting`: how many wait in all. What somebody wrote is plain text,
 * cut, and without anything that cannot be seen. Where only a count is to be said, nobody's words are in it.
 */
export function messageOf(
  gates: readonly NewGate[],
  { says, urgent, waiting, zone }: { says: Says; urgent: boolean; waiting: number; zone: string },
): Message {
  const [first] = gates
  const tag = urgent ? 'urgent' : 'waiting'
  const url = `/queue?item=${first!.id}`
  const others = waiting - gates.length
  const rest = others > 0 ? `${others} more ${others === 1 ? 'waits' : 'wait'} in the queue.` : ''
  const count = gates.length === 1 ? 'A new item waits for you' : `${gates.length} new items wait for you`
  if (says === 'count') return { title: urgent ? `${count}: urgent` : count, body: rest, tag, url }
  if (gates.length === 1) {
    const { expires_at } = first!
    const until = expires_at === null ? '' : `Until ${timeText(expires_at, zone)}.`
    const body = [line(first!.title), [until, rest].filter((part) => part !== '').join(' ')]
    return { title: KINDS[first!.kind], body: body.filter((part) => part !== '').join('\n'), tag, url }
  }
  const lines = gates.slice(0, MAX_LINES).map((gate) => line(gate.title))
  const more = gates.length - lines.length
  if (more > 0) lines.push(`and ${more} more`)
  return { title: cut(count, MAX_TITLE), body: lines.join('\n'), tag, url }
}

function line(title: string | null): string {
  return cut(title === null ? '(erased)' : spoken(title), MAX_LINE)
}

/** One line of what can be seen: no control and format characters, no half of a character, no foreign line ends. */
function spoken(text: string): string {
  return text.replace(/[\s\p{C}\p{Zl}\p{Zp}\u3164\u115f\u1160\uffa0]+/gu, ' ').trim()
}

function cut(text: string, max: number): string {
  const characters = Array.from(text.slice(0, 4 * max))
  return characters.length > max ? `${characters.slice(0, max - 1).join('')}…` : text
}
