import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runbook } from './runbook.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

async function small(t: TestContext): Promise<string> {
  await mkdir(join(ROOT, '.cache'), { recursive: true })
  // Inside the repository, so that 'factotum' means its sources.
  const folder = await mkdtemp(join(ROOT, '.cache/runbook-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const source = `import { company } from 'factotum'\nexport default company({ name: 'Small\\u001b[2J' })\n`
  await writeFile(join(folder, 'company.ts'), source)
  return folder
}

async function run(folder: string, flags: Readonly<Record<string, string>>, json = false): Promise<string> {
  const lines: string[] = []
  const out = (text = '') => void lines.push(text)
  const call = { folder, positionals: [], flags, json, out, print: (v: unknown) => out(JSON.stringify(v)) }
  assert.equal(await runbook.run(call), 0)
  return lines.join('\n')
}

test('the manual is printed, as JSON too, or written over the one before', async (t) => {
  const folder = await small(t)
  const printed = await run(folder, {})
  assert.match(printed, /^# Small·\\\[2J: operations manual\n/, 'what it says moves no cursor')
  assert.equal((JSON.parse(await run(folder, {}, true)) as { markdown: string }).markdown, `${printed}\n`)
  const file = join(folder, 'RUNBOOK.md')
  await writeFile(file, 'an older one')
  assert.equal(await run(folder, { out: file }), file)
  assert.equal(await readFile(file, 'utf8'), `${printed}\n`)
  await assert.rejects(run(folder, { out: join(folder, 'none', 'RUNBOOK.md') }), { code: 'runbook.file' })
})
