/**
 * Builds the console into dist/console, from which the server serves it. `npm run prepack` always does; `npm start` in the
 * clone only where its sources are not those that it was built from.
 */
import { createHash } from 'node:crypto'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync } from 'node:zlib'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'dist', 'console')
const stamp = join(folder, '.built-from')
/** Below this a file is sent as fast as it is. */
const LEAST_BYTES = 1_024

export async function buildConsole(): Promise<{ readonly folder: string; readonly built: boolean }> {
  const sources = hashOfSources()
  if (read(stamp) === sources) return { folder, built: false }
  // A plain `npm install` brings it: it is the console's, which is a workspace.
  const { build } = await import('vite')
  await build({ configFile: join(root, 'console', 'vite.config.ts'), logLevel: 'warn' })
  for (const file of globSync('**/*.{html,js,css,svg,webmanifest}', { cwd: folder })) {
    const body = readFileSync(join(folder, file))
    if (body.length >= LEAST_BYTES) writeFileSync(join(folder, `${file}.br`), brotliCompressSync(body))
  }
  writeFileSync(stamp, sources)
  return { folder, built: true }
}

/** Of everything that the console is made of: its sources, what of the server it takes along, and the versions of its packages. */
function hashOfSources(): string {
  const hash = createHash('sha256')
  const files = [...globSync('console/**/*.*', { cwd: root }), 'src/client.ts', 'package-lock.json']
  for (const file of files.map((f) => f.replaceAll('\\', '/')).toSorted())
    hash.update(`${file}\0${read(join(root, file)) ?? ''}\0`)
  return hash.digest('hex')
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

if (import.meta.main) {
  const started = performance.now()
  const { built } = await buildConsole()
  if (built) console.error(`Built the console in ${((performance.now() - started) / 1000).toFixed(1)} s.`)
}
