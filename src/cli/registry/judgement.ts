import type { Entries } from './entry.ts'

/** Who decided what, how it turned out, and what holds for the next time. */
export const JUDGEMENT = {
  agents: {
    summary: 'Who decides, at what price, and how often they were right; one with its newest decisions.',
    calls: ['agents [name] [--limit N]'],
    operations: ['agents', 'agent'],
  },
  decisions: {
    summary: 'The newest decisions: what was chosen, how it turned out, and what no longer holds.',
    calls: [
      'decisions [--agent NAME] [--stale] [--outcome approved|edited|rejected|reversed|complained|open] [--limit N] [--cursor MORE]',
    ],
    operations: ['decisions'],
  },
  decision: {
    summary: 'One decision: what else could have been, what it rests on, what it led to, how it turned out.',
    calls: ['decision <decision>'],
    operations: ['decision'],
  },
  precedents: {
    summary: 'What was decided before in a case like this, and how it turned out.',
    calls: ['precedents <decision, gate or text> [--agent NAME] [--limit N]'],
    operations: ['precedents'],
  },
  correct: {
    summary: 'Say what a decision should have been, so that its agent learns.',
    calls: ['correct <decision> <value> --reason TEXT'],
    operations: ['correct'],
  },
  complain: {
    summary: 'Record that somebody complained about a decision or an effect.',
    calls: ['complain <decision or effect> --reason TEXT [--message SIGNAL]'],
    operations: ['complain'],
  },
} as const satisfies Entries
