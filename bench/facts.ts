/**
 * Facts and recall at the size of a company of years: a million statements (100,000 customers, five attributes, two versions each, so
 * one and a half million rows), then 100,000 messages. Through the real store, committed as the events that statements make; read
 * through what workflows read by. What is bare is the same query, prepared, on a connection of its own to the same file, or FTS5 on
 * the same texts. Times of the wall; `cpu_*` are the processor's, where other work shares the machine.
 */
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { factAt, factsAt, factsOf, findFamily, lookupKey, momentOf, versionsOf } from '../src/context/facts.ts'
import { FakeClock, testCompany, type TestCompany } from '../src/testing.ts'
import { addressOf, begin, Customer, loadConflicts, loadFacts, numbers, type LoadedFacts } from './facts-load.ts'
import { empty, recallRows, timed, timing, type Sample } from './facts-recall.ts'
import { type Bench, type BenchOptions, type Row } from './report.ts'

const ENTITIES = 100_000
const MESSAGES = 100_000
const WARM = 200

/** Measures both in turn, so that whatever else the machine does hits both. */
async function beside(
  name: string,
  times: number,
  real: (i: number) => Promise<unknown>,
  bare: (i: number) => unknown,
): Promise<Row> {
  const samples: [Sample, Sample] = [empty(), empty()]
  for (let i = 0; i < times + WARM; i++) {
    const [a, b] = i < WARM ? [empty(), empty()] : samples
    await timed(a, () => real(i))
    await timed(b, () => bare(i))
  }
  return timing(name, ...samples)
}

async function reads(company: TestCompany, { entities, between, from }: LoadedFacts, times: number): Promise<Row[]> {
  const { store } = company.open
  const db = new DatabaseSync(`${company.folder}/company.db`, { readOnly: true })
  const bare = (text: string) => {
    const statement = db.prepare(text)
    return (...values: SQLInputValue[]) => statement.all(...values)
  }
  const random = numbers(3)
  const order = Array.from({ length: times + WARM }, () => Math.floor(random() * entities.length))
  const id = (i: number) => entities[order[i]!]!
  const now = store.clock.now()
  const then = (await momentOf(store, { recorded: between })).recorded!
  const one = bare(`select * from fact where entity = ? and attribute = 'plan' and slot = '' and ended_seq is null
    and coalesce(valid_to, 9007199254740991) > ? and valid_from <= ?`)
  const oneThen = bare(`select * from fact where entity = ? and attribute = 'plan' and slot = '' and recorded_seq <= ?
    and (ended_seq is null or ended_seq > ?) and valid_from <= ? and (valid_to is null or valid_to > ?)`)
  const whole = bare(`select * from fact where entity = ? and ended_seq is null
    and coalesce(valid_to, 9007199254740991) > ? and valid_from <= ? order by attribute`)
  const wholeThen =
    bare(`select * from fact where entity = ? and recorded_seq <= ? and (ended_seq is null or ended_seq > ?)
    and valid_from <= ? and (valid_to is null or valid_to > ?) order by attribute`)
  const history = bare(`select * from fact where entity = ? and attribute = 'plan' order by recorded_seq`)
  const rows = [
    await beside(
      'point read, now',
      times,
      (i) => factAt(store, id(i), 'plan', { valid: now, recorded: null }),
      (i) => one(id(i), now, now),
    ),
    await beside(
      'point read, as recorded then',
      times,
      (i) => factAt(store, id(i), 'plan', { valid: between, recorded: then }),
      (i) => oneThen(id(i), then, then, between, between),
    ),
    await beside(
      'entity by its key, now',
      times,
      async (i) => {
        const found = await findFamily(store, 'customer', lookupKey(store, addressOf(order[i]!)))
        return factsOf(store, found!.members, { valid: now, recorded: null })
      },
      (i) => whole(id(i), now, now),
    ),
    await beside(
      'entity, as recorded then',
      times,
      (i) => factsAt(store, id(i), { valid: from, recorded: between }),
      (i) => wholeThen(id(i), then, then, from, from),
    ),
    await beside(
      'history of an attribute',
      times,
      (i) => versionsOf(store, id(i), 'plan'),
      (i) => history(id(i)),
    ),
  ]
  db.close()
  return rows
}

/** Statements one at a time: `check` is what it takes to know what they may replace; with the commit, the disk counts. */
async function asserts(company: TestCompany, { entities }: LoadedFacts, times: number): Promise<Row[]> {
  const { store } = company.open
  const random = numbers(5)
  const samples = { check: empty(), whole: empty(), refused: empty() }
  const span = { from: store.clock.now(), to: null }
  for (let i = 0; i < times + WARM; i++) {
    const of = i < WARM ? { check: empty(), whole: empty(), refused: empty() } : samples
    const id = entities[Math.floor(random() * entities.length)]!
    await timed(of.whole, async () => {
      const change = await begin(store, id, 'verified')
      await timed(of.check, () => change.assert('lastOrder', `order ${i}`, span))
      await store.commit({ key: `assert ${i}`, events: change.events, guards: change.guards })
    })
    await timed(of.refused, async () => {
      const change = await begin(store, id, 'outsider')
      if ((await change.assert('phone', `elsewhere ${i}`, span)) !== 'disputed') throw new Error('It replaced it.')
    })
  }
  return [
    timing('assert, the check alone', samples.check),
    timing('assert, checked and durable', samples.whole),
    timing('contradiction found', samples.refused),
  ]
}

export const bench: Bench = {
  name: 'facts',
  says:
    'A million statements about 100,000 customers, read now and as of then, and recall over 100,000 messages, on SQLite, without an encoder.\n' +
    'Limit: the same rows by a prepared statement of their own; for recall, FTS5 on the same texts.',
  async run(options: BenchOptions) {
    const { quick, note } = options
    const size = quick ? 20 : 1
    const clock = new FakeClock(Date.parse('2026-01-05T08:00:00Z'))
    await using company = await testCompany({ clock, entities: [Customer] })
    const { store } = company.open
    const began = performance.now()
    const loaded = await loadFacts(store, clock, ENTITIES / size)
    const conflicts = await loadConflicts(store, loaded.entities)
    const perSecond = (loaded.entities.length * 10 * 1_000) / (performance.now() - began)
    note(`facts are in: ${Math.round(perSecond)} statements a second, ${conflicts} conflicts`)
    const times = quick ? 500 : 5_000
    const rows = await reads(company, loaded, times)
    rows.push(...(await asserts(company, loaded, quick ? 200 : 1_000)))
    const facts = loaded.entities.length * 10
    note('facts are read')
    return [...rows.map((row) => ({ ...row, facts })), ...(await recallRows(company, MESSAGES / size, options))]
  },
}
