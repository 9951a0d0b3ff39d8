/** What the context store keeps of somebody: facts, disputes, documents, tasks, complaints, sessions, the index, snapshots. */
import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readArchive } from '../../src/server/snapshots/read.ts'
import { sql } from '../../src/store/index.ts'
import type { TestCompany } from '../../src/testing.ts'
import { onEachStore } from '../each-store.ts'
import { live } from './living.ts'
import { REMEMBERED, remembered, tinyEncoder } from './memory.ts'
import { addressOf, asked, mailOf, office, secondOf, word, wordsLeft } from './office.ts'

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

/** The snapshots of a company as text, with what was compressed in them. */
async function inSnapshots(c: TestCompany, names: readonly string[]): Promise<Record<string, boolean>> {
  const held: Record<string, boolean> = {}
  for (const name of names) {
    let text = ''
    await readArchive(createReadStream(join(c.folder, 'data/snapshots', name)), c.open.keys.vkey, {
      events: async (rows) => void (text += JSON.stringify(rows)),
      blob: async (_hash, bytes) => void (text += bytes.toString('latin1')),
    })
    held[name] = /xannax/i.test(text)
  }
  return held
}

onEachStore(
  'a snapshot made after holds nothing of her; those made before are shown, and go where that is wanted',
  async (url) => {
    await using c = await office(url)
    await live(c, 'anna')
    const before = await c.ask('snapshotCreate', {})
    assert.deepEqual(await inSnapshots(c, [before.name]), { [before.name]: true })
    await c.advance('1s')
    const who = addressOf('anna')
    const plan = await c.ask('forgetPlan', { who })
    const { binding, snapshots } = plan
    assert.deepEqual(snapshots.names, [before.name])
    const kept = await c.ask('forget', { who, binding })
    assert.deepEqual([kept.snapshots.names, kept.snapshots.removed], [[before.name], []])
    // They are told of once, and not again among the files that --also takes.
    assert.doesNotMatch(JSON.stringify([plan.mentions, kept.mentions]), /\.factotum/)
    await c.advance('1s')
    // What an action wrote into the company's own folder is the operator's to delete.
    await rm(join(c.folder, 'letters'), { recursive: true })
    const again = await c.ask('forgetPlan', { who })
    const gone = await c.ask('forget', { who, binding: again.binding, snapshots: true })
    assert.deepEqual([gone.id, gone.snapshots.names, gone.snapshots.removed], [null, [], [before.name]])
    const now = (await c.ask('snapshotList', {})).snapshots.map((one) => one.name)
    assert.deepEqual(Object.values(await inSnapshots(c, now)), [false])
    assert.deepEqual(await wordsLeft(c.folder, url, 'anna'), [])
    await c.check()
  },
)

const vectors = sql('select hash, numbers from vector order by hash')

onEachStore(
  'what a model made of her words goes with them, and what is about others too is left to the operator',
  async (url) => {
    await using service = await tinyEncoder()
    await using c = await office(url, { encoder: service.encoder })
    await live(c, 'bert')
    await live(c, 'anna')
    const both = [addressOf('anna'), addressOf('bert')]
    const { id } = await c.ask('remember', { text: `${word('anna', 'shared')} and Bert say hello`, about: both })
    await c.ask('remember', { text: `${word('anna', 'alone')} says hello`, name: 'greeting', about: [both[0]!] })
    await c.ask('remember', { text: 'Everybody says hello', name: 'greeting' })
    for (const about of both) await c.ask('recall', { query: 'hello', about })
    const made = () => c.open.store.read<{ hash: string; numbers: Uint8Array }>(vectors())
    const before = await made()
    const plan = await c.ask('forgetPlan', { who: both[0]! })
    const others = plan.kept.find((one) => one.what === 'documents_about_others')
    assert.deepEqual(others?.ids, [`${id}@1`])
    await c.ask('forget', { who: both[0]!, binding: plan.binding })
    assert.deepEqual(
      new Set((await wordsLeft(c.folder, url, 'anna')).map((hit) => hit.split(' ')[0])),
      new Set(['shared', 'file']),
    )
    const more = await c.ask('forgetPlan', { who: both[0]!, also: others!.ids })
    await c.ask('forget', { who: both[0]!, also: others!.ids, binding: more.binding })
    const after = await made()
    const gone = before.filter((one) => after.every((left) => left.hash !== one.hash))
    assert.ok(gone.length >= 3 && after.length >= 1, JSON.stringify([gone.length, after.length]))
    const found = await c.ask('recall', { query: 'who says hello' })
    assert.ok(
      found.passages.some((one) => one.text === 'Everybody says hello'),
      'a later version that says nothing of her stays found',
    )
    await c.check()
    if (url === undefined)
      for (const name of await readdir(join(c.folder, 'data')).then((all) =>
        all.filter((n) => n.startsWith('company.db')),
      )) {
        const bytes = await readFile(join(c.folder, 'data', name))
        for (const { numbers } of gone) assert.equal(bytes.indexOf(numbers), -1, 'the numbers of a vector')
      }
  },
)

onEachStore('what is still open about her ends with it', async (url) => {
  await using c = await office(url)
  const who = addressOf('anna')
  await c.send(asked, { email: who, text: word('anna', 'form') }, { trust: 'outsider' })
  const said = { entity: who, attribute: 'phone', reason: 'she called' }
  await c.ask('factAssert', { ...said, value: word('anna', 'phone') })
  await c.send(
    asked,
    { email: who, text: word('anna', 'form'), phone: word('anna', 'disputed') },
    { trust: 'outsider' },
  )
  const [gate] = await c.queue()
  assert.equal(gate?.kind, 'conflict')
  assert.ok(gate.title.includes(who), gate.title)
  const task = await c.ask('addTask', { text: `${word('anna', 'promise')} waits`, by: '1d' })
  const plan = await c.ask('forgetPlan', { who, also: [task.id] })
  assert.deepEqual(plan.open.map((one) => one.what).sort(), ['gate', 'task'])
  await c.ask('forget', { who, also: [task.id], end: true, binding: plan.binding })
  assert.deepEqual([await c.queue(), await c.list('tasks', {})], [[], []])
  const left = await c.ask('gate', { id: gate.id })
  assert.equal(left.title, '(erased)')
  assert.ok(!JSON.stringify(left).includes(who), JSON.stringify(left))
  assert.deepEqual(new Set((await wordsLeft(c.folder, url, 'anna')).map((hit) => hit.split(' ')[0])), new Set())
  await c.check()
})

onEachStore('what tiers thought goes also where the operator never decided', async (url) => {
  await using c = await office(url)
  const inbox = await mkdtemp(join(tmpdir(), 'inbox-'))
  await writeFile(join(inbox, 'a.eml'), mailOf('anna', 1))
  await c.ingest(inbox)
  await rm(inbox, { recursive: true })
  assert.equal((await c.queue())[0]?.kind, 'decision')
  assert.ok((await wordsLeft(c.folder, url, 'anna')).some((hit) => hit.startsWith('opinion')))
  const who = addressOf('anna')
  const { binding } = await c.ask('forgetPlan', { who })
  await c.ask('forget', { who, end: true, binding })
  assert.deepEqual(await wordsLeft(c.folder, url, 'anna'), [])
  await c.check()
})
