import { z } from 'zod'
import { forget, forgetPlan } from '../forget/forget.ts'
import { looking, operation, paged, reading } from '../operation.ts'
import { erasureList } from '../views/lists.ts'

const who = z.object({ who: z.string().trim().min(1), also: z.array(z.string()).max(1_000).default([]) })

export const ERASURE_OPERATIONS = {
  forgetPlan: looking('admin', who, (c, args) => forgetPlan(c, args.who, args.also)),
  forget: operation(
    'admin',
    who.extend({ binding: z.string(), end: z.boolean().default(false), snapshots: z.boolean().default(false) }),
    (c, args) => forget(c, args.who, args),
  ),
  erasures: reading('read', paged, (c, paging) => erasureList(c.store, paging)),
} as const
