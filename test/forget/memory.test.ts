/** What the context store keeps of somebody: facts, disputes, documents, tasks, complaints, sessions, the index, snapshots. */
import assert from 'node:assert/strict'
import { onEachStore } from '../each-store.ts'
import { live } from './living.ts'
import { REMEMBERED, remembered, tinyEncoder } from './memory.ts'
import { office, secondOf, wordsLeft } from './office.ts'

const ELSEWHERE = 'letters/anna.txt'
const ofBert = (hits: string[]) => hits.filter((hit) => !/^scratch|statistics/.test(hit))

onEachStore('no byte of her is left in what the company has learned', async (url) => {
  await using service = await tinyEncoder()
  await using c = await office(url, { encoder: service.encoder })
  await live(c, 'bert')
  await remembered(c, 'bert')
  await live(c, 'anna')
  const ofAnother = (await c.ask('agent', { name: 'triage', limit: 5 })).decisions.at(-1)!.id
  await remembered(c, 'anna', ofAnother)
  await c.check()
  const kinds = new Set((await wordsLeft(c.folder, url, 'anna')).map((hit) => hit.split(' ')[0]))
  for (const kind of REMEMBERED.split(' '))
    assert.ok(kinds.has(kind), `${kind} is nowhere: the test proves nothing of it`)
  const bert = await wordsLeft(c.folder, url, 'bert')

  const plan = await c.ask('forgetPlan', { who: secondOf('anna') })
  assert.deepEqual([plan.open, plan.mentions, plan.entities.length], [[], [], 2])
  const done = await c.ask('forget', { who: secondOf('anna'), binding: plan.binding })
  assert.deepEqual([done.mentions, done.unfinished], [[], null])
  await c.check()
  const left = (await wordsLeft(c.folder, url, 'anna')).filter((hit) => !hit.endsWith(ELSEWHERE))
  assert.deepEqual(left, [])
  assert.deepEqual(ofBert(await wordsLeft(c.folder, url, 'bert')), ofBert(bert))
})
