/** `npm run check`: everything that must hold, cheapest first; the first step that fails ends it. */
import './deps.ts'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { delimiter } from 'node:path'

const steps: readonly [name: string, command: string, fix: string][] = [
  ['format', 'oxfmt --check', 'npm run format'],
  ['lint', 'oxlint', 'fix what is named above'],
  ['types', 'tsc -p . && tsc -p console', 'fix what is named above'],
  ['dead exports', 'knip', 'delete what nobody uses, or stop exporting it'],
  ['tests', 'node scripts/test.ts', 'npm test -- <file> runs one file'],
]

const root = fileURLToPath(new URL('..', import.meta.url))
const env = { ...process.env, PATH: `${root}node_modules/.bin${delimiter}${process.env.PATH}` }
const times: string[] = []
for (const [name, command, fix] of steps) {
  console.log(`\n--- ${name}: ${command}`)
  const start = performance.now()
  const { status } = spawnSync(command, { cwd: root, env, stdio: 'inherit', shell: true })
  times.push(`${name} ${((performance.now() - start) / 1000).toFixed(1)} s`)
  if (status !== 0) {
    console.error(`\n*** check failed at ${name} (${times.join(', ')}). To do: ${fix}.`)
    process.exit(1)
  }
}
console.log(`\ncheck passed: ${times.join(', ')}`)
