import { z } from 'zod'
import { complaint } from '../../context/complaints.ts'
import { findPrecedents, PRECEDENTS, readPrecedents, type Sought } from '../../context/precedents.ts'
import { newestSeq } from '../../store/index.ts'
import { FactotumError } from '../../lib/errors.ts'
import type { OpenCompany } from '../open.ts'
import { byId, operation, paged, reading } from '../operation.ts'
import { decisionList, decisionView, getDecision } from '../views/decisions.ts'
import { resolveId } from '../views/ids.ts'
import { soughtByDecision, soughtByGate } from '../views/precedents.ts'

const outcomes = z.enum(['approved', 'edited', 'rejected', 'reversed', 'complained', 'open'])

export const OUTCOME_OPERATIONS = {
  decisions: reading(
    'read',
    paged.extend({
      agent: z.string().optional(),
      stale: z.boolean().default(false),
      outcome: outcomes.optional(),
    }),
    (c, args) => decisionList(c.store, args, args),
  ),
  decision: reading('read', byId, async (c, { id }) => decisionView(c.store, await resolveId(c.store, 'decision', id))),
  precedents: reading(
    'read',
    z.object({
      of: z.string().min(1),
      agent: z.string().optional(),
      limit: z.int().min(1).max(50).default(PRECEDENTS),
    }),
    async (c, args) => readPrecedents(c.store, await findPrecedents(c.store, await soughtBy(c, args), args.limit)),
  ),
  complain: operation(
    'propose',
    byId.extend({ reason: z.string(), signal: z.string().optional() }),
    async (c, { id, reason, signal }) => {
      const subject = await resolveId(c.store, 'decision or effect', id)
      const message = signal === undefined ? null : await resolveId(c.store, 'record', signal)
      const by = { actor: 'operator', cause: await newestSeq(c.store, message ?? subject), signal: message }
      const event = await complaint(c.store, subject, reason, by)
      await c.store.commit({ key: `complain:${c.store.newId('key')}`, events: [event] })
      const { complaint: made, decisions } = event.body as { complaint: string; decisions: readonly string[] }
      return { id: made, subject, decisions, signal: message, reason }
    },
  ),
} as const

/** A decision, a gate, or the words of a case with the agent that would decide it. */
async function soughtBy(c: OpenCompany, { of, agent }: { of: string; agent?: string | undefined }): Promise<Sought> {
  if (agent !== undefined) return { agent, input: of }
  const id = await resolveId(c.store, 'decision or gate', of).catch((error: unknown) => {
    if (!(error instanceof FactotumError) || error.code !== 'id.not_found') throw error
    throw new FactotumError(
      'precedents.of',
      `"${of}" is no decision and no gate. For a case in words say whose: factotum precedents "${of.slice(0, 40)}" --agent NAME.`,
    )
  })
  if (!id.startsWith('gate_')) return soughtByDecision(c.store, await getDecision(c.store, id))
  const sought = await soughtByGate(c.store, await c.gates.get(id))
  if (!sought)
    throw new FactotumError('precedents.of', `Gate ${id} rests on no decision: nothing was decided before like it.`)
  return sought
}
