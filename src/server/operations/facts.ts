import { z } from 'zod'
import { addKey, type AsOf } from '../../context/facts.ts'
import { operation, paged, reading } from '../operation.ts'
import { dueFacts, entityList, entityOf, entityView, historyView } from '../views/facts.ts'

const time = z.union([z.string().min(1), z.int()])
const who = z.string().min(1)
const said = z.object({ entity: who, attribute: z.string().min(1), reason: z.string().trim().min(1) })
const asOf = z.object({
  valid: time.optional(),
  /** An instant, or the number of an event. */
  recorded: z.union([time, z.object({ seq: z.int() })]).optional(),
})

/** Optional properties that are not there, instead of ones that are undefined. */
function given<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, v]) => v !== undefined)) as never
}

export const FACT_OPERATIONS = {
  entities: reading('read', paged, (c, paging) => entityList(c, paging)),
  facts: reading('read', z.object({ entity: who, asOf: asOf.default({}) }), (c, args) =>
    entityView(c, args.entity, given(args.asOf) as AsOf),
  ),
  factHistory: reading(
    'read',
    paged.extend({ entity: who, attribute: z.string().optional() }),
    (c, { entity, attribute, ...paging }) => historyView(c, entity, attribute, paging),
  ),
  factsDue: reading('read', paged, (c, paging) => dueFacts(c, paging)),
  factAssert: operation(
    'propose',
    said.extend({ value: z.json(), from: time.optional(), until: time.optional() }),
    async (c, { entity, attribute, value, reason, from, until }) => ({
      came: await c.facts.assert(await entityOf(c, entity), attribute, value, { reason, ...given({ from, until }) }),
    }),
  ),
  factCorrect: operation(
    'decide',
    said.extend({ value: z.json(), at: time.optional(), was: z.json().optional() }),
    async (c, { entity, attribute, value, reason, at, was }) => ({
      came: await c.facts.correct(await entityOf(c, entity), attribute, value, { reason, ...given({ at, was }) }),
    }),
  ),
  factEnd: operation(
    'decide',
    said.extend({ at: time.optional(), value: z.json().optional() }),
    async (c, { entity, attribute, reason, at, value }) => ({
      came: await c.facts.end(await entityOf(c, entity), attribute, { reason, ...given({ at, value }) }),
    }),
  ),
  factRetract: operation(
    'decide',
    said.extend({ at: time.optional(), value: z.json().optional() }),
    async (c, { entity, attribute, reason, at, value }) => ({
      came: await c.facts.retract(await entityOf(c, entity), attribute, { reason, ...given({ at, value }) }),
    }),
  ),
  entityMerge: operation(
    'decide',
    z.object({ into: who, member: who, reason: z.string().trim().min(1) }),
    async (c, args) => ({
      gates: await c.facts.merge(await entityOf(c, args.into), await entityOf(c, args.member), args.reason),
    }),
  ),
  entitySplit: operation(
    'decide',
    z.object({ member: who, reason: z.string().trim().min(1) }),
    async (c, { member, reason }) => {
      const id = await entityOf(c, member)
      await c.facts.split(id, reason)
      return { id }
    },
  ),
  entityKey: operation(
    'decide',
    z.object({ entity: who, key: z.string().trim().min(1) }),
    async (c, { entity, key }) => {
      const id = await entityOf(c, entity)
      await addKey(c.store, id, key)
      return { id }
    },
  ),
} as const
