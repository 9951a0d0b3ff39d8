/** What an action can do to the world, from nothing to something nobody can take back. */
export type Risk = 'read' | 'reversible' | 'compensable' | 'irreversible'

export interface Verdict {
  readonly outcome: 'run' | 'ask' | 'refuse'
  /** The policy that said so, and why: shown at the gate and kept in the record. */
  readonly reason: string
}

/** The rule that holds where no policy says otherwise: reads run, writes ask. */
export function verdict(risk: Risk): Verdict {
  return risk === 'read'
    ? { outcome: 'run', reason: 'default: reading changes nothing' }
    : { outcome: 'ask', reason: 'default: everything that changes the outside world asks first' }
}
