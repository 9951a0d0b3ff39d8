import { COMPLAINT_EVENTS } from '../context/complaints.ts'
import { CONVERSATION_EVENTS } from '../context/conversations.ts'
import { DECISION_EVENTS } from '../context/decisions.ts'
import { DOCUMENT_EVENTS } from '../context/documents/documents.ts'
import { FACT_EVENTS } from '../context/facts.ts'
import { RETRACTION_EVENTS } from '../context/retractions.ts'
import { SIGNAL_EVENTS } from '../context/signals.ts'
import { TASK_EVENTS } from '../context/tasks.ts'
import { EFFECT_EVENTS } from '../execution/events.ts'
import { PROBE_EVENTS } from '../execution/probes.ts'
import { companyRestored } from '../execution/restored.ts'
import { THROTTLE_EVENTS } from '../execution/throttle.ts'
import { ACCESS_EVENTS } from '../governance/access/events.ts'
import { AUDIT_EVENTS } from '../governance/audits.ts'
import { ATTENTION_EVENTS } from '../governance/attention/attention.ts'
import { ERASURE_EVENTS } from '../governance/erasure/events.ts'
import { GATE_EVENTS } from '../governance/gates.ts'
import { PAUSE_EVENTS } from '../governance/pause.ts'
import { policyAdopted } from '../governance/policies/adopted.ts'
import { SPEND_EVENTS } from '../governance/spend/events.ts'
import { ORCHESTRATION_EVENTS } from '../orchestration/events.ts'
import { SNAPSHOT_EVENTS } from './snapshots/events.ts'
import { WAIT_EVENTS, type AnyEventKind } from '../store/index.ts'

/**
 * Grows with every change to what a projection writes for an event that companies already have: a company whose tables
 * were written under a lower number is rebuilt when it is opened.
 */
export const PROJECTIONS_VERSION = 3

/** Every kind of event that this program writes, with its projection: what a rebuild needs. */
export const ALL_EVENTS: readonly AnyEventKind[] = [
  ...WAIT_EVENTS,
  ...SIGNAL_EVENTS,
  ...FACT_EVENTS,
  ...DECISION_EVENTS,
  ...COMPLAINT_EVENTS,
  ...CONVERSATION_EVENTS,
  ...DOCUMENT_EVENTS,
  ...TASK_EVENTS,
  ...RETRACTION_EVENTS,
  ...GATE_EVENTS,
  ...PAUSE_EVENTS,
  policyAdopted,
  ...SPEND_EVENTS,
  ...ATTENTION_EVENTS,
  ...EFFECT_EVENTS,
  ...AUDIT_EVENTS,
  companyRestored,
  ...THROTTLE_EVENTS,
  ...PROBE_EVENTS,
  ...ORCHESTRATION_EVENTS,
  ...ERASURE_EVENTS,
  ...ACCESS_EVENTS,
  ...SNAPSHOT_EVENTS,
]
