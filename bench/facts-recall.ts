import { DatabaseSync } from 'node:sqlite'
import { findFamily, lookupKey } from '../src/context/facts.ts'
import { indexState } from '../src/context/recall/indexing.ts'
import type { TestCompany } from '../src/testing.ts'
import { addressOf, loadMessages, numbers, writer } from './facts-load.ts'
import { percentile, round, type BenchOptions, type Row } from './report.ts'

const PARTIES = 2_000
/** The first of them pay for what is cached later, as the first question of a day does. */
const WARM = 50

export interface Sample {
  readonly wall: number[]
  readonly cpu: number[]
}

export async function timed(sample: Sample, work: () => unknown): Promise<void> {
  const [cpu, wall] = [process.cpuUsage(), performance.now()]
  await work()
  const { user, system } = process.cpuUsage(cpu)
  sample.wall.push(performance.now() - wall)
  sample.cpu.push((user + system) / 1_000)
}

/** p50 as the value, beside the bare one of the same work. Wall time, and the processor's where other work shares the machine. */
export function timing(name: string, { wall, cpu }: Sample, bare?: Sample): Row {
  const sorted = Float64Array.from(wall).sort()
  const busy = Float64Array.from(cpu).sort()
  const limit = bare && percentile(Float64Array.from(bare.wall).sort(), 0.5)
  return {
    case: name,
    value: round(percentile(sorted, 0.5)),
    unit: 'ms',
    ...(limit === undefined ? {} : { limit: round(limit), ratio: round(percentile(sorted, 0.5) / limit) }),
    p50_ms: round(percentile(sorted, 0.5)),
    p95_ms: round(percentile(sorted, 0.95)),
    p99_ms: round(percentile(sorted, 0.99)),
    cpu_p50_ms: round(percentile(busy, 0.5)),
    cpu_p95_ms: round(percentile(busy, 0.95)),
    n: wall.length,
  }
}

/** FTS5 as it comes, over the same texts in a file of its own: any word, the best fifty by its BM25. */
class BareSearch {
  readonly #db: DatabaseSync

  constructor(path: string, texts: ReadonlyMap<string, string>) {
    this.#db = new DatabaseSync(path)
    this.#db.exec('pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -32000')
    this.#db.exec('create virtual table t using fts5(name unindexed, text); begin')
    const insert = this.#db.prepare('insert into t (name, text) values (?, ?)')
    for (const [name, text] of texts) insert.run(name, text)
    this.#db.exec('commit')
  }

  find(question: string): void {
    const any = [...new Set(question.match(/\p{L}+/gu))].map((word) => `"${word}"`).join(' OR ')
    this.#db.prepare('select name, text from t where t match ? order by rank limit 50').all(any)
  }

  close(): void {
    this.#db.close()
  }
}

/** Questions of 6 to 20 words, of the whole company and of one customer each. */
export async function recallRows(company: TestCompany, messages: number, options: BenchOptions): Promise<Row[]> {
  const { store, recall } = company.open
  const texts = await loadMessages(store, messages, PARTIES)
  options.note(`${messages} messages are in`)
  await recall.upToDate()
  const { passages } = await indexState(store)
  options.note(`${passages} passages are indexed`)
  const bare = new BareSearch(`${company.folder}/bare.db`, texts)
  const random = numbers(11)
  const write = writer(random)
  const samples = { all: empty(), about: empty(), busiest: empty(), bare: empty() }
  const entities: string[] = []
  for (let n = 0; n < PARTIES; n++) {
    const found = await findFamily(store, 'customer', lookupKey(store, addressOf(n)))
    if (found) entities.push(found.whole)
  }
  for (let i = 0; i < (options.quick ? 100 : 400) + WARM; i++) {
    const query = write(6 + Math.floor(random() * 15))
    const one = entities[Math.floor(entities.length * random() ** 2)]!
    const into = (sample: Sample) => (i < WARM ? empty() : sample)
    await timed(into(samples.all), () => recall.recall({ query }))
    await timed(into(samples.about), () => recall.recall({ query, about: [one] }))
    await timed(into(samples.busiest), () => recall.recall({ query, about: [entities[0]!] }))
    await timed(into(samples.bare), () => bare.find(query))
  }
  bare.close()
  return [
    timing('recall, whole company', samples.all, samples.bare),
    timing('recall, about a customer', samples.about, samples.bare),
    timing('recall, about the one with most', samples.busiest, samples.bare),
  ].map((row) => ({ ...row, passages }))
}

export function empty(): Sample {
  return { wall: [], cpu: [] }
}
