import { existsSync, globSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Context, Hono } from 'hono'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json',
}

/** Vite writes the hash of what is inside into the name of what it puts there. */
const HASHED = /^\/assets\//
/** What the server answers otherwise, also where it answers that there is nothing. */
const NOT_PAGES = /^\/(v1|access|healthz)(\/|$)/

interface Asset {
  readonly body: Uint8Array<ArrayBuffer>
  readonly brotli: Uint8Array<ArrayBuffer> | null
  readonly type: string
}

/**
 * Where the built console lies: `dist/console` of the clone or of the package. `scripts/build-console.ts` puts it there; in
 * the clone the first `npm start` does.
 */
function consoleFolder(): string {
  // In the package this file lies in dist/ too.
  const from = import.meta.url.endsWith('.js') ? '../../../console' : '../../../dist/console'
  return fileURLToPath(new URL(from, import.meta.url))
}

/**
 * Serves the console: its files, and its one page at every address of the app. Registered after every other route. Without
 * a built console the page says how it is built. What a page may run and load is said on every answer (`access/headers.ts`).
 */
export function serveConsole(http: Hono, folder = consoleFolder()): void {
  const assets = readAssets(folder)
  const page = assets.get('/index.html')
  http.get('*', async (c, next) => {
    const { path } = c.req
    if (NOT_PAGES.test(path)) return next()
    const asset = assets.get(path === '/' ? '/index.html' : path)
    if (asset) return send(c, asset, HASHED.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache')
    // An address with an ending is a file that there is not, not a page.
    if (extname(path) !== '') return next()
    if (page) return send(c, page, 'no-cache')
    return c.text(NOT_BUILT, 503)
  })
}

const NOT_BUILT =
  'Factotum is running. Its console is not built here: "npm start" in the clone builds it. Until then the factotum command does everything that it does.\n'

function send(c: Context, { body, brotli, type }: Asset, cache: string) {
  c.header('content-type', type)
  c.header('cache-control', cache)
  if (brotli) c.header('vary', 'accept-encoding')
  if (!brotli || !/\bbr\b/.test(c.req.header('accept-encoding') ?? '')) return c.body(body)
  c.header('content-encoding', 'br')
  return c.body(brotli)
}

/** All of it in memory: it is small, and what is served is then what was there at the start. */
function readAssets(folder: string): ReadonlyMap<string, Asset> {
  const files = existsSync(join(folder, 'index.html')) ? globSync('**/*.*', { cwd: folder }) : []
  const assets = new Map<string, Asset>()
  for (const file of files) {
    const type = TYPES[extname(file)]
    if (type === undefined) continue
    const compressed = join(folder, `${file}.br`)
    assets.set(`/${file.replaceAll('\\', '/')}`, {
      body: new Uint8Array(readFileSync(join(folder, file))),
      brotli: existsSync(compressed) ? new Uint8Array(readFileSync(compressed)) : null,
      type,
    })
  }
  return assets
}
