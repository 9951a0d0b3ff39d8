import { getConflict, settle, type Dispute, type Outcome } from '../context/facts.ts'
import { FactotumError } from '../lib/errors.ts'
import type { Cause, EventInput, Store } from '../store/index.ts'
import { gateClosed, gateOpened, type Choice, type Gates } from './gates.ts'

const KEEP: Choice = { outcome: 'keep', label: 'Keep what is believed' }

const CHOICES: Readonly<Record<Dispute['says'], readonly Choice[]>> = {
  value: [
    KEEP,
    { outcome: 'believe', label: 'Believe what was said against it' },
    { outcome: 'end', label: 'Neither: what was believed has ended' },
  ],
  merge: [
    KEEP,
    { outcome: 'believe', label: 'Believe the other one' },
    { outcome: 'end', label: 'Neither: both have ended' },
  ],
  end: [KEEP, { outcome: 'believe', label: 'Believe that it has ended' }],
  retract: [KEEP, { outcome: 'believe', label: 'Believe that it was never so' }],
}

const REASONS: Readonly<Record<Dispute['says'], string>> = {
  value: 'somebody says otherwise, and may not replace what is believed',
  merge: 'two that were merged say different things',
  end: 'somebody says that it has ended, and may not end it',
  retract: 'somebody says that it never was so, and may not take it back',
}

/**
 * Brings a conflict before the operator. What both sides say is looked up when it is shown: the gate holds none of it. Its title
 * names whom it is about, and is forgotten with them.
 */
export function conflictGate(dispute: Dispute, run: string | null = null, cause: Cause = null): EventInput {
  const { conflict, gate, attribute, kind, name, says, source, against, rival, digest } = dispute
  return gateOpened(
    gate!,
    {
      kind: 'conflict',
      subject: conflict,
      run,
      template: CHOICES[says],
      evidence: {
        signals: source?.startsWith('sig_') ? [source] : [],
        facts: rival === null ? against : [...against, rival],
        decisions: source?.startsWith('dec_') ? [source] : [],
        messages: [],
      },
      binding: digest,
      risk: null,
      reason: REASONS[says],
    },
    {
      private: {
        title: `Which is right: ${attribute} of ${name === null ? `a ${kind}` : `the ${kind} ${name}`}?`,
        proposal: { conflict },
      },
      cause,
    },
  )
}

/** Two that were merged and contradicted each other are two again. */
export function conflictMoot(gate: string): EventInput {
  return gateClosed(gate, { because: 'they are two again' })
}

/** What the operator's word on a conflict leads to: fact and conflict are settled in the commit of that word. */
export function registerConflictGates(store: Store, gates: Gates): void {
  gates.on('conflict', async (gate, decision) => {
    const conflict = await getConflict(store, gate.subject)
    if (!conflict) throw new FactotumError('fact.no_conflict', `There is no conflict ${gate.subject}.`)
    return settle(store, conflict, decision.outcome as Outcome, {
      actor: decision.by ?? 'operator',
      reason: decision.reason ?? null,
    })
  })
}
