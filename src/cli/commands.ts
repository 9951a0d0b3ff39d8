import type { Command } from './command.ts'
import { access } from './commands/access.ts'
import { agents, correct } from './commands/agents.ts'
import { audit } from './commands/audit.ts'
import { away, digest, quiet } from './commands/attention.ts'
import { connectors } from './commands/connectors.ts'
import { conversation, conversations } from './commands/conversations.ts'
import { costs } from './commands/costs.ts'
import { close, dead, redrive } from './commands/dead.ts'
import { answer, approve, decide, reject, snooze } from './commands/decide.ts'
import { complain, decision, decisions, precedents } from './commands/decisions.ts'
import { doGoal } from './commands/do.ts'
import { doctor } from './commands/doctor.ts'
import { dossier } from './commands/dossier.ts'
import { effects } from './commands/effects.ts'
import { forget } from './commands/forget.ts'
import { ingest } from './commands/ingest.ts'
import { entity, fact, facts } from './commands/facts.ts'
import { init } from './commands/init.ts'
import { ledger } from './commands/ledger.ts'
import { pause, resume } from './commands/pause.ts'
import { policy } from './commands/policy.ts'
import { queue } from './commands/queue.ts'
import { document, documents, recall, remember } from './commands/recall.ts'
import { cancel, launch, restart, retry, run, runs } from './commands/runs.ts'
import { runbook } from './commands/runbook.ts'
import { scratch } from './commands/scratch.ts'
import { release, signals } from './commands/signals.ts'
import { snapshot } from './commands/snapshot.ts'
import { start } from './commands/start.ts'
import { status } from './commands/status.ts'
import { task, tasks } from './commands/tasks.ts'
import { undo } from './commands/undo.ts'
import { why } from './commands/why.ts'
import type { CliName } from './registry.ts'

/** What each command does: one for each that the registry has, and none besides. */
export const COMMANDS: { readonly [N in CliName]: Command<N> } = {
  init,
  start,
  do: doGoal,
  ingest,
  remember,
  documents,
  document,
  recall,
  signals,
  release,
  status,
  queue,
  approve,
  reject,
  answer,
  decide,
  snooze,
  launch,
  runs,
  run,
  retry,
  restart,
  cancel,
  facts,
  fact,
  entity,
  effects,
  undo,
  forget,
  audit,
  dead,
  redrive,
  close,
  pause,
  resume,
  scratch,
  agents,
  correct,
  decisions,
  decision,
  precedents,
  complain,
  conversations,
  conversation,
  tasks,
  task,
  why,
  costs,
  digest,
  away,
  quiet,
  connectors,
  policy,
  runbook,
  dossier,
  ledger,
  access,
  snapshot,
  doctor,
}
