import { isSampled, PASSED } from '../../governance/audits.ts'
import { sql, type Store } from '../../store/index.ts'
import type { OpenCompany } from '../open.ts'
import { effectTitle } from './effect.ts'
import { cursorOf, placeOf, type Page, type Paging } from './page.ts'
import { z } from 'zod'

/** What is older is not looked over any more: whoever looks now could not say whether it was right. */
const LOOK_BACK_MS = 28 * 86_400_000
/** So many of the newest that passed are gone through. */
const MOST = 5_000

/** One effect that passed without anybody being asked, as the list of effects has it. */
export interface ToAudit {
  readonly id: string
  readonly title: string
  readonly action: string
  readonly state: string
  readonly risk: string
  readonly run: string
  readonly workflow: string | null
  /** The policies that let it pass. */
  readonly policies: readonly string[]
  readonly proposedAt: number
  readonly settledAt: number | null
}

const notYet = sql(
  `select e.id from effect e where e.settled_at >= ? and ${PASSED}
     and not exists (select 1 from audit a where a.effect = e.id)
   order by e.settled_at desc, e.id desc limit ${MOST}`,
)

/** Those of the last 28 days that are to be looked over, the newest first: one in ten, told by their ids. */
export async function sampled(store: Store, now: number): Promise<string[]> {
  const rows = await store.read<{ id: string }>(notYet(now - LOOK_BACK_MS))
  return rows.map(({ id }) => id).filter(isSampled)
}

const effectOf = sql(
  `select id, action, state, risk, run, workflow, policies, input, proposed_at as "proposedAt", settled_at as "settledAt"
   from effect where id = ?`,
)
const place = z.tuple([z.string()])

export async function auditList(c: OpenCompany, { limit, cursor }: Paging): Promise<Page<ToAudit>> {
  const all = await sampled(c.store, c.store.clock.now())
  const after = placeOf(cursor, place)?.[0]
  const ids = all.slice(after === undefined ? 0 : all.indexOf(after) + 1, undefined).slice(0, limit)
  type Row = Omit<ToAudit, 'title' | 'policies'> & { readonly policies: string | null; readonly input: string | null }
  const items = await Promise.all(
    ids.map(async (id) => {
      const { policies, input, ...row } = (await c.store.first<Row>(effectOf(id)))!
      return {
        ...row,
        title: effectTitle(c, { action: row.action, input }),
        policies: policies === null ? [] : (JSON.parse(policies) as string[]),
      }
    }),
  )
  const last = ids.at(-1)
  return { items, next: last === undefined || last === all.at(-1) ? null : cursorOf([last]) }
}
