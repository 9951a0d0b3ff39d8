import assert from 'node:assert/strict'
import type { OpenCompany } from '../../src/server/open.ts'
import { sql } from '../../src/store/index.ts'
import { sound } from '../crash/state.ts'
import { audit, readRecord, type Problem } from './audit.ts'
import type { Operator } from './operator.ts'
import type { World } from './world.ts'

const stuck = sql(`select id, state from run where ended_at is null
  and not exists (select 1 from gate where gate.run = run.id and gate.state = 'open')`)
const eventsOf = sql(
  `select e.seq, e.at, e.kind, e.actor, e.body, e.private from event e left join gate g on g.id = e.stream
   where e.stream = ? or g.subject = ? order by e.seq`,
)

export interface Found {
  /** Of the effects that write, by state. */
  readonly states: string
  /** By kind and outcome. */
  readonly gates: string
  /** In the service's books. */
  readonly entries: number
}

/** What must hold when everything that can end has ended. Throws what does not, with the story of each effect. */
export async function examine(world: World, operator: Operator, company: OpenCompany): Promise<Found> {
  await sound(company)
  const books = await world.books()
  const record = await readRecord(company.store)
  const problems = audit(books, record)
  if (problems.length > 0) throw new Error((await Promise.all(problems.map((p) => story(company, p)))).join('\n'))
  assert.deepEqual(await company.store.read(stuck()), [], 'every run ended or waits for the operator')
  for (const [gate, outcome] of operator.acknowledged)
    assert.equal(record.gates.get(gate)?.outcome, outcome, `what was acknowledged at ${gate} stays decided`)
  const asked = [...record.gates.values()].map((g) => `${g.kind} ${g.outcome ?? 'open'}`)
  return {
    states: counted(record.effects.filter((e) => !e.reads).map((e) => `${e.undo ? 'undo ' : ''}${e.state}`)),
    gates: counted(asked),
    entries: books.refunds.length + books.filed.length,
  }
}

function counted(names: readonly string[]): string {
  return [...Map.groupBy(names, (name) => name)].map(([name, all]) => `${all.length} ${name}`).join(', ')
}

/** What is wrong with an effect, and everything that the ledger says of it. */
async function story(company: OpenCompany, { text, effect }: Problem): Promise<string> {
  if (effect === null) return text
  const events = await company.store.read(eventsOf(effect, effect))
  return [text, ...events.map((e) => `  ${Object.values(e).join(' ')}`.slice(0, 500))].join('\n')
}
