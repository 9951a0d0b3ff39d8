import type { Entries } from './entry.ts'

const ITEM = 'Choose an item of the queue that offers it.'

/** What is said to what waits. */
export const DECIDE = {
  approve: {
    summary: 'Approve what gates of one shape propose; with --set, change one first.',
    calls: ['approve <gate>… [--set field=value]…'],
    operations: ['decide', 'decideAll', 'input'],
    label: 'Approve',
    keys: ['a'],
    needs: ITEM,
  },
  edit: {
    label: 'Edit, then approve',
    keys: ['e'],
    as: 'approve <gate> --set <field=value>',
    operations: ['decide'],
    needs: ITEM,
  },
  reject: {
    summary: 'Refuse what gates of one shape propose, and say why.',
    calls: ['reject <gate>… --reason TEXT'],
    operations: ['decide', 'decideAll'],
    label: 'Reject, with a reason',
    keys: ['r'],
    needs: ITEM,
  },
  answer: {
    summary: 'Answer a question, or decide for an agent that was not sure.',
    calls: ['answer <gate> <value> [--reason TEXT]'],
    operations: ['decide'],
    label: 'Answer, or choose what to do',
    keys: ['Enter'],
    needs: ITEM,
  },
  decide: {
    summary: 'Choose any outcome that a gate offers, or several of one shape (retry, close, continue, …).',
    calls: ['decide <gate>… <outcome> [--value JSON] [--reason TEXT]'],
    operations: ['decide', 'decideAll'],
  },
  snooze: {
    summary: 'Put a gate out of sight until then: 2h, 3d. "now" brings it back.',
    calls: ['snooze <gate> <duration or now>'],
    operations: ['snooze', 'wake'],
    label: 'Snooze',
    keys: ['s'],
    needs: ITEM,
  },
  undo: {
    summary: 'Show what can be taken back and what cannot, then take it back.',
    calls: ['undo <effect, run or decision> [--yes]'],
    operations: ['undo', 'undoPlan'],
    label: 'Undo the last decision, or what is shown',
    keys: ['z'],
  },
} as const satisfies Entries
