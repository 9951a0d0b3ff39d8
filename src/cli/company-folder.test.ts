import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const BIN = fileURLToPath(new URL('../../bin/factotum.js', import.meta.url))
const API = new URL('../index.ts', import.meta.url).href

test('a company.ts that its package.json makes no module says what to write', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'factotum-module-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }')
  writeFileSync(
    join(folder, 'company.ts'),
    `import { company } from '${API}'\nexport default company({ name: 'M', workflows: [] })\n`,
  )
  const { DATABASE_URL: _, ...env } = process.env
  const status = () => spawnSync(process.execPath, [BIN, 'status', '--company', folder], { encoding: 'utf8', env })
  const refused = status()
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /Write "type": "module" into it\. \[company\.no_module\]/)
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  const ready = status()
  assert.equal(ready.status, 0, ready.stderr)
})
