/**
 * The shape of the source, read from the files themselves and not through the linter: layers import one way, the public
 * API is a table of contents, files are short. Then that the linter sees what it is there to see.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, posix } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const LAYERS = ['lib', 'store', 'context', 'governance', 'execution', 'orchestration', 'input', 'server', 'cli']
const ENTRIES = ['src/index.ts', 'src/connector.ts', 'src/testing.ts', 'src/client.ts']

type Source = Readonly<{ path: string; text: string }>

function sources(pattern: string): Source[] {
  return globSync(pattern, { cwd: root, exclude: ['**/node_modules/**', '**/dist/**', 'src/cli/template/**'] })
    .map((path) => path.replaceAll('\\', '/'))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

/** What a file imports, statically, dynamically, as types or by re-export: paths from the root, or package names. */
function importsOf({ path, text }: Source): string[] {
  const code = text.replace(/^\s*(\/\/|\/?\*).*$/gm, '')
  return [...code.matchAll(/(?:\bfrom|\bimport\s*\(?)\s*(['"])([^'"\n]+)\1/g)]
    .map((match) => match[2]!)
    .map((specifier) => (specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : specifier))
}

/** Why `from` may not import `to`, or undefined where it may. */
function violation(from: string, to: string): string | undefined {
  const isTest = from.endsWith('.test.ts')
  const [folder, name] = from.split('/') as [string, string]
  if (folder === 'src') {
    if (ENTRIES.includes(from.replace(/\.test\.ts$/, '.ts'))) return undefined
    if (ENTRIES.includes(to) || !to.startsWith('src/'))
      return isTest || !/^(src|connectors|examples|test|bench|factotum)(\/|$)/.test(to)
        ? undefined
        : 'a layer imports only layers'
    const [own, other] = [name, to.split('/')[1]!].map((layer) => LAYERS.indexOf(layer)) as [number, number]
    if (own < 0 || other < 0) return 'a file of src/ is in no layer'
    return other > own ? `${LAYERS[other]} is on the right of ${LAYERS[own]}` : undefined
  }
  if (folder === 'connectors') {
    if (to === 'src/connector.ts' || to.startsWith(`connectors/${name}/`)) return undefined
    if (isTest && (to === 'src/testing.ts' || to.startsWith('test/'))) return undefined
    return /^(src|connectors|examples|test|bench|factotum)(\/|$)/.test(to)
      ? 'a connector imports src/connector.ts'
      : undefined
  }
  return /^(src|connectors|test|bench)\//.test(to) ? "an example imports 'factotum' and 'factotum/*'" : undefined
}

test('imports point one way: lib, store, context, governance, execution, orchestration, input, server, cli', () => {
  const found = sources('{src,connectors,examples}/**/*.ts').flatMap((source) =>
    importsOf(source).flatMap((to) => {
      const why = violation(source.path, to)
      return why ? [`${source.path} imports ${to}: ${why}`] : []
    }),
  )
  assert.deepEqual(found, [])
})

test('the rule refuses what it should', () => {
  const imports = (path: string, text: string) =>
    importsOf({ path, text }).map((to) => violation(path, to) !== undefined)
  assert.deepEqual(imports('src/store/a.ts', "import { b } from '../context/b.ts'"), [true])
  assert.deepEqual(imports('src/store/a.ts', "import type { b } from '../lib/b.ts'"), [false])
  assert.deepEqual(imports('src/store/x/a.ts', "export * from '../../cli/b.ts'"), [true])
  assert.deepEqual(imports('src/store/a.ts', "await import('../server/b.ts')"), [true])
  assert.deepEqual(imports('src/cli/a.ts', "import {\n  b,\n} from '../index.ts'"), [true])
  assert.deepEqual(imports('src/server/a.ts', "import '../cli/b.ts'"), [true])
  assert.deepEqual(imports('src/input/a.ts', "import { mail } from 'factotum/mail'"), [true])
  assert.deepEqual(imports('src/index.ts', "export * from './cli/b.ts'"), [false])
  assert.deepEqual(imports('connectors/mail/a.ts', "import '../../src/store/b.ts'"), [true])
  assert.deepEqual(imports('connectors/mail/a.ts', "import '../../src/connector.ts'"), [false])
  assert.deepEqual(imports('examples/studio/a.ts', "import '../../src/index.ts'"), [true])
  assert.deepEqual(imports('examples/studio/workflows/a.ts', "import 'factotum'\nimport '../facts.ts'"), [false, false])
})

test('the public API is a table of contents', () => {
  const [index] = sources('src/index.ts')
  assert(index, 'src/index.ts is missing')
  assert(lines(index) <= 40, `src/index.ts has ${lines(index)} lines`)
})

test('no file is over 500 lines without a reason at its head', () => {
  const long = sources('{src,connectors,console,examples,bench,scripts,test}/**/*.ts').filter(
    (source) => lines(source) > 500,
  )
  const unexplained = long.filter(({ text }) => !/lines? because/i.test(text.slice(0, 1_500)))
  assert.deepEqual(
    unexplained.map((source) => `${source.path}: ${lines(source)} lines`),
    [],
    'split it, or say at its head "Over 500 lines because ..."',
  )
})

function lines({ text }: Source): number {
  return text.trimEnd().split('\n').length
}

test('the linter reports a planted violation of each rule that must not be lost', () => {
  const planted: Record<string, [text: string, rule: string]> = {
    'src/store/layer.ts': ["import '../context/facts.ts'\n", 'no-restricted-imports'],
    'src/server/entry.ts': ["import '../index.ts'\n", 'no-restricted-imports'],
    'connectors/mail/inner.ts': ["import '../../src/store/index.ts'\n", 'no-restricted-imports'],
    'examples/studio/inner.ts': ["import '../../src/index.ts'\n", 'no-restricted-imports'],
    'src/lib/floating.ts': ['export async function f() {}\nf()\n', 'no-floating-promises'],
    'src/lib/misused.ts': ['export const f = (p: Promise<boolean>) => (p ? 1 : 2)\n', 'no-misused-promises'],
    'src/lib/any.ts': ['export const f = (x: any) => x as number\n', 'no-explicit-any'],
  }
  const dir = mkdtempSync(join(tmpdir(), 'factotum-lint-'))
  try {
    for (const config of ['oxlint.config.ts', 'tsconfig.json', 'package.json'])
      cpSync(join(root, config), join(dir, config))
    symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'), 'junction')
    for (const [path, [text]] of Object.entries(planted)) {
      mkdirSync(dirname(join(dir, path)), { recursive: true })
      writeFileSync(join(dir, path), text)
    }
    const oxlint = join(dirname(createRequire(import.meta.url).resolve('oxlint/package.json')), 'bin/oxlint')
    const { stdout } = spawnSync(process.execPath, [oxlint, '--format=unix', 'src', 'connectors', 'examples'], {
      cwd: dir,
      encoding: 'utf8',
    })
    for (const [path, [, rule]] of Object.entries(planted))
      assert(
        stdout.split('\n').some((line) => line.startsWith(path) && line.includes(rule)),
        `${rule} was not reported in ${path}:\n${stdout}`,
      )
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})
