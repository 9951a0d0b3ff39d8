import { pauses } from '../../governance/pause.ts'
import { sql } from '../../store/index.ts'
import type { OpenCompany } from '../open.ts'

interface ServiceRow {
  readonly connector: string
  readonly state: 'working' | 'broken'
  readonly code: string | null
  readonly until: number | null
  readonly changed_at: number
}

const services = sql('select connector, state, code, until, changed_at from service')
const openContracts = sql(`select subject, id from gate where kind = 'contract' and state = 'open'`)
const lastDone = sql(
  `select max(settled_at) as at from effect where state = 'succeeded' and settled_at >= ? and action like ? escape '!'`,
)
const DAY_MS = 86_400_000

/** One connector as this company has it. */
export interface ConnectorView {
  readonly name: string
  /** Where it goes to, without secrets. */
  readonly to: string
  readonly actions: readonly { readonly name: string; readonly risk: string; readonly undo: boolean }[]
  readonly signals: readonly string[]
  /** `broken`: it failed again and again, and nothing is sent before `until`. `closed`: this process has not opened it. */
  readonly health: 'working' | 'broken' | 'closed'
  /** Of the failure that broke it. */
  readonly code: string | null
  readonly until: number | null
  /** Since when its health is so, where anything is recorded of it. */
  readonly since: number | null
  readonly paused: boolean
  /** The gate that waits because the service changed what it says of itself. */
  readonly contractGate: string | null
  /** When an effect of it last succeeded, within a day. */
  readonly lastDoneAt: number | null
}

export async function connectorViews(c: OpenCompany): Promise<ConnectorView[]> {
  const { store } = c
  const rows = new Map((await store.read<ServiceRow>(services())).map((row) => [row.connector, row]))
  const paused = new Set((await pauses(store)).map((p) => p.scope))
  const contracts = await store.read<{ subject: string; id: string }>(openContracts())
  const told = new Map(c.describeConnectors().map(({ name, to }) => [name, to]))
  const day = store.clock.now() - DAY_MS
  return Promise.all(
    c.company.connectors.map(async ({ name, actions, signals }): Promise<ConnectorView> => {
      const row = rows.get(name)
      const done = await store.first<{ at: number | null }>(lastDone(day, `${name.replaceAll(/[!%_]/g, '!$&')}.%`))
      return {
        name,
        to: told.get(name) ?? '',
        actions: actions.map((a) => ({ name: a.action, risk: a.risk, undo: a.undo !== undefined })),
        signals: signals.map((s) => s.signal),
        health: row?.state === 'broken' ? 'broken' : told.get(name) === 'not open' ? 'closed' : 'working',
        code: row?.state === 'broken' ? row.code : null,
        until: row?.state === 'broken' ? row.until : null,
        since: row?.changed_at ?? null,
        paused: paused.has('all') || paused.has(`connector:${name}`),
        contractGate: contracts.find(({ subject }) => subject === `service:${name}`)?.id ?? null,
        lastDoneAt: done?.at ?? null,
      }
    }),
  )
}
