import { z } from 'zod'
import { isSampled, PASSED } from '../../governance/audits.ts'
import { sql, type Store } from '../../store/index.ts'
import type { OpenCompany } from '../open.ts'
import { effectTitle } from './effect.ts'
import { page, type Page, type Paging } from './page.ts'

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
  readonly settledAt: number
}

const notYet = sql(
  `select e.id, e.settled_at as at from effect e where e.settled_at >= ? and ${PASSED}
     and not exists (select 1 from audit a where a.effect = e.id)
   order by e.settled_at desc, e.id desc limit ${MOST}`,
)

interface Sampled {
  readonly id: string
  readonly at: number
}

/** Those of the last 28 days that are to be looked over, the newest first: one in ten, told by their ids. */
export async function sampled(store: Store, now: number): Promise<Sampled[]> {
  const rows = await store.read<Sampled>(notYet(now - LOOK_BACK_MS))
  return rows.filter(({ id }) => isSampled(id))
}

const effectOf = sql(
  `select id, action, state, risk, run, workflow, policies, input, proposed_at as "proposedAt", settled_at as "settledAt"
   from effect where id = ?`,
)
const byTime = z.tuple([z.int(), z.string()])
type Row = Omit<ToAudit, 'title' | 'policies'> & { readonly policies: string | null; readonly input: string | null }

export function auditList(c: OpenCompany, paging: Paging): Promise<Page<ToAudit>> {
  return page(paging, {
    order: byTime,
    async read(after, limit) {
      const all = await sampled(c.store, c.store.clock.now())
      const [at, id] = after ?? [Number.MAX_SAFE_INTEGER, '']
      const rest = all.filter((one) => one.at < at || (one.at === at && one.id < id)).slice(0, limit)
      return Promise.all(rest.map(async (one) => (await c.store.first<Row>(effectOf(one.id)))!))
    },
    place: (row) => [row.settledAt, row.id],
    show: ({ policies, input, ...row }) => ({
      ...row,
      title: effectTitle(c, { action: row.action, input }),
      policies: policies === null ? [] : (JSON.parse(policies) as string[]),
    }),
  })
}
