import type { Evidence } from '../../context/decisions.ts'
import type { Trust } from '../../context/signals.ts'
import type { Store } from '../../store/index.ts'
import type { Execution } from '../../execution/execution.ts'
import type { Agents } from '../agents/registry.ts'
import type { Driver } from '../driver.ts'

/** What the verbs of one drive share. */
export interface Services {
  readonly store: Store
  readonly driver: Driver
  readonly execution: Execution
  readonly agents: Agents
  /** The lowest label of anything this run has seen so far. */
  trust: Trust
  /** What this run has read so far, by reference: what its next decision or gate is shown with. */
  readonly seen: {
    signals: string[]
    facts: string[]
    decisions: string[]
    messages: string[]
    documents: string[]
    /** Passages that were recalled, see `spanId`. */
    spans: string[]
  }
}

export function evidenceOf(services: Services): Evidence {
  const { signals, facts, decisions, messages, documents, spans } = services.seen
  return {
    signals: [...signals],
    facts: [...facts],
    decisions: [...decisions],
    messages: [...messages],
    ...(documents.length > 0 ? { documents: [...documents] } : {}),
    ...(spans.length > 0 ? { spans: [...new Set(spans)] } : {}),
    policy: services.execution.policyVersion(),
  }
}
