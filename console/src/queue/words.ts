import type { Choice } from '../../../src/governance/gates.ts'

/** What the console calls each kind of item, in the singular and the plural. */
const KINDS: Readonly<Record<string, readonly [string, string]>> = {
  effect: ['Approval', 'Approvals'],
  decision: ['Decision', 'Decisions'],
  question: ['Question', 'Questions'],
  uncertain: ['Uncertain effect', 'Uncertain effects'],
  dead_letter: ['Dead letter', 'Dead letters'],
  failure: ['Failed run', 'Failed runs'],
  parked: ['Parked run', 'Parked runs'],
  contract: ['Changed service', 'Changed services'],
  plan: ['Plan', 'Plans'],
  conflict: ['Conflict of facts', 'Conflicts of facts'],
}

export function kindText(kind: string, many = false): string {
  return KINDS[kind]?.[many ? 1 : 0] ?? kind.replaceAll('_', ' ')
}

const RISKS: Readonly<Record<string, string>> = {
  read: 'Only reads',
  reversible: 'Can be taken back',
  compensable: 'Can be compensated',
  irreversible: 'Cannot be taken back',
}

export function riskText(risk: string): string {
  return RISKS[risk] ?? risk
}

/** What a key stands for at an item: one key a verb, whatever kind it is. */
export interface Verbs {
  /** Done at once, without a further word. */
  readonly approve: Choice | null
  readonly edit: Choice | null
  /** Needs a reason. */
  readonly reject: Choice | null
  /** Everything that may be chosen, where one key is not enough. */
  readonly choose: readonly Choice[]
}

const AT_ONCE = new Set(['effect', 'plan', 'decision', 'dead_letter'])

export function verbsOf(kind: string, choices: readonly Choice[]): Verbs {
  const plain = choices.find((c) => c.outcome === 'approve' || (kind === 'dead_letter' && c.outcome === 'retry'))
  return {
    approve: AT_ONCE.has(kind) ? (plain ?? null) : null,
    edit: choices.find((c) => c.outcome === 'edit') ?? choices.find((c) => c.needs === 'value') ?? null,
    reject: choices.find((c) => c.needs === 'reason') ?? null,
    choose: choices,
  }
}

/** Why something is rejected, most often: one press instead of a sentence. */
export const REASONS: readonly string[] = [
  'Wrong recipient or amount',
  'Wrong tone or wording',
  'Not now',
  'A person should do this',
  'It is a mistake',
]

/** What was decided, told when it is done. */
const SAID: Readonly<Record<string, string>> = {
  approve: 'Approved',
  edit: 'Edited and approved',
  reject: 'Rejected',
  answer: 'Answered',
  happened: 'Noted as done',
  retry: 'Tried again',
  close: 'Closed as failed',
  continue: 'Goes on',
  restart: 'Started over',
  compensate: 'Being taken back',
  cancel: 'Cancelled',
  keep: 'Kept what is believed',
  believe: 'Believed',
  end: 'Ended',
  accept: 'Accepted',
  pause: 'Paused',
}

export function saidText(outcome: string): string {
  return SAID[outcome] ?? outcome
}

/** The factotum command that decides the same. */
export function commandText(gates: string | readonly string[], outcome: string): string {
  const of = [gates].flat().join(' ')
  if (outcome === 'approve' || outcome === 'reject') return `factotum ${outcome} ${of}`
  if (outcome === 'edit') return `factotum approve ${of} --set field=value`
  if (outcome === 'answer') return `factotum answer ${of} VALUE`
  return `factotum decide ${of} ${outcome}`
}
