import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, link, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { ActionContext } from '../../src/connector.ts'
import { makeFolders } from './fake.ts'
import { files } from './index.ts'

async function opened(t: TestContext, allow: readonly string[] = ['site']) {
  const root = await mkdtemp(join(tmpdir(), 'factotum-files-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const world = await makeFolders(root)
  const site = join(root, 'site')
  const connection = await files.folder({ allow }).open({ dataFolder: join(root, 'data') })
  const ctx = (key: string): ActionContext => ({
    key,
    token: 1,
    laneToken: null,
    proposedAt: 0,
    connection,
    signal: new AbortController().signal,
  })
  return {
    world,
    root,
    site,
    ctx,
    write: (path: string, content: string, key = path) =>
      files.write.run(files.write.input.parse({ path, content }), ctx(key)),
    takeBack: (done: Awaited<ReturnType<typeof files.write.run>>) =>
      files.write.undo!({ path: '', content: '', encoding: 'utf8' }, done, ctx('undo')),
  }
}

test('no path leads out by its name', () => {
  for (const path of [
    '',
    '/etc/passwd',
    '..',
    'site/..',
    'site/../data/keys',
    './site',
    'site//x',
    'site/',
    'site\\..\\x',
    'site/\0',
    'site/a\nb',
    'C:\\x',
    `site/${'x'.repeat(256)}`,
    `site${'/x'.repeat(40)}`,
  ]) {
    assert.equal(files.write.input.safeParse({ path, content: '' }).success, false, JSON.stringify(path))
    assert.equal(files.read.input.safeParse({ path }).success, false)
    assert.equal(files.delete.input.safeParse({ path }).success, false)
    assert.equal(files.move.input.safeParse({ from: 'site/a', to: path }).success, false)
  }
})

test('only the allowed folders are touched, whatever is called like them', async (t) => {
  const { write, world, root } = await opened(t)
  await mkdir(join(root, 'site-old'))
  const before = await world.files()
  for (const path of ['site-old/a', 'other/a', 'a', 'company.ts', 'data/keys/secret', 'site'])
    await assert.rejects(write(path, 'x'), { kind: 'domain', code: 'files.outside' })
  assert.deepEqual(await world.files(), before)
})

test('a folder that holds the data, or lies in it, is not allowed, through a link either', async (t) => {
  const { root } = await opened(t)
  await symlink(join(root, 'data'), join(root, 'innocent'))
  await symlink(root, join(root, 'all'))
  const open = (...allow: string[]) => files.folder({ allow }).open({ dataFolder: join(root, 'data') })
  for (const folder of ['data', 'data/keys', 'innocent', 'all', '.', '..', '/tmp'])
    await assert.rejects(open(folder), { kind: 'domain', code: 'files.bad_folder' }, folder)
  assert.throws(() => files.folder({ allow: [] }), { code: 'files.bad_folder' })
})

test('what says what the company may do, and what it runs, is not allowed either', async (t) => {
  const { root } = await opened(t)
  await mkdir(join(root, 'policies', 'old'), { recursive: true })
  await symlink(join(root, 'policies'), join(root, 'harmless'))
  const open = (folder: string) => files.folder({ allow: [folder] }).open({ dataFolder: join(root, 'data') })
  for (const folder of ['policies', 'policies/old', 'harmless', 'workflows', 'connectors/crm', 'node_modules'])
    await assert.rejects(open(folder), { kind: 'domain', code: 'files.bad_folder' }, folder)
  for (const path of ['site/.git/hooks/post-commit', 'site/.GIT/config', 'site/way/.git', '.git/config'])
    assert.equal(files.write.input.safeParse({ path, content: '' }).success, false, path)
  assert.equal(files.write.input.safeParse({ path: 'site/.gitignore', content: '' }).success, true)
})

test('a link leads nowhere: not as a file, not as a folder on the way', async (t) => {
  const { write, site, root, ctx } = await opened(t)
  const outside = join(root, 'outside')
  await mkdir(outside)
  await writeFile(join(outside, 'secret'), 'secret')
  await symlink(outside, join(site, 'way'))
  await symlink(join(outside, 'secret'), join(site, 'file'))
  await symlink(join(outside, 'new'), join(site, 'dangling'))
  for (const path of ['site/way/secret', 'site/way/new', 'site/way/deep/new', 'site/file', 'site/dangling']) {
    await assert.rejects(write(path, 'x'), { kind: 'domain', code: 'files.not_a_file' }, path)
    await assert.rejects(files.read.run({ path }, ctx('r')), { kind: 'domain', code: 'files.not_a_file' })
    await assert.rejects(files.delete.run({ path }, ctx(`d${path}`)), { kind: 'domain', code: 'files.not_a_file' })
    await assert.rejects(files.move.run({ from: path, to: 'site/x' }, ctx(`m${path}`)), { code: 'files.not_a_file' })
    await assert.rejects(files.move.run({ from: 'site/index.html', to: path }, ctx(`t${path}`)), {
      code: 'files.not_a_file',
    })
  }
  assert.deepEqual(await readdir(outside), ['secret'])
  assert.equal(await readFile(join(outside, 'secret'), 'utf8'), 'secret')
})

test('a folder that is exchanged for a link all the time is never followed', async (t) => {
  const { write, site, root } = await opened(t)
  const outside = join(root, 'outside')
  await mkdir(outside)
  const way = join(site, 'way')
  let over = false
  let linked = 0
  const exchanging = (async () => {
    while (!over) {
      await rm(way, { recursive: true, force: true }).catch(() => {})
      await symlink(outside, way).then(
        () => linked++,
        () => {},
      )
      await rm(way, { force: true }).catch(() => {})
      await mkdir(way).catch(() => {})
    }
  })()
  for (let i = 0; i < 200; i++) await write(`site/way/${i}`, 'x').catch(() => {})
  over = true
  await exchanging
  assert.ok(linked > 0)
  assert.deepEqual(await readdir(outside), [])
})

test('what is no plain file is left alone', async (t) => {
  const { write, site, ctx } = await opened(t)
  await mkdir(join(site, 'folder'))
  execFileSync('sh', ['-c', 'mkfifo "$1"', 'sh', join(site, 'pipe')])
  for (const path of ['site/folder', 'site/pipe', 'site/index.html/below']) {
    await assert.rejects(write(path, 'x'), { kind: 'domain', code: 'files.not_a_file' }, path)
    await assert.rejects(files.read.run({ path }, ctx('r')), { kind: 'domain' }, path)
  }
})

test('a file outside that has a second name inside keeps its content', async (t) => {
  const { write, site, root } = await opened(t)
  await writeFile(join(root, 'elsewhere'), 'mine')
  await link(join(root, 'elsewhere'), join(site, 'same'))
  await write('site/same', 'new')
  assert.equal(await readFile(join(root, 'elsewhere'), 'utf8'), 'mine')
})

test('a write leaves no half file behind, keeps the permissions, and its undo puts back every byte', async (t) => {
  const { world, site, root, takeBack, ctx } = await opened(t)
  const bytes = Buffer.from([0, 255, 13, 10, 0xc3, 0x28])
  await writeFile(join(site, 'logo'), bytes)
  await chmod(join(site, 'logo'), 0o750)
  const before = await world.files()
  const input = { path: 'site/logo', content: '/w==', encoding: 'base64' } as const
  const done = await files.write.run(input, ctx('k'))
  assert.deepEqual([...(await readFile(join(site, 'logo')))], [255])
  assert.equal((await stat(join(site, 'logo'))).mode & 0o777, 0o750)
  assert.deepEqual((await readdir(site)).toSorted(), ['index.html', 'logo'])
  const kept = join(root, 'data', 'files-kept')
  for (const name of await readdir(kept)) assert.equal((await stat(join(kept, name))).mode & 0o777, 0o600)
  assert.equal((await stat(kept)).mode & 0o777, 0o700)
  await takeBack(done)
  assert.deepEqual(await world.files(), before)
})

const WRITER = `
  import { files } from ${JSON.stringify(new URL('index.ts', import.meta.url).href)}
  const connection = await files.folder({ allow: ['site'] }).open({ dataFolder: process.argv[1] })
  const ctx = { token: 1, laneToken: null, proposedAt: 0, connection, signal: new AbortController().signal }
  for (let i = 0; ; i++) {
    const content = (i % 2 ? 'a' : 'b').repeat(3_000_000)
    await files.write.run({ path: 'site/index.html', content, encoding: 'utf8' }, { ...ctx, key: process.pid + ' ' + i })
    if (i === 1) console.log('going')
  }`

test('a process that is killed while it writes leaves the file whole, and the next one clears up', async (t) => {
  const { site, root, write } = await opened(t)
  for (let i = 0; i < 4; i++) {
    const args = ['--conditions=factotum-source', '--input-type=module-typescript', '-e', WRITER, join(root, 'data')]
    const writer = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(writer.stdout, 'data')
    await delay(i * 7)
    writer.kill('SIGKILL')
    await once(writer, 'exit')
    const content = await readFile(join(site, 'index.html'), 'latin1')
    assert.equal(content.length, 3_000_000)
    assert.ok(content === content[0]!.repeat(content.length))
  }
  for (const letter of ['a', 'b']) await write('site/index.html', letter.repeat(3_000_000), letter)
  assert.deepEqual(await readdir(site), ['index.html'])
})

test('an undo leaves alone what someone else has changed since, and folders that hold more now', async (t) => {
  const { world, site, write, takeBack } = await opened(t)
  const done = await write('site/index.html', 'ours')
  await writeFile(join(site, 'index.html'), 'theirs')
  const theirs = await world.files()
  await assert.rejects(takeBack(done), { kind: 'domain', code: 'files.changed_since' })
  assert.deepEqual(await world.files(), theirs)
  const made = await write('site/a/b/c', 'ours')
  await writeFile(join(site, 'a', 'theirs'), 'theirs')
  await takeBack(made)
  assert.deepEqual(await readdir(join(site, 'a')), ['theirs'])
})

test('an undo says so where what was kept is gone or damaged', async (t) => {
  const { root, write, takeBack, world } = await opened(t)
  const done = await write('site/index.html', 'ours')
  await writeFile(join(root, 'data', 'files-kept', done.changes[0]!.before!.sha256), 'damaged')
  const before = await world.files()
  await assert.rejects(takeBack(done), { kind: 'domain', code: 'files.not_kept' })
  assert.deepEqual(await world.files(), before)
})

test('a second use of a key does nothing, also after someone else has changed the file', async (t) => {
  const { site, write } = await opened(t)
  const first = await write('site/index.html', 'ours', 'key')
  await writeFile(join(site, 'index.html'), 'theirs')
  assert.deepEqual(await write('site/index.html', 'ours', 'key'), first)
  assert.equal(await readFile(join(site, 'index.html'), 'utf8'), 'theirs')
})

test('a move that was broken off half-way is finished by the next try, and one to a taken place refused', async (t) => {
  const { site, ctx, world } = await opened(t)
  const input = { from: 'site/index.html', to: 'site/start.html' }
  const before = await world.files()
  // As far as a process comes that dies right after the first of the two steps.
  const dying = { ...ctx('key'), signal: AbortSignal.abort(new Error('died')) }
  await assert.rejects(files.move.run(input, dying), /died/)
  assert.deepEqual(await world.files(), before)
  assert.deepEqual(await files.move.reconcile!(input, ctx('key')), { found: 'no' })
  await writeFile(join(site, 'start.html'), await readFile(join(site, 'index.html')))
  await chmod(join(site, 'start.html'), 0o640)
  assert.deepEqual(await files.move.reconcile!(input, ctx('key')), { found: 'unknown' })
  const done = await files.move.run(input, ctx('key'))
  assert.deepEqual(await readdir(site), ['start.html'])
  await files.move.undo!(input, done, ctx('undo'))
  assert.deepEqual(await world.files(), before)
  await writeFile(join(site, 'start.html'), 'taken')
  await assert.rejects(files.move.run(input, ctx('other')), { kind: 'domain', code: 'files.exists' })
})

test('what is missing or not permitted is said to be', async (t) => {
  const { site, ctx, write } = await opened(t)
  for (const path of ['site/none', 'site/none/deeper'])
    await assert.rejects(files.read.run({ path }, ctx('r')), { kind: 'domain', code: 'files.missing' })
  await assert.rejects(files.delete.run({ path: 'site/none' }, ctx('d')), { kind: 'domain', code: 'files.missing' })
  await chmod(site, 0o500)
  // Root writes everywhere.
  if (process.getuid?.() !== 0) await assert.rejects(write('site/new', 'x'), { kind: 'domain', code: 'files.denied' })
  await chmod(site, 0o700)
})

test('text is read as text, and anything else as base64', async (t) => {
  const { site, ctx } = await opened(t)
  const { sha256: _, ...text } = await files.read.run({ path: 'site/index.html' }, ctx('r'))
  assert.deepEqual(text, { path: 'site/index.html', content: '<h1>Northlight</h1>\n', encoding: 'utf8', bytes: 20 })
  await writeFile(join(site, 'raw'), Buffer.from([255, 254]))
  const raw = await files.read.run({ path: 'site/raw' }, ctx('r'))
  assert.deepEqual([raw.content, raw.encoding], ['//4=', 'base64'])
})
