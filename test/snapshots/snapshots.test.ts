import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createReadStream, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { zstdDecompressSync } from 'node:zlib'
import { createHash } from 'node:crypto'
import { splitLines, verifyExport } from '../../src/governance/ledger/index.ts'
import { readArchive } from '../../src/server/snapshots/read.ts'
import { digestText } from '../../src/server/views/digest-text.ts'
import { onEachStore } from '../each-store.ts'
import { Shop, slow, states } from '../shop.ts'
import { goOn, keep, live, places, restoreTo, snapshotOf, stage } from './stage.ts'

onEachStore('a company is restored on either store and goes on where it was', async (url) => {
  const shop = new Shop()
  await using c = await stage(shop, url ? { url } : {})
  await live(c)
  const file = await snapshotOf(c)
  for (const place of await places()) {
    await using there = place
    const { manifest } = await restoreTo(c, file, there)
    assert.ok(existsSync(join(there.folder, 'company.ts')) && !existsSync(join(there.folder, '.env')))
    assert.ok(existsSync(join(there.folder, 'naïve and very long name '.repeat(5))))
    await using restored = await goOn(c, shop, there)
    await restored.check()
    const status = await restored.ask('status', {})
    assert.deepEqual([status.id, status.store], [c.open.store.companyId, there.name])
    assert.equal(status.events, manifest.events + 2)
    assert.deepEqual(
      status.paused.map((p) => p.scope),
      ['all'],
    )
    // The runs wait where they waited, with what they had recorded.
    const queue = await restored.queue()
    assert.equal(queue.length, 4)
    for (const gate of queue) await restored.decide('answer', { gate: gate.id, value: 'yes' })
    assert.deepEqual((await restored.ask('status', {})).runs, { done: 4 })
    // The same keys: what came in before is known, and what is new fits behind what was signed.
    await restored.run(keep, { n: 1 })
    await restored.check()
  }
})

onEachStore('what was held to leave is asked for again, and what had left is not sent again', async (url) => {
  const shop = new Shop()
  await using c = await stage(shop, url ? { url } : {})
  await live(c)
  await c.run(shop.buy(), [{ item: 'held', hold: '1m' }])
  const held = (await c.queue()).find((g) => g.kind === 'effect')!
  await c.decide('approve', { gate: held.id })
  const call = slow()
  // Real time: no call is given up while the snapshot is made.
  shop.timeout = 60_000
  shop.script = [call.behaviour]
  await c.run(shop.buy(), [{ item: 'sent', verb: 'print' }])
  const sent = (await c.queue()).find((g) => g.kind === 'effect')!
  await c.ask('decide', { id: sent.id, outcome: 'approve' })
  await call.begun
  const file = await snapshotOf(c)
  call.answer()
  await c.advance('3m')
  assert.deepEqual(await states(c), { held: 'succeeded', sent: 'succeeded' })
  const calls = shop.calls.length
  for (const place of await places()) {
    await using there = place
    await restoreTo(c, file, there)
    await using restored = await goOn(c, shop, there)
    await restored.advance('3m')
    assert.equal(shop.calls.length, calls, 'it is paused')
    await restored.ask('resume', {})
    await restored.advance('3m')
    assert.equal(shop.calls.length, calls, 'nothing was sent again')
    assert.deepEqual(await states(restored), { held: 'gated', sent: 'uncertain' })
    const again = (await restored.queue()).find((g) => g.kind === 'effect')!
    assert.match(again.reason, /restored from a snapshot/)
    await restored.decide('approve', { gate: again.id })
    await restored.advance('3m')
    assert.equal((await states(restored)).held, 'succeeded')
    await restored.check()
    shop.calls.length = calls
  }
})

onEachStore('what was about to be taken back is not taken back twice', async (url) => {
  const shop = new Shop()
  await using c = await stage(shop, url ? { url } : {})
  await live(c)
  const run = await c.run(shop.buy(), [{ item: 'one' }, { item: 'two' }, { item: 'three' }])
  for (const gate of (await c.queue()).filter((g) => g.kind === 'effect')) await c.decide('approve', { gate: gate.id })
  for (let left = 2; left > 0; left--) {
    const next = (await c.queue()).find((g) => g.kind === 'effect')!
    await c.decide('approve', { gate: next.id })
  }
  await c.ask('pause', {})
  const plan = await c.ask('undoPlan', { id: run })
  await c.ask('undo', { id: run, binding: plan.binding })
  await c.idle()
  const file = await snapshotOf(c)
  await c.ask('resume', {})
  await c.advance('3m')
  assert.equal(shop.called('undo').length, 3)
  for (const place of await places()) {
    await using there = place
    await restoreTo(c, file, there)
    await using restored = await goOn(c, shop, there)
    await restored.ask('resume', {})
    await restored.advance('3m')
    assert.equal(shop.called('undo').length, 3, 'nothing was taken back again')
    // One follows the other, and each is asked for when its turn comes.
    for (const outcome of ['happened', 'retry', 'happened']) {
      const asked = (await restored.queue()).filter((g) => g.kind === 'uncertain')
      assert.equal(asked.length, 1)
      assert.match(JSON.stringify(asked[0]!.proposal), /restored from a snapshot/)
      await restored.decide(outcome, { gate: asked[0]!.id })
      await restored.advance('3m')
    }
    assert.equal(shop.called('undo').length, 4)
    assert.deepEqual(Object.keys((await restored.ask('status', {})).effects).sort(), ['succeeded', 'undone'])
    await restored.check()
    shop.calls.splice(
      shop.calls.findLastIndex((call) => call.startsWith('undo')),
      1,
    )
  }
})

test('an outsider reads it with tar and zstd, and its ledger verifies by the key alone', async (t) => {
  await using c = await stage(new Shop())
  await live(c)
  const file = await snapshotOf(c)
  const out = join(c.folder, 'data/out')
  await mkdir(out)
  execFileSync('tar', ['-xf', file, '-C', out])
  const manifest = JSON.parse(await readFile(join(out, 'manifest.json'), 'utf8')) as {
    events: number
    blobs: number
    parts: [string, number, string][]
  }
  for (const [name, size, sha256] of manifest.parts) {
    const bytes = await readFile(join(out, name))
    assert.deepEqual([bytes.length, createHash('sha256').update(bytes).digest('hex')], [size, sha256])
  }
  const parts = (await readdir(join(out, 'ledger'))).sort()
  const ledger = Buffer.concat(
    await Promise.all(parts.map(async (name) => zstdDecompressSync(await readFile(join(out, 'ledger', name))))),
  )
  const report = await verifyExport(splitLines([ledger]), c.open.keys.vkey)
  assert.ok(report.ok && report.size === manifest.events)
  const blobs = await readdir(join(out, 'blobs'))
  assert.equal(blobs.length, manifest.blobs)
  for (const name of blobs)
    assert.equal(
      createHash('sha256')
        .update(await readFile(join(out, 'blobs', name)))
        .digest('hex'),
      name,
    )
  // The signature is over everything in front of its own header, which stands 512 bytes before its content.
  const bytes = await readFile(file)
  const note = await readFile(join(out, 'signature'), 'utf8')
  const end = bytes.lastIndexOf(note) - 512
  assert.equal(createHash('sha256').update(bytes.subarray(0, end)).digest('base64'), note.split('\n')[2])
  t.diagnostic(`${bytes.length} bytes, ${parts.length} parts`)
})

test('one byte changed anywhere, one missing or one more is found, and nothing is restored', async () => {
  await using c = await stage(new Shop())
  await live(c)
  const bytes = await readFile(await snapshotOf(c))
  const read = (changed: Buffer) => readArchive(Readable.from([changed]), c.open.keys.vkey)
  assert.ok(await read(bytes))
  const where = Array.from({ length: 400 }, (_, i) => Math.floor(((i + Math.random()) * bytes.length) / 400))
  for (const at of where) {
    const changed = Buffer.from(bytes)
    changed[at] = changed[at]! ^ (1 << (at % 8))
    await assert.rejects(read(changed), `byte ${at} of ${bytes.length}`)
  }
  for (const changed of [bytes.subarray(0, -1), bytes.subarray(0, 5_000), Buffer.concat([bytes, Buffer.alloc(1)])])
    await assert.rejects(read(changed), { code: 'archive.damaged' })
  for (const place of await places()) {
    await using there = place
    const file = join(c.folder, 'data/damaged.factotum')
    const changed = Buffer.from(bytes)
    changed[bytes.length - 3_000] = 1 ^ changed[bytes.length - 3_000]!
    await writeFile(file, changed)
    await assert.rejects(restoreTo(c, file, there))
    assert.deepEqual(await readdir(dirname(there.folder)), [])
    // And the database is as empty as it was.
    await writeFile(file, bytes)
    await restoreTo(c, file, there)
  }
})

test('a restore that could not be put in place at the end goes on from there', async () => {
  const shop = new Shop()
  await using c = await stage(shop)
  await live(c)
  const file = await snapshotOf(c)
  const bytes = await readFile(file)
  for (const place of await places()) {
    await using there = place
    const inTheWay = join(there.folder, 'in the way')
    const archive = async function* () {
      yield bytes
      await mkdir(there.folder)
      await writeFile(inTheWay, '')
    }
    await assert.rejects(restoreTo(c, file, there, { archive: archive() }), { code: 'snapshot.not_empty' })
    await rm(inTheWay)
    await restoreTo(c, file, there, { archive: Readable.from([bytes]) })
    assert.deepEqual(await readdir(dirname(there.folder)), ['company'])
    const again = await goOn(c, shop, there)
    await again.check()
    await again.close()
  }
})

test('keys are in it only under a passphrase, and those of another company are refused', async () => {
  const shop = new Shop()
  await using c = await stage(shop)
  await live(c)
  await assert.rejects(c.open.snapshots.create({ passphrase: 'short' }), { code: 'snapshot.weak_passphrase' })
  const { to, name } = await c.open.snapshots.create({ passphrase: 'correct horse battery' })
  const file = join(to, name)
  const bytes = await readFile(file)
  const secret = (await readFile(join(c.folder, 'data/keys/company.key'), 'utf8')).trim()
  assert.ok(!bytes.includes(secret) && !bytes.includes('canary'))
  const [place] = await places()
  await using there = place!
  const by = (passphrase: string) => ({ keys: { from: 'archive', passphrase, vkey: c.open.keys.vkey } }) as const
  await assert.rejects(restoreTo(c, file, there, by('wrong horse battery')), { code: 'snapshot.wrong_passphrase' })
  await restoreTo(c, file, there, by('correct horse battery'))
  assert.equal((await readFile(join(there.folder, 'data/keys/company.key'), 'utf8')).trim(), secret)
  await assert.rejects(restoreTo(c, file, there), { code: 'snapshot.not_empty' })

  await using other = await stage(new Shop())
  const [second] = await places()
  await using elsewhere = second!
  await assert.rejects(restoreTo(other, file, elsewhere))
  const without = await snapshotOf(c)
  await assert.rejects(restoreTo(c, without, elsewhere, by('correct horse battery')), { code: 'snapshot.no_keys' })
  assert.deepEqual(await readdir(dirname(elsewhere.folder)), [])
})

test('snapshots are made by the clock, thinned out and tried, and what was missed is made once', async () => {
  await using c = await stage(new Shop(), {
    snapshots: { every: '1d', keep: { daily: 3, weekly: 2 }, drill: '7d' },
  })
  await live(c)
  const days = async (count: number) => {
    for (let day = 0; day < count; day++) {
      c.clock.advance(86_400_000)
      await c.idle()
    }
  }
  await days(10)
  const list = await c.ask('snapshotList', {})
  assert.ok(list.snapshots.length >= 3 && list.snapshots.length <= 5, `${list.snapshots.length}`)
  assert.equal(list.drill?.passed, true)
  const before = list.snapshots[0]!.name
  c.clock.advance(5 * 86_400_000)
  await c.idle()
  const later = (await c.ask('snapshotList', {})).snapshots.map((s) => s.name)
  assert.equal(later.indexOf(before), 1, 'one for the five days')
  await c.check()
  // A folder that is gone, and is a file now: it is seen, tried again, and over when it is put right.
  const folder = join(c.folder, 'data/snapshots')
  await rm(folder, { recursive: true })
  await writeFile(folder, '')
  await days(1)
  assert.match((await c.ask('status', {})).snapshots.failure ?? '', /EEXIST|ENOTDIR/)
  c.clock.advance(2 * 3_600_000)
  await c.idle()
  assert.deepEqual(
    (await c.ask('due', {})).snapshots.map((s) => s.what),
    ['snapshot'],
  )
  assert.match(digestText(await c.ask('digest', {})).join(' '), /snapshot, overdue for/)
  await rm(folder)
  c.clock.advance(3_600_000)
  await c.idle()
  assert.equal((await c.ask('status', {})).snapshots.failure, null)
  assert.deepEqual((await c.ask('due', {})).snapshots, [])
  assert.equal((await c.ask('snapshotList', {})).snapshots.length, 1)
  await c.check()
})

test('companies that keep their snapshots in one place leave each other theirs', async (t) => {
  const to = await mkdtemp(join(tmpdir(), 'factotum-shared-'))
  t.after(() => rm(to, { recursive: true, force: true }))
  await using one = await stage(new Shop(), { snapshots: { to, every: '1d', keep: { daily: 1 } } })
  await using other = await stage(new Shop(), { snapshots: { to } })
  await live(one)
  await live(other)
  const file = await snapshotOf(other)
  for (let day = 0; day < 3; day++) {
    one.clock.advance(86_400_000)
    await one.idle()
  }
  assert.ok(existsSync(file), 'thinning out is of its own')
  const mine = (await one.ask('snapshotList', {})).snapshots.map((s) => join(to, s.name))
  assert.equal(mine.length, 1)
  assert.ok(!mine.includes(file))
  assert.equal((await other.ask('snapshotDrill', {})).passed, true)
})

test('the record has the name of the place, nowhere the path of this machine, and a folder elsewhere is found', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'factotum-elsewhere-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const to = join(root, 'my backups')
  await using c = await stage(new Shop())
  await live(c)
  const made = await c.ask('snapshotCreate', { to })
  await snapshotOf(c)
  assert.equal((await c.ask('snapshotDrill', { to })).passed, true)
  const { name } = made
  const who = 'c1@example.org'
  const { binding } = await c.ask('forgetPlan', { who })
  await c.ask('forget', { who, binding, end: true })
  await c.open.snapshots.removeErased()
  const kept = (await c.ask('snapshotList', { to })).snapshots.map((s) => s.name)
  assert.deepEqual([made.to, kept], [to, [name]])
  assert.ok(await readArchive(createReadStream(join(to, name)), c.open.keys.vkey))
  const events: { kind: string; body: string; private: string | null }[] = []
  for await (const rows of c.open.store.engine.events(0, await c.open.store.engine.head()))
    events.push(...rows.filter((e) => e.kind.startsWith('snapshot.')))
  assert.deepEqual(
    events.map((e) => [e.kind, (JSON.parse(e.body) as { to: string }).to]),
    [
      ['snapshot.made@1', 'my backups'],
      ['snapshot.made@1', 'data/snapshots'],
      ['snapshot.drilled@1', 'my backups'],
      ['snapshot.removed@1', 'data/snapshots'],
    ],
  )
  assert.doesNotMatch(JSON.stringify(events), new RegExp(tmpdir()))
  await c.check()
})

test('a copy leaves the snapshots of the original alone until the operator lets it go on', async (t) => {
  const to = await mkdtemp(join(tmpdir(), 'factotum-shared-'))
  t.after(() => rm(to, { recursive: true, force: true }))
  const snapshots = { to, every: '1d', keep: { daily: 1 } } as const
  const shop = new Shop()
  await using c = await stage(shop, { snapshots })
  await live(c)
  const file = await snapshotOf(c)
  const [place] = await places()
  await using there = place!
  await restoreTo(c, file, there)
  await c.close()
  const before = await readdir(to)
  await using copy = await stage(shop, {
    folder: there.folder,
    url: join(there.folder, 'data/company.db'),
    clock: c.clock,
    snapshots,
  })
  const day = async () => {
    copy.clock.advance(86_400_000)
    await copy.idle()
  }
  await day()
  assert.deepEqual(await readdir(to), before)
  await copy.ask('resume', { scope: 'all' })
  await day()
  assert.notDeepEqual(await readdir(to), before)
  await copy.check()
})

test('what was killed while it was made or tried goes with an erasure, and with the next drill', async () => {
  await using c = await stage(new Shop())
  await live(c)
  await snapshotOf(c)
  const drill = join(c.folder, 'data/drill-killed')
  const unfinished = join(c.folder, 'data/snapshots/x.factotum.unfinished')
  await mkdir(join(drill, 'company'), { recursive: true })
  await utimes(drill, 0, 0)
  assert.equal((await c.ask('snapshotDrill', {})).passed, true)
  const drills = async () => (await readdir(join(c.folder, 'data'))).filter((name) => name.startsWith('drill-'))
  assert.deepEqual(await drills(), [])
  await mkdir(join(drill, 'company'), { recursive: true })
  await writeFile(unfinished, '')
  const who = 'c1@example.org'
  const { binding } = await c.ask('forgetPlan', { who })
  assert.equal((await c.ask('forget', { who, binding, end: true })).unfinished, null)
  assert.deepEqual([await drills(), existsSync(unfinished)], [[], false])
  await c.check()
})

test('a drill finds an archive that rotted', async () => {
  await using c = await stage(new Shop())
  await live(c)
  await assert.rejects(c.ask('snapshotDrill', {}), { code: 'snapshot.none' })
  const file = await snapshotOf(c)
  assert.equal((await c.ask('snapshotDrill', {})).passed, true)
  const bytes = await readFile(file)
  bytes[9_000] = bytes[9_000]! ^ 1
  await writeFile(file, bytes)
  assert.equal((await c.ask('snapshotDrill', {})).passed, false)
  assert.equal((await c.ask('status', {})).snapshots.drill?.passed, false)
  await c.check()
})

test('where the database is committed and the folder could not be put in place, the same command finishes it', async () => {
  await using c = await stage(new Shop())
  await live(c)
  const file = await snapshotOf(c)
  for (const place of (await places()).filter((p) => p.url !== undefined)) {
    await using there = place
    // Somebody puts a file there after it was looked at: the rename, which comes after the commit, cannot be made.
    const onProgress = () => {
      mkdirSync(there.folder, { recursive: true })
      writeFileSync(`${there.folder}/x`, '')
    }
    await assert.rejects(restoreTo(c, file, there, { onProgress }), { code: 'snapshot.not_empty' })
    await rm(there.folder, { recursive: true })
    const never = Readable.from([]) as AsyncIterable<Uint8Array>
    const { manifest } = await restoreTo(c, file, there, { archive: never })
    await using restored = await goOn(c, new Shop(), there)
    assert.equal((await restored.ask('status', {})).events, manifest.events + 2)
    await restored.check()
  }
})
