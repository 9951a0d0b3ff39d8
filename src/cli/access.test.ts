/** `factotum access` and the link of `factotum start`, as processes. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const BIN = fileURLToPath(new URL('../../bin/factotum.js', import.meta.url))
const API = new URL('../index.ts', import.meta.url).href
const { DATABASE_URL: _, ...env } = process.env
const run = promisify(execFile)

test('a start signs in by its link; programs and guests are let in, listed and put out again', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'factotum-access-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(
    join(folder, 'company.ts'),
    `import { company } from '${API}'\nexport default company({ name: 'Access', workflows: [] })\n`,
  )
  const cli = async <T>(...args: string[]): Promise<T> => {
    const { stdout } = await run(process.execPath, [BIN, ...args, '--json', '--company', folder], { env })
    return JSON.parse(stdout) as T
  }
  const refused = run(process.execPath, [BIN, 'start', folder, '--public', '--json'], { env })
  await assert.rejects(refused, (error: { stdout: string }) => error.stdout.includes('server.no_tls'))

  // Without a server the command does it itself.
  const token = await cli<{ id: string; secret: string }>('access', 'token', 'add', 'ci', '--scope', 'read')

  const server = spawn(process.execPath, [BIN, 'start', folder, '--port', '0', '--json'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => server.kill('SIGKILL'))
  let out = ''
  for await (const chunk of server.stdout) {
    out += String(chunk)
    if (out.includes('}')) break
  }
  const { url, link } = JSON.parse(out) as { url: string; link: string }
  const key = /^http:\/\/127\.0\.0\.1:\d+\/#key=(fcl_[\w-]{43})$/.exec(link)![1]
  const headers = { 'content-type': 'application/json', origin: url }
  const body = JSON.stringify({ key })
  const first = await fetch(`${url}/access/first`, { method: 'POST', headers, body })
  assert.equal(first.status, 200)

  const status = (secret: string) => fetch(`${url}/v1/status`, { headers: { authorization: `Bearer ${secret}` } })
  assert.equal((await status(token.secret)).status, 200)
  const guest = await cli<{ id: string; link: string; scope: string }>(
    'access',
    'guest',
    'add',
    'Ms Account',
    '--until',
    '30d',
  )
  assert.ok(guest.link.startsWith(`${url}/#guest=fcg_`))
  assert.equal((await cli<unknown[]>('access', 'token', 'list')).length, 2)
  await cli('access', 'token', 'revoke', token.id)
  assert.equal((await status(token.secret)).status, 401)
  const [session] = await cli<{ id: string; method: string }[]>('access', 'sessions')
  assert.equal(session!.method, 'link')
  assert.deepEqual(await cli('access', 'sign-out', session!.id), { ended: 1 })
  const again = await cli<{ link: string }>('access', 'link')
  assert.ok(again.link.startsWith(`${url}/#key=fcl_`))
})
