import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { brotliCompressSync, brotliDecompressSync } from 'node:zlib'
import { Hono } from 'hono'
import { serveConsole } from './console.ts'

async function served(t: TestContext, built = true) {
  const folder = await mkdtemp(join(tmpdir(), 'factotum-console-'))
  t.after(() => rm(folder, { recursive: true }))
  await mkdir(join(folder, 'assets'))
  if (built) await writeFile(join(folder, 'index.html'), '<!doctype html><title>Factotum</title>')
  await writeFile(join(folder, 'assets', 'main-abc.js'), 'let a = 1')
  await writeFile(join(folder, 'assets', 'main-abc.js.br'), brotliCompressSync('let a = 1'))
  await writeFile(join(folder, 'secrets.txt'), 'not the console')
  const http = new Hono()
  serveConsole(http, folder)
  return http
}

test('every address of the app is its one page, looked at anew each time', async (t) => {
  const http = await served(t)
  for (const path of ['/', '/queue', '/history/run_1']) {
    const response = await http.request(path)
    assert.equal(response.status, 200, path)
    assert.match(await response.text(), /<title>Factotum/)
    assert.equal(response.headers.get('cache-control'), 'no-cache')
  }
})

test('an asset with a hash in its name is kept for good, and sent compressed to who takes it', async (t) => {
  const http = await served(t)
  const plain = await http.request('/assets/main-abc.js')
  assert.equal(await plain.text(), 'let a = 1')
  assert.match(plain.headers.get('cache-control')!, /immutable/)
  const small = await http.request('/assets/main-abc.js', { headers: { 'accept-encoding': 'gzip, br' } })
  assert.equal(small.headers.get('content-encoding'), 'br')
  assert.equal(brotliDecompressSync(Buffer.from(await small.arrayBuffer())).toString(), 'let a = 1')
})

test('what is no page stays what it is: the API, a file that there is not, a file of another kind', async (t) => {
  const http = await served(t)
  for (const path of ['/v1/nothing', '/access/state', '/healthz', '/assets/gone.js', '/secrets.txt', '/../secrets.txt'])
    assert.equal((await http.request(path)).status, 404, path)
})

test('a console that is not built says so', async (t) => {
  const http = await served(t, false)
  const response = await http.request('/queue')
  assert.equal(response.status, 503)
  assert.match(await response.text(), /npm start/)
})
