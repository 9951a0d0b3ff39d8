import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FactotumError } from '../../lib/errors.ts'
import { command } from '../command.ts'

const TEMPLATE = fileURLToPath(new URL('../template/', import.meta.url))

export const init = command('init', {
  timeless: true,
  arity: [1, 1],
  async run(call) {
    const folder = resolve(call.positionals[0]!)
    await mkdir(folder, { recursive: true })
    const there = (await readdir(folder)).filter((name) => !name.startsWith('.') && name !== 'node_modules')
    if (there.length > 0)
      throw new FactotumError('init.not_empty', `${folder} is not empty (${there[0]}). Name a new folder.`)
    await cp(TEMPLATE, folder, { recursive: true })
    const name = basename(folder)
    for (const file of ['company.ts', 'README.md', 'workflows/answer-mail.ts']) {
      const path = join(folder, file)
      await writeFile(path, (await readFile(path, 'utf8')).replaceAll('Acme', title(name)))
    }
    await writeFile(join(folder, 'package.json'), `${JSON.stringify(manifest(name, await ownVersion()), null, 2)}\n`)
    await writeFile(join(folder, '.gitignore'), 'node_modules/\ndata/\n')
    if (call.json) call.print({ folder })
    else call.out(`Made ${folder}. Next:\n\n  cd ${call.positionals[0]!}\n  npm install\n  npm start\n`)
    return 0
  },
})

function title(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1)
}

function manifest(name: string, version: string) {
  return {
    name:
      name
        .toLowerCase()
        .replace(/[^a-z0-9-]+/g, '-')
        .replace(/^-+|-+$/g, '') || 'company',
    private: true,
    type: 'module',
    scripts: { start: 'factotum start', test: 'node --test' },
    dependencies: { factotum: `^${version}` },
  }
}

async function ownVersion(): Promise<string> {
  for (const path of ['../../../package.json', '../../../../package.json']) {
    const text = await readFile(new URL(path, import.meta.url), 'utf8').catch(() => null)
    const found = text === null ? null : (JSON.parse(text) as { name?: string; version?: string })
    if (found?.name === 'factotum' && found.version) return found.version
  }
  throw new FactotumError('init.broken', 'This installation of factotum has no package.json. Install it again.')
}
