import assert from 'node:assert/strict'
import { join } from 'node:path'
import pg from 'pg'
import { splitLines, verifyExport } from '../../src/governance/ledger/index.ts'
import { createReadStream } from 'node:fs'
import { onEachStore } from '../each-store.ts'
import { live } from './living.ts'
import { addressOf, office, wordsLeft } from './office.ts'

/** PostgreSQL keeps samples of what it stores, when it comes to it. */
async function sample(url: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query('analyze')
  await client.end()
  assert.ok((await wordsLeft(null, url, 'anna')).some((hit) => hit.includes('statistics')))
}

const EVERYWHERE =
  'address fromname subject body attname attachment topic opinion operatortopic name wish newwish stepblob child childstep steperror question option delegated draft draftbecause edited reason file result corrected complaint form plan formresult'
// Working state that is over is cleared out of the files by and by.
const ofBert = (hits: string[]) => hits.filter((hit) => !/^scratch|statistics/.test(hit))
const WHERE_SHE_IS_KEPT = ['letters/anna.txt']

onEachStore('she asks to be forgotten: no byte of her is left, and everything else is', async (url) => {
  await using c = await office(url)
  await live(c, 'anna')
  await live(c, 'bert')
  await c.check()
  const before = await wordsLeft(c.folder, url, 'anna')
  const kinds = new Set(before.map((hit) => hit.split(' ')[0]))
  for (const kind of EVERYWHERE.split(' '))
    assert.ok(kinds.has(kind), `${kind} is nowhere: the test proves nothing of it`)
  const bert = await wordsLeft(c.folder, url, 'bert')
  if (url) await sample(url)

  const plan = await c.ask('forgetPlan', { who: addressOf('anna') })
  assert.deepEqual(plan.open, [])
  assert.deepEqual(plan.mentions, [])
  const done = await c.ask('forget', { who: addressOf('anna'), binding: plan.binding })
  assert.deepEqual(done.mentions, [])
  await c.check()
  assert.deepEqual(
    (await wordsLeft(c.folder, url, 'anna')).filter((hit) => !WHERE_SHE_IS_KEPT.some((file) => hit.endsWith(file))),
    [],
  )
  const bertNow = await wordsLeft(c.folder, url, 'bert')
  assert.deepEqual(ofBert(bertNow), ofBert(bert))

  const file = join(c.folder, 'export.jsonl')
  const { vkey } = await c.ask('export', { file, private: true })
  const report = await verifyExport(splitLines(createReadStream(file)), vkey)
  assert.ok(report.ok, JSON.stringify(report))
})
