import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { serverFile } from '../server/http/serve.ts'

const BIN = fileURLToPath(new URL('../../bin/factotum.js', import.meta.url))
const API = new URL('../index.ts', import.meta.url).href
const COMPANY = `
import { company, workflow, z } from '${API}'
const ask = workflow('ask', { input: z.object({ title: z.string() }) }, (ctx, i) => ctx.ask({ title: i.title, options: ['1', '2'] }))
export default company({ name: 'Then', workflows: [ask] })
`
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => name !== 'DATABASE_URL' && !name.startsWith('NODE_TEST')),
)

async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [BIN, ...args], { env, cwd: tmpdir() })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => (out += String(chunk)))
  child.stderr.on('data', (chunk) => (err += String(chunk)))
  const [code] = (await once(child, 'close')) as [number]
  return { code, out, err }
}

test('what does not only read is not even sent with --as-of, for an older server would do it now', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'factotum-older-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await writeFile(join(folder, 'company.ts'), COMPANY)
  const asked: string[] = []
  const older = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.setHeader('content-type', 'application/json').end('{}')
  }).listen(0, '127.0.0.1')
  t.after(() => older.close())
  await once(older, 'listening')
  const { port } = older.address() as AddressInfo
  await mkdir(join(folder, 'data'))
  await writeFile(serverFile(folder), JSON.stringify({ url: `http://127.0.0.1:${port}`, token: 'x', pid: 1 }))
  const pause = await cli('pause', '--as-of', '1d', '--company', folder)
  assert.match(pause.err, /asof\.not_a_read/)
  assert.deepEqual(asked, [])
  const status = await cli('status', '--as-of', '1d', '--company', folder)
  assert.match(status.err, /asof\.server/)
  assert.equal(asked.length, 1)
})

test('--as-of shows what was there, through the server and without one, and says which moment it is', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'factotum-then-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await writeFile(join(folder, 'company.ts'), COMPANY)
  const at = (...args: string[]) => cli(...args, '--company', folder)
  await at('launch', 'ask', '--input', '{"title":"first"}')
  await at('start', '--once', folder)
  const then = String((JSON.parse((await at('status', '--json')).out) as { events: number }).events - 1)
  const queue = (await at('queue', '--json')).out

  const server = spawn(process.execPath, [BIN, 'start', folder, '--port', '0', '--json'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => server.kill('SIGKILL'))
  for await (const chunk of server.stdout) if (String(chunk).includes('}')) break
  await at('launch', 'ask', '--input', '{"title":"second"}')
  const [{ id }] = JSON.parse(queue) as [{ id: string }]
  assert.equal((await at('answer', id, '2')).code, 0)

  const asked = await at('queue', '--as-of', then)
  assert.match(asked.out, /^As of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, after \d+ events;/)
  assert.match(asked.out, /first/)
  assert.doesNotMatch(asked.out, /second/)
  assert.equal((await at('queue', '--json', '--as-of', then)).out, queue, 'asked of the server')
  assert.match((await at('status', '--as-of', '7d')).out, /after 0 events.*runs +none/s)

  for (const [args, code] of [
    [['answer', id, '2', '--as-of', then], 'asof.not_a_read'],
    [['start', folder, '--as-of', then], 'asof.not_a_read'],
    [['queue', '--as-of', '999999'], 'asof.no_event'],
    [['queue', '--as-of', 'soon'], 'asof.invalid'],
  ] as const) {
    const refused = await at(...args)
    assert.deepEqual([refused.code, refused.out], [1, ''])
    assert.match(refused.err, new RegExp(code))
  }

  server.kill('SIGKILL')
  await once(server, 'close')
  assert.equal((await at('queue', '--json', '--as-of', then)).out, queue, 'asked of the store')
})
