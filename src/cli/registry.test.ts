import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { COMMANDS as DOES } from './commands.ts'
import { help } from './help.ts'
import { COMMANDS, named, type CliName } from './registry.ts'

const BIN = fileURLToPath(new URL('../../bin/factotum.js', import.meta.url))
const names = Object.keys(DOES) as CliName[]

function cli(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], { encoding: 'utf8' })
  return { code: status, out: stdout, err: stderr }
}

/** What is typed for one way: each `<…>` and value filled in, what may be left out left in. */
function typed(call: string): string[] {
  const words = call
    .replaceAll(/"?<[^>]*>"?/g, 'x')
    .replaceAll(/[[\]()…]/g, ' ')
    .split(/\s+/)
    .filter((word) => word !== '' && word !== '|')
  return words.slice(1)
}

test('what help says can be typed is what the command takes: no flag is made up, none is kept secret', () => {
  for (const name of names) {
    const { options = {} } = DOES[name]
    const said = new Set(named(name).calls.flatMap((call) => [...call.matchAll(/--([\w-]+)/g)].map((m) => m[1]!)))
    assert.deepEqual([...said].toSorted(), Object.keys(options).toSorted(), name)
    for (const call of named(name).calls)
      assert.doesNotThrow(() => parseArgs({ args: typed(call), options, allowPositionals: true }), call)
  }
})

test('each way to type a command begins with its name, and no two commands have one name', () => {
  const seen = COMMANDS.flatMap((c) => c.name ?? [])
  assert.equal(new Set(seen).size, seen.length)
  assert.deepEqual(seen.toSorted(), names.toSorted())
  for (const { name, calls } of COMMANDS) for (const call of calls) assert.equal(call.split(' ')[0], name)
})

test('no key stands for two commands', () => {
  const keys = COMMANDS.flatMap((c) => c.keys)
  assert.equal(new Set(keys).size, keys.length)
})

test('help has every command once, with the key of the console; of one it says what it asks and who may', () => {
  const out = help()
  for (const name of names) assert.ok(new RegExp(`^ {2}${name}( |$)`, 'm').test(out), name)
  assert.match(out, /^ {2}approve .*\[a\]$/m)
  assert.match(out, /^ {2}facts +.*\[4\]$/m)
  const one = cli('approve', '--help').out
  assert.match(one, /In the console: a \(Approve\), e \(Edit, then approve\)/)
  assert.match(one, /POST \/v1\/decide +scope decide/)
  const wrong = cli('policy')
  assert.equal(wrong.code, 2)
  assert.match(wrong.err, /factotum policy list\n {2}factotum policy check/)
})

test('the registry runs nothing: a page can import it', () => {
  const folder = new URL('./registry/', import.meta.url)
  const files = readdirSync(folder)
  assert.ok(files.length > 5)
  const script = `const before = process.moduleLoadList.length; await import(${JSON.stringify(new URL('./registry.ts', import.meta.url).href)}); console.log(process.moduleLoadList.slice(before).filter((m) => /^NativeModule (fs|http|net|child)/.test(m)).join())`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  assert.equal(stdout.trim(), '')
})
