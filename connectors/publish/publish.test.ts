import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { ActionContext } from '../../src/connector.ts'
import { makeRepository } from './fake.ts'
import { publish } from './index.ts'
import type { RepositoryOptions } from './index.ts'

const AUTHOR = { name: 'Northlight', email: 'hello@northlight.example' }

async function opened(t: TestContext, options: Partial<RepositoryOptions> = {}) {
  const root = await mkdtemp(join(tmpdir(), 'factotum-publish-'))
  const world = await makeRepository()
  t.after(async () => {
    await world[Symbol.asyncDispose]()
    await rm(root, { recursive: true, force: true })
  })
  const connector = publish.repository({ path: world.path, branch: 'main', author: AUTHOR, ...options })
  const connection = await connector.open({ dataFolder: root })
  const ctx = (key: string): ActionContext => ({
    key,
    token: 1,
    laneToken: null,
    proposedAt: Date.UTC(2026, 10, 2, 9),
    connection,
    signal: new AbortController().signal,
  })
  const input = (files: Readonly<Record<string, string | null>>, message = 'Ours') =>
    publish.commit.input.parse({ message, files: Object.entries(files).map(([path, content]) => ({ path, content })) })
  return {
    world,
    root,
    connector,
    connection,
    ctx,
    input,
    commit: (files: Readonly<Record<string, string | null>>, key = 'eff_1') =>
      publish.commit.run(input(files), ctx(key)),
  }
}

test('a commit has its author, its time and its effect, and nothing else is changed', async (t) => {
  const { world, commit } = await opened(t)
  const done = await commit({ 'site/index.html': 'New\n' })
  const shown = world.git(['show', '-s', '--format=%H|%an|%ae|%cn|%at|%B', 'main']).trim()
  const at = Date.UTC(2026, 10, 2, 9) / 1_000
  assert.equal(
    shown,
    `${done.commit}|Northlight|hello@northlight.example|Northlight|${at}|Ours\n\nFactotum-Effect: eff_1`,
  )
  assert.deepEqual(world.files(), { 'site/about.html': '100644 About\n', 'site/index.html': '100644 New\n' })
})

test('what the branch holds already makes no commit', async (t) => {
  const { world, commit, ctx, input } = await opened(t)
  const done = await commit({ 'site/about.html': 'About\n', 'site/none.html': null })
  assert.deepEqual([done.commit, done.changes], [null, []])
  assert.equal(world.log().length, 1)
  await publish.commit.undo!(input({ 'site/about.html': 'About\n' }), done, ctx('undo'))
  assert.equal(world.log().length, 1)
})

test('a program stays one', async (t) => {
  const { world, commit } = await opened(t)
  const blob = world.git(['hash-object', '-w', '--stdin'], '#!/bin/sh\n').trim()
  world.push({ 'run.sh': '#!/bin/sh\n' }, 'A program')
  world.git(['read-tree', 'main'])
  world.git(['update-index', '--cacheinfo', `100755,${blob},run.sh`])
  const tree = world.git(['write-tree']).trim()
  world.git(['update-ref', 'refs/heads/main', world.git(['commit-tree', tree, '-p', 'main', '-m', 'x']).trim()])
  await commit({ 'run.sh': '#!/bin/sh\nexit\n' })
  assert.equal(world.files()['run.sh'], '100755 #!/bin/sh\nexit\n')
})

/** Lets somebody else push right before a push of ours gets to the remote, so many times. */
async function interrupt(world: Awaited<ReturnType<typeof makeRepository>>, times: number, path: string) {
  const hook = join(world.path, 'hooks', 'pre-receive')
  await mkdir(join(world.path, 'hooks'), { recursive: true })
  await writeFile(join(world.path, 'left'), String(times))
  await writeFile(
    hook,
    `#!/bin/sh
left=$(cat "${world.path}/left")
[ "$left" = 0 ] && exit 0
echo $((left - 1)) > "${world.path}/left"
unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
export GIT_INDEX_FILE="${world.path}/hook.index" GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x
git read-tree main
blob=$(echo "theirs $left" | git hash-object -w --stdin)
git update-index --add --cacheinfo 100644,$blob,${path}
git update-ref refs/heads/main $(git commit-tree $(git write-tree) -p main -m "Theirs $left")
`,
  )
  await chmod(hook, 0o755)
}

test('what someone else pushes meanwhile stays, and ours comes on top of it', async (t) => {
  const { world, commit } = await opened(t)
  await interrupt(world, 2, 'site/other.html')
  await commit({ 'site/index.html': 'Ours\n' })
  assert.deepEqual(world.log(), ['Ours', 'Theirs 1', 'Theirs 2', 'The site'])
  assert.equal(world.files()['site/other.html'], '100644 theirs 1\n')
})

test('what someone else changes meanwhile in the same file is a conflict, and stays', async (t) => {
  const { world, commit } = await opened(t)
  await interrupt(world, 1, 'site/index.html')
  await assert.rejects(commit({ 'site/index.html': 'Ours\n' }), { kind: 'domain', code: 'publish.conflict' })
  assert.equal(world.files()['site/index.html'], '100644 theirs 1\n')
})

test('a branch that never stands still is tried again later', async (t) => {
  const { world, commit } = await opened(t)
  await interrupt(world, 99, 'site/other.html')
  await assert.rejects(commit({ 'site/index.html': 'Ours\n' }), { kind: 'transient', code: 'publish.busy' })
  assert.ok(!world.log().includes('Ours'))
})

test('what the remote refuses is told with its reason', async (t) => {
  const { world, commit } = await opened(t)
  await mkdir(join(world.path, 'hooks'), { recursive: true })
  await writeFile(join(world.path, 'hooks', 'pre-receive'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
  await assert.rejects(commit({ 'site/index.html': 'Ours\n' }), {
    kind: 'domain',
    code: 'publish.refused',
    message: /pre-receive hook declined/,
  })
})

test('an undo stays beside what came later', async (t) => {
  const { world, commit, ctx, input } = await opened(t)
  const ours = { 'site/index.html': 'Ours\n', 'site/new.html': 'New\n' }
  const done = await commit(ours)
  world.push({ 'site/other.html': 'Theirs\n' }, 'Theirs')
  await publish.commit.undo!(input(ours), done, ctx('eff_1:undo'))
  assert.deepEqual(world.log().slice(0, 2), ['Revert "Ours"', 'Theirs'])
  assert.deepEqual(world.files(), {
    'site/about.html': '100644 About\n',
    'site/index.html': '100644 <h1>Northlight</h1>\n',
    'site/other.html': '100644 Theirs\n',
  })
})

test('an undo leaves alone what someone else has changed since', async (t) => {
  const { world, commit, ctx, input } = await opened(t)
  const done = await commit({ 'site/index.html': 'Ours\n' })
  world.push({ 'site/index.html': 'Theirs\n' }, 'Theirs')
  const before = world.files()
  await assert.rejects(publish.commit.undo!(input({ 'site/index.html': 'Ours\n' }), done, ctx('eff_1:undo')), {
    kind: 'domain',
    code: 'publish.changed_since',
  })
  assert.deepEqual(world.files(), before)
})

test('only a trailer counts as the commit of an effect, and only the whole key', async (t) => {
  const { world, ctx, input } = await opened(t)
  world.push({ a: '1' }, 'Say Factotum-Effect: eff_1 in passing\n\nand go on\n')
  world.push({ a: '2' }, 'Another\n\nFactotum-Effect: eff_12\n')
  const asked = input({ a: '3' })
  assert.deepEqual(await publish.commit.reconcile!(asked, ctx('eff_1')), { found: 'no' })
  assert.equal((await publish.commit.reconcile!(asked, ctx('eff_12'))).found, 'yes')
})

test('no path, message or branch is taken for anything else', async (t) => {
  const { commit, input, world } = await opened(t)
  for (const path of [
    '',
    '/a',
    '../a',
    'a/../b',
    '.git/config',
    'a/.GIT/hooks/x',
    'git~1/x',
    '.g\u200cit/hooks/x',
    '.git /config',
    '.git./config',
    '.git::$INDEX_ALLOCATION/config',
    'a\\b',
    'a\nb',
    'a//b',
    'a/',
  ])
    assert.throws(() => input({ [path]: 'x' }), JSON.stringify(path))
  for (const files of [
    { a: 'x', 'a/b': 'y' },
    { 'a/b/c': 'x', 'a/b': 'y' },
  ])
    assert.throws(() => input(files), 'a file that is a folder too')
  assert.throws(() => input({ a: 'x' }, 'Nice\n\nFactotum-Effect: eff_other'))
  for (const branch of ['-x', '--upload-pack=x', 'a..b', 'a b', 'a:b', '', 'x.lock', 'refs/../x'])
    assert.throws(
      () => publish.repository({ path: '/x', branch, author: AUTHOR }),
      { code: 'publish.bad_options' },
      branch,
    )
  for (const url of [
    'ext::sh -c true',
    '--upload-pack=x',
    'file:///etc',
    'git@-oProxyCommand=x:y',
    'ssh://-oProxyCommand=x/y',
  ])
    assert.throws(
      () => publish.repository({ url, branch: 'main', author: AUTHOR }),
      { code: 'publish.bad_options' },
      url,
    )
  // What looks like an option or a pattern is a name.
  await commit({ '-rf': 'x', '*': 'y', ':(top)z': 'z', 'a\u00e9 "b"': 'q' })
  assert.deepEqual(Object.keys(world.files()).length, 6)
})

test('what is a link or a submodule there is not written through', async (t) => {
  const { commit, world } = await opened(t)
  const blob = world.git(['hash-object', '-w', '--stdin'], '/etc').trim()
  world.git(['read-tree', 'main'])
  world.git(['update-index', '--add', '--cacheinfo', `120000,${blob},link`])
  const tree = world.git(['write-tree']).trim()
  world.git(['update-ref', 'refs/heads/main', world.git(['commit-tree', tree, '-p', 'main', '-m', 'x']).trim()])
  for (const path of ['link', 'link/passwd', 'site/index.html/below', 'site'])
    await assert.rejects(commit({ [path]: 'x' }), { kind: 'domain', code: 'publish.not_a_file' }, path)
})

test('only the allowed folders are published to', async (t) => {
  const { commit } = await opened(t, { allow: ['site'] })
  for (const path of ['.github/workflows/x.yml', 'site-old/x', 'site'])
    await assert.rejects(commit({ [path]: 'x' }), { kind: 'domain', code: 'publish.outside' })
  assert.notEqual((await commit({ 'site/x': 'x' })).commit, null)
})

test('a branch or repository that is not there is the operator’s to correct', async (t) => {
  const { commit } = await opened(t, { branch: 'none' })
  await assert.rejects(commit({ a: 'x' }), { kind: 'domain', code: 'publish.no_branch' })
  const nowhere = await opened(t, { path: '/nowhere/at/all' })
  await assert.rejects(nowhere.commit({ a: 'x' }), { kind: 'domain', code: 'publish.no_repository' })
})

test('credentials in the address are used and stand nowhere', async (t) => {
  const served = await makeRepository()
  t.after(() => served[Symbol.asyncDispose]())
  const url = served.url.replace('://', '://robot:can%2Fary-77@')
  const root = await mkdtemp(join(tmpdir(), 'factotum-publish-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const connector = publish.repository({ url, branch: 'main', author: AUTHOR })
  const connection = await connector.open({ dataFolder: root })
  const signal = new AbortController().signal
  const ctx = { key: 'eff_1', token: 1, laneToken: null, proposedAt: 0, connection, signal }
  const input = publish.commit.input.parse({ message: 'Ours', files: [{ path: 'a', content: 'x' }] })
  assert.notEqual((await publish.commit.run(input, ctx)).commit, null)
  await served.fault('echo')
  const error: unknown = await publish.commit.run(input, { ...ctx, key: 'eff_2' }).catch((e: unknown) => e)
  assert.ok(error instanceof Error)
  const shown = [connector.target, connector.describe(connection), error.message].join('\n')
  assert.ok(!/can(\/|%2F)ary|cm9ib3Q6/.test(shown), shown)
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) assert.ok(!(await readFile(join(entry.parentPath, entry.name))).includes('ary-77'), entry.name)
})

test('credentials are not sent where everybody can read them', () => {
  const of = { branch: 'main', author: AUTHOR }
  const bad = { code: 'publish.bad_options', message: /https/ }
  assert.throws(() => publish.repository({ ...of, url: 'http://robot:canary@git.example.org/site' }), bad)
  assert.throws(() => publish.repository({ ...of, url: 'http://git.example.org/x', password: () => 'canary' }), bad)
  for (const url of ['https://git.example.org/x', 'http://localhost:8080/x', 'http://127.0.0.1/x', 'http://[::1]/x'])
    publish.repository({ ...of, url, password: () => 'canary' })
  publish.repository({ ...of, url: 'http://git.example.org/x' })
})

test('nothing that somebody else configured is used: no hooks, filters, aliases or redirected addresses', async (t) => {
  const { world, commit, root } = await opened(t)
  const trap = join(root, 'trap.sh')
  await writeFile(trap, `#!/bin/sh\ntouch "${root}/sprung"\nexit 1\n`, { mode: 0o755 })
  const config = join(root, 'gitconfig')
  const set = (key: string, value: string) => execFileSync('git', ['config', '--file', config, key, value])
  set('core.hooksPath', root)
  set('core.fsmonitor', trap)
  set(`url.${root}.insteadOf`, world.path)
  await writeFile(join(root, 'pre-push'), await readFile(trap), { mode: 0o755 })
  await mkdir(join(root, 'publish.git', 'hooks'), { recursive: true })
  for (const name of ['pre-push', 'reference-transaction', 'post-index-change'])
    await writeFile(join(root, 'publish.git', 'hooks', name), await readFile(trap), { mode: 0o755 })
  const earlier = { GIT_CONFIG_GLOBAL: process.env.GIT_CONFIG_GLOBAL, GIT_DIR: process.env.GIT_DIR }
  t.after(() => {
    for (const [name, value] of Object.entries(earlier)) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  })
  process.env.GIT_CONFIG_GLOBAL = config
  process.env.GIT_DIR = '/nowhere'
  assert.notEqual((await commit({ a: 'x' })).commit, null)
  assert.ok(!(await readdir(root)).includes('sprung'))
})
