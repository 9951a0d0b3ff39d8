import type { Entries } from './entry.ts'

/** The record, its proofs, and keeping the company. */
export const RECORD = {
  verify: { label: 'Verify the ledger', keys: [], as: 'ledger verify', operations: ['verify'] },
  ledger: {
    summary: 'The record: its newest events, of one record or kind; verify it, export it, or prove one event.',
    calls: [
      'ledger list [--of RECORD] [--kind KIND] [--limit N] [--cursor MORE]',
      'ledger verify [--checkpoint F]…',
      'ledger verify --file F --key K',
      'ledger export <file> [--private]',
      'ledger prove <event>',
    ],
    operations: ['ledger', 'verify', 'export', 'prove'],
  },
  runbook: {
    summary: 'The operations manual, for a stand-in: every connector, action, workflow, and what to do.',
    calls: ['runbook [--out FILE]'],
    operations: ['runbook'],
  },
  dossier: {
    summary: 'The company for an investor, partner or successor: pages and proofs, nothing personal.',
    calls: ['dossier <folder>', 'dossier --check <folder> [--key K]'],
    operations: ['dossier'],
  },
  snapshot: {
    summary: 'Copy the whole company, look at copies, check them, bring one back.',
    calls: [
      'snapshot create [--to PLACE] [--with-keys] [--passphrase-file F]',
      'snapshot list [--to PLACE]',
      'snapshot drill [--to PLACE]',
      'snapshot show <file>',
      'snapshot diff <file> <file|now>',
      'snapshot verify <file> [--key K]',
      'snapshot restore <file> <folder> --keys DIR [--database URL]',
    ],
    operations: ['snapshotCreate', 'snapshotList', 'snapshotDrill', 'snapshotNow', 'snapshotProgress'],
  },
  doctor: {
    summary:
      'Rebuild every table from the ledger and compare, and the index with what it is of; with --rebuild, put it in place.',
    calls: ['doctor [--rebuild]'],
    operations: ['doctor', 'rebuild'],
  },
} as const satisfies Entries
