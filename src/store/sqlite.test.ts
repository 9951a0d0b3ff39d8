import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  existsSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { storeConformance } from './conformance.ts'
import { errorCode } from '../lib/errors.ts'
import { eventKind } from './events.ts'
import { sql } from './sql.ts'
import { openStore, type Store } from './store.ts'
import * as work from './work.ts'

const secret = new Uint8Array(32)
const folders: string[] = []
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'factotum-store-'))
  folders.push(folder)
  return folder
}
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })))

storeConformance('sqlite', async () => {
  const url = join(newFolder(), 'company.db')
  return { open: (clock) => openStore(clock ? { url, secret, clock } : { url, secret }), destroy: async () => {} }
})

const added = eventKind<{ n: number }, { text: string }>('test.added@1', (e) => [
  work.addWork(`${e.stream}:${e.body.n}`, 'run', 0),
])

test('the settings that make a commit durable are in force', async () => {
  const store = await openStore({ url: join(newFolder(), 'company.db'), secret })
  assert.deepEqual(await store.engine.durability(), { journal_mode: 'wal', synchronous: 2, secure_delete: 1 })
  await store.close()
})

test('a second process is refused while the first lives, and let in when it was killed', async () => {
  const url = join(newFolder(), 'company.db')
  const program = `
    import { openStore } from ${JSON.stringify(new URL('store.ts', import.meta.url).href)}
    const store = await openStore({ url: ${JSON.stringify(url)}, secret: new Uint8Array(32) }).catch((error) => error.code)
    console.log(typeof store === 'string' ? store : 'opened')
    if (typeof store !== 'string') setInterval(() => {}, 1000)`
  const start = async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [said] = (await once(child.stdout, 'data')) as [Buffer]
    return { child, said: String(said).trim() }
  }
  const first = await start()
  assert.equal(first.said, 'opened')
  const second = await start()
  assert.equal(second.said, 'store.locked')
  await assert.rejects(openStore({ url, secret }), { code: 'store.locked' })
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')
  await (await openStore({ url, secret })).close()
})

test('two that open at once take turns; a path that cannot be used is not called locked', async () => {
  const url = join(newFolder(), 'company.db')
  const program = `
    import { openStore } from ${JSON.stringify(new URL('store.ts', import.meta.url).href)}
    const store = await openStore({ url: ${JSON.stringify(url)}, secret: new Uint8Array(32) })
    console.log('opened')
    setTimeout(() => store.close(), 300)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  await (await openStore({ url, secret })).close()
  mkdirSync(join(newFolder(), 'company.db-owner'))
  for (const path of [join(folders.at(-1)!, 'company.db'), join(folders.at(-1)!, 'nowhere', 'company.db')]) {
    await assert.rejects(openStore({ url: path, secret }), {
      code: 'store.unreachable',
      message: /unable to open database file/,
    })
  }
  writeFileSync(join(newFolder(), 'company.db'), 'not a database'.repeat(500))
  await assert.rejects(openStore({ url: join(folders.at(-1)!, 'company.db'), secret }), { code: 'store.unreachable' })
})

test('a full disk is nobody’s fault and passes; what is wrong with one commit stays its own', async () => {
  const store = await openStore({ url: join(newFolder(), 'company.db'), secret })
  await store.commit({ key: 'first', events: [added('w', { n: 0 })] })
  const [pages] = await store.engine.queryText('pragma page_count', [])
  await store.engine.queryText(`pragma max_page_count = ${Number(pages!.page_count)}`, [])
  const large = (key: string) => ({ key, events: [added(key, { n: 1 }, { private: { text: 'x'.repeat(50_000) } })] })
  const results = await Promise.allSettled(['a', 'b'].map((key) => store.commit(large(key))))
  for (const result of results)
    assert.equal(result.status === 'rejected' && errorCode(result.reason), 'store.unreachable')
  const putMeta = sql('insert into meta (name, value) values (?, ?)')
  await assert.rejects(store.write([putMeta('m', 'x'.repeat(50_000))]), { code: 'store.unreachable' })
  await store.engine.queryText('pragma max_page_count = 100000', [])
  assert.deepEqual(
    (await Promise.all(['a', 'b'].map((key) => store.commit(large(key))))).map((r) => [r.seq, r.duplicate]),
    [
      [1, false],
      [2, false],
    ],
  )
  await assert.rejects(store.commit({ key: 'c', events: [added('a', { n: 1 })] }), { code: 'ERR_SQLITE_ERROR' })
  await store.close()
})

/** Commit `i` has two events and two rows of work; all of it or nothing may be found. */
async function wholeCommits(store: Store): Promise<number> {
  const seqs: number[] = []
  const ids: string[] = []
  for await (const rows of store.engine.events(0, await store.engine.head())) {
    for (const row of rows) {
      seqs.push(row.seq)
      ids.push(`${row.stream}:${(JSON.parse(row.body) as { n: number }).n}`)
    }
  }
  assert.deepEqual(
    seqs,
    seqs.map((_, i) => i),
  )
  assert.deepEqual(
    ids,
    seqs.map((_, i) => `w${i >> 1}:${i % 2}`),
  )
  const rows = await store.read<{ id: string }>(sql('select id from work')())
  assert.deepEqual(rows.map((r) => r.id).toSorted(), ids.toSorted())
  assert.equal(seqs.length % 2, 0)
  return seqs.length / 2
}

test('a torn or truncated log is opened to the last whole commit', async () => {
  const folder = newFolder()
  const url = join(folder, 'company.db')
  const store = await openStore({ url, secret })
  const sizes = [statSync(`${url}-wal`).size]
  for (let i = 0; i < 40; i++) {
    const events = [0, 1].map((n) => added(`w${i}`, { n }, { private: { text: 'x'.repeat(i * 50) } }))
    await store.commit({ key: `k${i}`, events })
    sizes.push(statSync(`${url}-wal`).size)
  }
  const size = sizes.at(-1)!
  let partial = 0
  const damaged = async (damage: (wal: string) => void): Promise<number> => {
    const copy = mkdtempSync(join(folder, 'copy-'))
    for (const file of ['company.db', 'company.db-wal']) cpSync(join(folder, file), join(copy, file))
    damage(join(copy, 'company.db-wal'))
    const opened = await openStore({ url: join(copy, 'company.db'), secret })
    const commits = await wholeCommits(opened)
    assert.equal((await opened.commit({ key: 'next', events: [added('w', { n: 9 })] })).seq, commits * 2)
    await opened.close()
    rmSync(copy, { recursive: true })
    if (commits > 0 && commits < 40) partial++
    return commits
  }
  /** How many commits lie wholly before a byte of the log. */
  const before = (byte: number): number => sizes.filter((s) => s <= byte).length - 1
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: sizes[0]!, max: size }), async (cut) => {
      assert.equal(await damaged((wal) => truncateSync(wal, cut)), before(cut))
    }),
    { numRuns: 30 },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: sizes[0]!, max: size - 1 }),
      fc.integer({ min: 1, max: 255 }),
      async (at, mask) => {
        const flip = (wal: string): void => {
          const bytes = readFileSync(wal)
          bytes[at]! ^= mask
          writeFileSync(wal, bytes)
        }
        assert.equal(await damaged(flip), before(at))
      },
    ),
    { numRuns: 30 },
  )
  assert(partial > 10, 'the damage hit the commits')
  await store.close()
})

test('what is erased is overwritten in the file', async () => {
  const url = join(newFolder(), 'company.db')
  const store = await openStore({ url, secret })
  const marker = 'a-secret-that-must-go'
  await store.commit({ key: 'k', events: [added('w', { n: 0 }, { private: { text: marker } })] })
  const found = (): boolean =>
    [url, `${url}-wal`].some((file) => existsSync(file) && readFileSync(file).includes(marker))
  assert(found())
  await store.write([sql('update event set private = null, salt = null where seq = ?')(0)])
  await store.close()
  assert(!found())
})
