import { z } from 'zod'
import { allErasures, type ErasureReport, type ErasureRow } from '../../governance/erasure/events.ts'
import { forget, forgetPlan } from '../forget/forget.ts'
import { none, looking, operation, reading } from '../operation.ts'

const who = z.object({ who: z.string().trim().min(1), also: z.array(z.string()).max(1_000).default([]) })

export const ERASURE_OPERATIONS = {
  forgetPlan: looking('admin', who, (c, args) => forgetPlan(c, args.who, args.also)),
  forget: operation(
    'admin',
    who.extend({ binding: z.string(), end: z.boolean().default(false), snapshots: z.boolean().default(false) }),
    (c, args) => forget(c, args.who, args),
  ),
  erasures: reading('read', none, async (c) =>
    (await c.store.read<ErasureRow>(allErasures())).map((row) => {
      const { entities, counts, kept, sent } = JSON.parse(row.report) as ErasureReport
      return { id: row.id, at: row.erased_at, state: row.state, by: row.actor, entities, counts, kept, sent }
    }),
  ),
} as const
