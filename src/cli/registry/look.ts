import type { Entries } from './entry.ts'

/** Where one looks: the pages of the console first. */
export const LOOK = {
  today: { label: 'Today', keys: ['1'], as: 'status', operations: ['today'] },
  queue: {
    summary: 'What waits for you, with its evidence; one gate in full.',
    calls: ['queue [gate]'],
    operations: ['queue', 'gate', 'gates', 'due'],
    label: 'Queue',
    keys: ['2'],
  },
  history: { label: 'History', keys: ['3'], as: 'runs', operations: ['runs'] },
  company: { label: 'Company', keys: ['4'], as: 'facts', operations: ['entities'] },
  money: { label: 'Agents and money', keys: ['5'], as: 'costs', operations: ['costs'] },
  settings: { label: 'Settings', keys: ['6'], as: 'connectors', operations: ['connectors'] },
  status: { summary: 'What there is, and what waits.', calls: ['status'], operations: ['status'] },
  digest: {
    summary: 'What waits, what went by itself, what failed, what it cost, what comes next.',
    calls: ['digest [--since 7d]'],
    operations: ['digest'],
  },
  costs: {
    summary: 'What was spent, the forecast for the month, and what is left of each budget.',
    calls: ['costs [--by agent|tier|model|workflow|action|connector|outcome|day] [--month 2026-11] [--recall]'],
    operations: ['costs', 'recallCosts'],
  },
  why: {
    summary: 'The chain that led to something: message, decision, gate, effect, outcome.',
    calls: ['why <id>'],
    operations: ['why'],
    label: 'Events behind this page',
    keys: ['~', '`'],
  },
} as const satisfies Entries
