import { z } from 'zod'
import { forecastMonth } from '../../governance/spend/costs.ts'
import { milliseconds, type Duration } from '../../lib/durations.ts'
import { audit } from '../../governance/audits.ts'
import { looking, none, operation, paged, reading } from '../operation.ts'
import { auditList } from '../views/audits.ts'
import { connectorViews } from '../views/connectors.ts'
import { budgetsNow } from '../views/costs.ts'
import { effectView } from '../views/effect.ts'
import { figures } from '../views/figures.ts'
import { resolveId } from '../views/ids.ts'
import { eventStory, ledger } from '../views/ledger.ts'
import { policiesShown, workflowsShown } from '../views/policy-figures.ts'
import { queueRows } from '../views/queue-rows.ts'
import { today } from '../views/today.ts'

/** How long the operator looked before deciding, ms; at most a day. */
export const lookedMs = z.int().min(0).max(86_400_000)

/** Pages as long as a screen or two. */
const longer = paged.extend({ limit: paged.shape.limit.unwrap().default(100) })

/** What the console is made of: docs/console.md says of what each number is made. */
export const CONSOLE_OPERATIONS = {
  today: reading('read', none, (c) => today(c)),
  queue: reading(
    'read',
    longer.extend({
      kind: z.string().optional(),
      shape: z.string().optional(),
      find: z.string().min(1).max(200).optional(),
      snoozed: z.boolean().default(false),
    }),
    (c, { limit, cursor, ...filter }) => queueRows(c.store, filter, { limit, cursor }),
  ),
  ledger: reading(
    'read',
    longer.extend({
      stream: z.string().optional(),
      kind: z.string().max(100).optional(),
      related: z.string().optional(),
    }),
    async (c, { limit, cursor, related, ...filter }) => {
      const of = related === undefined ? undefined : await resolveId(c.store, 'record', related)
      return ledger(c.store, { ...filter, related: of }, { limit, cursor })
    },
  ),
  event: reading('read', z.object({ seq: z.int().min(0) }), (c, { seq }) => eventStory(c.store, seq)),
  effect: reading('read', z.object({ id: z.string().min(1) }), async (c, { id }) =>
    effectView(c, await resolveId(c.store, 'effect', id)),
  ),
  figures: reading('read', z.object({ since: z.string().default('28d') }), (c, { since }) =>
    figures(c.store, c.store.clock.now() - milliseconds(since as Duration)),
  ),
  audits: reading('read', paged, (c, paging) => auditList(c, paging)),
  audit: operation(
    'decide',
    z.object({ id: z.string().min(1), verdict: z.enum(['right', 'wrong']), reason: z.string().optional() }),
    async (c, { id, verdict, reason = null }) => {
      const { effect, at } = await audit(c.store, await resolveId(c.store, 'effect', id), verdict, reason)
      return { effect, verdict, at }
    },
  ),
  budgets: reading('read', none, (c) => budgetsNow(c.spend)),
  forecast: reading('read', none, (c) => forecastMonth(c.store, c.store.clock.now(), c.spend.zone)),
  // Of what this process has open: the past has nothing of it.
  connectors: looking('read', none, (c) => connectorViews(c)),
  // Of the files as they are, and of the code that runs.
  policies: looking('read', none, (c) => policiesShown(c)),
  workflows: looking('read', none, (c) => workflowsShown(c)),
} as const
