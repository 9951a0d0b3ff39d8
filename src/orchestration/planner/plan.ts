import { z } from 'zod'

export const MAX_STEPS = 50
/** How often a step may be done: longer lists are narrowed first. */
export const MAX_ITEMS = 200

/** What a reference may begin with beside the steps before it. */
export const TODAY = 'today'
export const ITEM = 'item'
export const KEY = 'key'

const Id = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,39}$/, 'a step has an id of small letters, digits and _')
  .refine((id) => ![TODAY, ITEM, KEY].includes(id), 'a step cannot be called today, item or key')
const Path = z.string().min(1).max(200)
const Each = z.strictObject({
  /** Where the list is: `overdue.invoices`. */
  list: Path,
  /** What tells an item from the others, a path in it: `id`. Default: its place. */
  key: Path.optional(),
})
const common = { id: Id, why: z.string().max(500).default('') }

const Condition = z.strictObject({
  field: Path,
  is: z.enum(['equal', 'not_equal', 'above', 'below', 'containing', 'older_than_days', 'younger_than_days']),
  value: z.union([z.string(), z.number(), z.boolean(), z.null()]),
})
export type Condition = z.infer<typeof Condition>

const Step = z.discriminatedUnion('kind', [
  z.strictObject({ ...common, kind: z.literal('act'), action: z.string(), input: z.unknown(), each: Each.optional() }),
  z.strictObject({
    ...common,
    kind: z.literal('run'),
    workflow: z.string(),
    input: z.unknown(),
    each: Each.optional(),
  }),
  z.strictObject({
    ...common,
    kind: z.literal('decide'),
    agent: z.string(),
    input: z.unknown(),
    each: Each.optional(),
  }),
  z.strictObject({
    ...common,
    kind: z.literal('ask'),
    question: z.string().min(1).max(500),
    options: z.array(z.string()).min(2).max(20).optional(),
    about: z.unknown().optional(),
  }),
  z.strictObject({
    ...common,
    kind: z.literal('filter'),
    list: Path,
    where: z.array(Condition).max(10).default([]),
    take: z.int().min(1).max(MAX_ITEMS).optional(),
  }),
  z.strictObject({ ...common, kind: z.literal('map'), list: Path, to: z.record(z.string(), z.unknown()) }),
])
export type Step = z.infer<typeof Step>

/** A typed list of steps: data, checked and gated before it runs. */
export const Plan = z.strictObject({
  summary: z.string().min(1).max(1_000),
  steps: z.array(Step).min(1).max(MAX_STEPS),
})
export type Plan = z.infer<typeof Plan>
