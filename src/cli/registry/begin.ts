import type { Entries } from './entry.ts'

/** What comes before there is anything else. */
export const BEGIN = {
  init: { summary: 'Make a company that runs.', calls: ['init <folder>'], operations: [] },
  start: {
    summary: 'Run the company; with --once until there is nothing left to do.',
    calls: [
      'start [folder] [--port N] [--once]',
      'start --public --host H (--tls-cert F --tls-key F | --behind-proxy https://NAME)',
    ],
    operations: [],
  },
} as const satisfies Entries
