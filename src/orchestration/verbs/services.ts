import type { Evidence } from '../../context/decisions.ts'
import { both, type Trust, type Word } from '../../context/signals.ts'
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
  /** For whom it speaks: those whose words it has seen so far, see `Word`. */
  parties: readonly string[]
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

/** From here on the run is believed no more than what it has just seen, and speaks for those who said it, too. */
export function hear(services: Services, word: Parameters<typeof both>[1]): void {
  Object.assign(services, both(services, word))
}

/** As it speaks now. */
export function wordOf({ trust, parties }: Services): Word {
  return { trust, parties }
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
