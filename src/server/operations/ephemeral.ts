import { z } from 'zod'
import { held } from '../../context/ephemeral.ts'
import { lower, ownLabel } from '../../context/signals.ts'
import type { Duration } from '../../lib/durations.ts'
import { looking, operation, paged } from '../operation.ts'
import { page } from '../views/page.ts'

const inSession = z.object({ session: z.string().min(1), name: z.string().min(1) })

export const EPHEMERAL_OPERATIONS = {
  /** `owner`: a run's id, a session's own name, or its `session:…`. Values only where they are asked for. */
  scratch: looking(
    'admin',
    paged.extend({ owner: z.string().min(1).optional(), values: z.boolean().default(false) }),
    (c, { owner, values, ...paging }) =>
      page(paging, {
        order: z.tuple([z.string(), z.string(), z.string()]),
        read: (after, limit) => c.ephemeral.rows(owner, after, limit),
        place: (row) => [row.owner, row.name, row.slot],
        show(row) {
          const { value, ...shown } = held(row)
          return { ...shown, ...(values ? { value } : {}) }
        },
      }),
  ),
  /** Without an owner: all sessions, and what runs have read of them. */
  scratchClear: operation('admin', z.object({ owner: z.string().min(1).optional() }), async (c, { owner }) => ({
    cleared: await c.ephemeral.clear(owner),
  })),
  sessionGet: looking(
    'read',
    inSession,
    async (c, { session, name }) => (await c.ephemeral.get(session, name)) ?? null,
  ),
  sessionSet: operation(
    'propose',
    inSession.extend({
      value: z.json(),
      ttl: z.string().optional(),
      trust: z.enum(['operator', 'verified', 'outsider']).default('operator'),
    }),
    async (c, { session, name, value, ttl, trust }) => {
      await c.ephemeral.set(session, name, value, {
        trust: lower(trust, ownLabel()),
        ...(ttl === undefined ? {} : { ttl: ttl as Duration }),
      })
      return (await c.ephemeral.get(session, name)) ?? null
    },
  ),
  sessionDelete: operation('propose', inSession, async (c, { session, name }) => {
    await c.ephemeral.delete(session, name)
    return null
  }),
} as const
