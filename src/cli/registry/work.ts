import type { Entries } from './entry.ts'

const PAGES = '[--limit N] [--cursor MORE]'

/** What runs in a company. */
export const WORK = {
  do: {
    summary: 'Plan how to reach a goal, and show the plan for approval. --plan: yours, without a model.',
    calls: ['do "<goal>" [--out FILE]', 'do --plan FILE'],
    operations: ['do', 'planned'],
  },
  launch: { summary: 'Start a workflow by hand.', calls: ['launch <workflow> [--input JSON]'], operations: ['start'] },
  ingest: {
    summary: 'Take in mail: .eml files, an mbox, a Maildir or a folder.',
    calls: ['ingest <file or folder>…'],
    operations: ['ingest'],
  },
  signals: {
    summary:
      'The newest of what came in; --state quarantined shows what was set aside, and why. One whole; saves what came with it.',
    calls: [`signals [--state STATE] ${PAGES}`, 'signals <signal> [[--file N] --out FILE]'],
    operations: ['signals', 'signal', 'file'],
  },
  release: {
    summary: 'Take in what had been set aside, so that it starts what reacts to it.',
    calls: ['release <signal> [--reason TEXT]'],
    operations: ['release', 'signal'],
  },
  runs: { summary: 'The newest runs.', calls: [`runs [--state STATE] ${PAGES}`], operations: ['runs'] },
  run: { summary: "One run's story, as a tree.", calls: ['run <run>'], operations: ['run'] },
  retry: {
    summary: 'Set a failed run going again, from the step that failed or an earlier one.',
    calls: ['retry <run> [--step NAME] [--input JSON] [--preview]'],
    operations: ['retry', 'runPlan'],
  },
  restart: {
    summary: 'Start a failed or parked run over, on other input where given; or from a step on.',
    calls: ['restart <run> [--from STEP] [--input JSON] [--preview]'],
    operations: ['restart', 'runPlan'],
  },
  cancel: {
    summary: 'End a run, its open gates, and every effect of it that has not left.',
    calls: ['cancel <run or effect> [--reason TEXT] [--preview]'],
    operations: ['cancel', 'runPlan'],
  },
  effects: {
    summary:
      'The newest effects: what left the company, or is about to; one with its tries and what undoing it would do.',
    calls: [`effects [effect] [--state STATE] ${PAGES}`],
    operations: ['effects', 'effect'],
  },
  audit: {
    summary: 'What passed without asking you and is to be looked over, one in ten; say whether it was right.',
    calls: [`audit ${PAGES}`, 'audit <effect> right|wrong [--reason TEXT]'],
    operations: ['audits', 'audit'],
  },
  dead: {
    summary: 'What stopped for good, by cause, and what trying it again would do.',
    calls: [`dead ${PAGES}`],
    operations: ['dead'],
  },
  redrive: {
    summary: 'Try dead letters again, after showing what that does.',
    calls: ['redrive <effect, group or all> [--preview] [--yes]'],
    operations: ['redrive', 'dead'],
  },
  closeDead: {
    summary: 'Close dead letters as failed: their runs go on with that.',
    calls: ['close <effect, group or all> --reason TEXT'],
    operations: ['closeDead'],
  },
} as const satisfies Entries
