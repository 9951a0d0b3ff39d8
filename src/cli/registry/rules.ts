import type { Entries } from './entry.ts'

/** What may leave, when, and who may ask. */
export const RULES = {
  pause: {
    summary: 'Let nothing leave: at all, of one workflow, or through one connector.',
    calls: ['pause [workflow or connector] [--reason TEXT]'],
    operations: ['pause'],
    label: 'Pause everything that leaves',
    keys: ['Shift+p'],
  },
  resume: {
    summary: 'Let it leave again.',
    calls: ['resume [workflow or connector]'],
    operations: ['resume'],
    label: 'Resume what is paused',
    keys: [],
    needs: 'Not everything is paused.',
  },
  connectors: {
    summary: 'Where the company acts outside: how each place does, what can be done there, and at what risk.',
    calls: ['connectors'],
    operations: ['connectors'],
  },
  policy: {
    summary: 'What may run without you: list, check the files, say what a verdict would be and why.',
    calls: [
      'policy list',
      'policy check',
      'policy test <effect>',
      'policy test <file.json>',
      'policy allow <gate> [--yes]',
    ],
    operations: ['policies', 'policyTest', 'policyProposal', 'policyAdopt'],
  },
  away: {
    summary: 'Say that you are away, or back; alone: what waits, what passes, what is refused meanwhile.',
    calls: ['away', 'away until <2026-12-01> [--reason TEXT]', 'away off'],
    operations: ['away', 'leave', 'comeBack'],
  },
  quiet: {
    summary: 'The quiet hours, in which no digest is sent and no device told but of what would end before they do.',
    calls: ['quiet'],
    operations: ['quiet'],
  },
  access: {
    summary:
      'Who may ask this company, and which devices it tells: sign in, let programs and guests in, sign people out.',
    calls: [
      'access link',
      'access token add <name> --scope read|propose|decide|admin [--until T]',
      'access token list',
      'access token revoke <id>',
      'access guest add <name> [--until T]',
      'access sessions',
      'access sign-out <id|all>',
      'access device list',
      'access device test <id>',
      'access device remove <id>',
    ],
    operations: [
      'tokens',
      'tokenAdd',
      'tokenRevoke',
      'guestAdd',
      'accessLink',
      'sessions',
      'sessionEnd',
      'pushDevices',
      'pushTest',
      'pushUnsubscribe',
    ],
  },
  signOut: { label: 'Sign out', keys: [] },
} as const satisfies Entries
