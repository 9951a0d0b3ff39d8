import type { Command } from './command.ts'
import { answer, approve, decide, reject } from './commands/decide.ts'
import { doctor } from './commands/doctor.ts'
import { ingest } from './commands/ingest.ts'
import { init } from './commands/init.ts'
import { ledger } from './commands/ledger.ts'
import { queue } from './commands/queue.ts'
import { cancel, restart, retry, run, runs } from './commands/runs.ts'
import { signals } from './commands/signals.ts'
import { start } from './commands/start.ts'
import { status } from './commands/status.ts'
import { why } from './commands/why.ts'

/** Every command, in the order that help shows them. */
export const COMMANDS: readonly Command[] = [
  init,
  start,
  ingest,
  signals,
  status,
  queue,
  approve,
  reject,
  answer,
  decide,
  runs,
  run,
  retry,
  restart,
  cancel,
  why,
  ledger,
  doctor,
]
