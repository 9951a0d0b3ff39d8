import type { OpenCompany } from '../../src/server/open.ts'
import { operate } from '../../src/server/operations.ts'
import { sql, type Value } from '../../src/store/index.ts'

/** What the company believes and did, without what may differ between two histories of one story: ids, times, order. */
export type Business = Readonly<Record<string, readonly string[]>>

const QUERIES = {
  facts:
    sql(`select k.kind, k.label, f.attribute, f.value, case when f.ended_seq is null then 'now' else 'ended' end as held
    from fact f join entity_key k on k.entity = f.entity`),
  entities: sql('select kind, label from entity_key'),
  decisions: sql('select agent, tier, value from decision'),
  messages: sql('select m.conversation, m.direction, m.party, m.subject, m.text from message m'),
  runs: sql('select workflow, state, result, error_code, input from run'),
  effects: sql('select action, state, input, undoes from effect'),
  signals: sql('select kind, source, state, payload, reason from signal'),
  waits: sql(`select op, kind from wait where state = 'open'`),
  gates: sql(`select kind, title from gate where state = 'open'`),
  work: sql('select kind from work'),
} as const

/** `timed`: attributes of facts whose value is a time. */
export async function business(company: OpenCompany, timed: readonly string[] = []): Promise<Business> {
  const state: Record<string, string[]> = {}
  for (const [name, query] of Object.entries(QUERIES)) {
    const rows = await company.store.read(query())
    for (const row of rows) {
      if (name === 'facts' && timed.includes(String(row.attribute))) row.value = 'a time'
      if (name === 'effects' && row.undoes !== null) row.undoes = 'another'
    }
    state[name] = name === 'messages' ? threads(rows) : rows.map((row) => JSON.stringify(row)).toSorted()
  }
  return state
}

/** A conversation is known by what was said in it. */
function threads(rows: readonly Record<string, Value>[]): string[] {
  const said = new Map<Value | undefined, string[]>()
  for (const { conversation, ...message } of rows)
    said.set(conversation, [...(said.get(conversation) ?? []), JSON.stringify(message)])
  return [...said.values()].map((messages) => messages.toSorted().join(' | ')).toSorted()
}

/** Throws what there is in one and not in the other, and nothing else: whole states fill screens. */
export function assertSame(actual: Business, expected: Business, where: string): void {
  const lines = Object.keys(expected).flatMap((name) => {
    const left = [...actual[name]!]
    const missing = expected[name]!.filter((row) => {
      const at = left.indexOf(row)
      if (at >= 0) left.splice(at, 1)
      return at < 0
    })
    return [...missing.map((row) => `  missing ${name}: ${row}`), ...left.map((row) => `  too many ${name}: ${row}`)]
  })
  if (lines.length > 0)
    throw new Error(`Not as without a crash: ${where}\n${lines.map((l) => l.slice(0, 500)).join('\n')}`)
}

/** Nothing is left that waits for anybody: a wake-up that was lost would look like the end. */
export function assertOver(state: Business): void {
  const left = [
    ...state.work!,
    ...state.waits!,
    ...state.gates!,
    ...state.runs!.filter((r) => !/"state":"(done|cancelled)"/.test(r)),
    ...state.signals!.filter((s) => s.includes('"state":"new"')),
    ...state.effects!.filter((e) => /"state":"(gated|held|dispatched|retrying|uncertain|undoing)"/.test(e)),
  ]
  if (left.length > 0) throw new Error(`It is not over:\n${left.map((l) => `  ${l.slice(0, 300)}`).join('\n')}`)
}

/** What must hold after anything: the ledger verifies, and every projection rebuilds identically. */
export async function sound(company: OpenCompany): Promise<void> {
  const verified = (await operate(company, 'verify', {})) as { ok: boolean; problems: { message: string }[] }
  if (!verified.ok) throw new Error(verified.problems.map((p) => p.message).join('\n'))
  const doctor = (await operate(company, 'doctor', {})) as { identical: boolean; difference: string | null }
  if (!doctor.identical) throw new Error(doctor.difference ?? 'different')
}
