import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
// Inside the repository, so that 'factotum' means the sources and the types are checked as a user's would be.
const SCRATCH = join(ROOT, '.cache', 'docs')

function examples(): { name: string; code: string }[] {
  const pages = [
    'README.md',
    ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).map((f) => join('docs', f)),
  ]
  return pages
    .filter((page) => page.endsWith('.md'))
    .flatMap((page) =>
      [...readFileSync(join(ROOT, page), 'utf8').matchAll(/^```ts\n(.*?)^```/gms)].map((match, i) => ({
        name: `${page.replace(/\W+/g, '-')}-${i}.ts`,
        code: match[1]!,
      })),
    )
}

test('every TypeScript block of the README and the docs type-checks and loads', async (t) => {
  rmSync(SCRATCH, { recursive: true, force: true })
  mkdirSync(SCRATCH, { recursive: true })
  t.after(() => rmSync(SCRATCH, { recursive: true, force: true }))
  const blocks = examples()
  assert.ok(blocks.length > 0, 'the README has a workflow')
  for (const { name, code } of blocks) writeFileSync(join(SCRATCH, name), code)
  writeFileSync(
    join(SCRATCH, 'tsconfig.json'),
    JSON.stringify({ extends: '../../tsconfig.json', include: ['*.ts'], exclude: [] }),
  )
  const tsc = join(dirname(fileURLToPath(import.meta.resolve('typescript/package.json'))), 'bin', 'tsc')
  execFileSync(process.execPath, [tsc, '-p', SCRATCH], { stdio: 'inherit' })
  for (const { name } of blocks) await import(pathToFileURL(join(SCRATCH, name)).href)
})

test('every file that the README and ARCHITECTURE name is there', () => {
  for (const page of ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md']) {
    for (const [, target] of readFileSync(join(ROOT, page), 'utf8').matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
      assert.doesNotThrow(
        () => readdirSync(dirname(join(ROOT, target!))).includes(target!),
        `${page} links to ${target}`,
      )
      assert.ok(
        readdirSync(dirname(join(ROOT, target!))).includes(target!.split('/').at(-1)!),
        `${page} links to ${target}`,
      )
    }
  }
})
