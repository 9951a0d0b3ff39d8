/**
 * What a user gets: packs the tarball, installs it in an empty folder with nothing that development needs, and founds,
 * starts, verifies and tests a company there. Prints the size of that install and holds it to its budget.
 */
import './deps.ts'
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The dependencies are 40 MB, 13 of them Cedar and 7 what checks passkeys; the rest is what we ship ourselves, the console included. */
const BUDGET_MB = 48

const root = fileURLToPath(new URL('..', import.meta.url))
const dir = mkdtempSync(join(realpathSync(tmpdir()), 'factotum-pack-'))
// The pinned Node, and nothing of the npm that started this: its settings name this repository.
const env = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^npm_(package|lifecycle|command|config_(local_prefix|omit|include))/.test(name),
    ),
  ),
  PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}`,
}

function run(cwd: string, command: string): void {
  console.log(`\n--- ${relative(dir, cwd) || '.'} $ ${command}`)
  const start = performance.now()
  const { status } = spawnSync(command, { cwd, env, stdio: 'inherit', shell: true })
  assert.equal(status, 0, `${command} failed: see above`)
  console.log(`(${((performance.now() - start) / 1000).toFixed(1)} s)`)
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
}

try {
  run(root, `npm pack --pack-destination=${dir}`)
  const tarball = readdirSync(dir).find((name) => name.endsWith('.tgz'))
  assert(tarball, 'npm pack left no tarball')

  const user = join(dir, 'user')
  mkdirSync(user)
  run(user, 'npm init -y --loglevel=error >&2')
  run(user, `npm install --omit=dev --no-audit --no-fund ../${tarball}`)

  const installed = filesUnder(join(user, 'node_modules'))
  const shipped = installed
    .map((file) => relative(join(user, 'node_modules/factotum'), file))
    .filter((file) => !file.startsWith('..'))
  const stray = shipped.filter(
    (file) =>
      !file.includes('/cli/template/') &&
      (/\.test\.|^(examples|test|bench|src)\//.test(file) || /(?<!\.d)\.ts$/.test(file)),
  )
  assert.deepEqual(stray, [], 'shipped, and no use to a user')
  const megabytes = installed.reduce((sum, file) => sum + lstatSync(file).size, 0) / 1e6
  console.log(
    `\nruntime install: ${megabytes.toFixed(1)} MB in ${installed.length} files, ${shipped.length} of them ours (budget ${BUDGET_MB} MB)`,
  )
  assert(megabytes <= BUDGET_MB, `the runtime install is over its budget of ${BUDGET_MB} MB`)

  const oldNode = process.env.npm_node_execpath
  if (oldNode && Number.parseInt(execFileSync(oldNode, ['-p', 'process.versions.node'], { encoding: 'utf8' })) < 24) {
    const { status, stderr } = spawnSync(oldNode, ['node_modules/factotum/bin/factotum.js'], {
      cwd: user,
      encoding: 'utf8',
    })
    assert.equal(status, 1)
    assert.match(stderr, /needs Node 24 or newer/)
    console.log(`an old Node is told: ${stderr.split('\n')[0]}`)
  }

  run(user, 'npx --no-install factotum init acme')
  const acme = join(user, 'acme')
  run(acme, `npm install --omit=dev --no-audit --no-fund ../../${tarball}`)
  const types = `--typeRoots ${root}node_modules/@types --types node`
  const strict = '--strict --skipLibCheck --module nodenext --target esnext --allowImportingTsExtensions'
  run(acme, `${root}node_modules/.bin/tsc --ignoreConfig --noEmit ${strict} ${types} company.ts`)
  run(acme, 'npm test')
  run(acme, 'npx --no-install factotum start . --once')
  run(acme, 'npx --no-install factotum ledger verify')
  run(acme, 'npx --no-install factotum doctor')
  console.log('\npack-test passed: init, test, start, ledger verify and doctor from the tarball')
} finally {
  rmSync(dir, { recursive: true, force: true })
}
