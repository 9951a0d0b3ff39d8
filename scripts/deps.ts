/**
 * Imported first by every script that needs more than running needs: installs the development dependencies when what is
 * in node_modules is not what package-lock.json says. It imports nothing but Node itself, so it runs before they exist.
 */
import { spawnSync, type StdioOptions } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

type Lock = { packages: Record<string, { version?: string; optional?: boolean; link?: boolean }> }

const root = fileURLToPath(new URL('..', import.meta.url))

function read(path: string): Lock {
  try {
    return JSON.parse(readFileSync(root + path, 'utf8')) as Lock
  } catch {
    return { packages: {} }
  }
}

function missing(): string[] {
  const installed = read('node_modules/.package-lock.json').packages
  return Object.entries(read('package-lock.json').packages)
    .filter(([path, { optional, link }]) => path.startsWith('node_modules/') && !optional && !link)
    .filter(([path, { version }]) => installed[path]?.version !== version)
    .map(([path]) => path.replace('node_modules/', ''))
}

const before = missing()
if (before.length > 0) {
  // Standard output belongs to the script that needed them: it may be JSON.
  const stdio: StdioOptions = ['ignore', 2, 2]
  console.error(`Installing what development needs (${before.length} packages missing or of another version) ...`)
  // `npm ci` would delete the Node that runs this.
  const install = ['install', '--include=dev', '--no-save', '--ignore-scripts']
  const { npm_execpath: npm, npm_node_execpath: node } = process.env
  const { status } = npm
    ? spawnSync(node ?? process.execPath, [npm, ...install], { cwd: root, stdio: stdio })
    : spawnSync('npm', install, { cwd: root, stdio: stdio, shell: process.platform === 'win32' })
  if (status !== 0) {
    console.error('The development dependencies could not be installed: see npm above.')
    process.exit(1)
  }
}
