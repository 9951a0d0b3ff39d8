/** Real sockets: what listens where, and that the command beside a public server still reaches it. */
import assert from 'node:assert/strict'
import { readFile, stat } from 'node:fs/promises'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { TEST_TLS } from '../../connectors/mail/certificate.fixture.ts'
import { serve, serverFile, type ServerFile } from '../../src/server/http/serve.ts'
import { testCompany } from '../../src/testing.ts'

function ask(url: string, path: string, host: string): Promise<{ status: number; body: string; hsts: unknown }> {
  const { port } = new URL(url)
  return new Promise((resolve, reject) => {
    const options = { port, path, host: '127.0.0.1', servername: 'localhost', ca: TEST_TLS.cert, headers: { host } }
    request(options, (response) => {
      const hsts = response.headers['strict-transport-security']
      text(response).then((body) => resolve({ status: response.statusCode!, body, hsts }), reject)
    })
      .on('error', reject)
      .end()
  })
}

test('with TLS it listens for the network, and beside that for this machine', async () => {
  await using company = await testCompany()
  const options = { port: 0, isPublic: true, host: '127.0.0.1', tls: TEST_TLS }
  const listening = await serve(company.open, options)
  try {
    assert.match(listening.publicUrl!, /^https:\/\/localhost:\d+$/)
    assert.match(listening.url, /^http:\/\/127\.0\.0\.1:\d+$/)
    const state = await ask(listening.publicUrl!, '/access/state', 'localhost')
    assert.deepEqual([state.status, state.hsts], [200, 'max-age=31536000'])
    assert.equal((await ask(listening.publicUrl!, '/access/state', 'evil.example')).status, 421)
    const file = JSON.parse(await readFile(serverFile(company.folder), 'utf8')) as ServerFile
    assert.deepEqual([file.url, file.publicUrl], [listening.url, listening.publicUrl])
    const asked = await fetch(`${file.url}/v1/status`, { headers: { authorization: `Bearer ${file.token}` } })
    assert.equal(asked.status, 200)
    // In the clear there is nothing on the public port.
    await assert.rejects(fetch(`http://127.0.0.1:${new URL(listening.publicUrl!).port}/`))
  } finally {
    await listening.close()
  }
})

test('what would be in the clear on a network is refused before anything listens', async () => {
  await using company = await testCompany()
  await assert.rejects(serve(company.open, { port: 0, isPublic: true }), { code: 'server.no_tls' })
  await assert.rejects(serve(company.open, { port: 0, host: '0.0.0.0' }), { code: 'server.not_public' })
  await assert.rejects(stat(serverFile(company.folder)), { code: 'ENOENT' })
})

test('over a real socket an address of another name is answered nothing', async () => {
  await using company = await testCompany()
  const listening = await serve(company.open, { port: 0 })
  try {
    const { port } = new URL(listening.url)
    const { request: plain } = await import('node:http')
    const status = await new Promise<number>((resolve, reject) => {
      plain({ port, host: '127.0.0.1', path: '/access/state', headers: { host: 'rebound.example' } }, (response) => {
        response.resume()
        resolve(response.statusCode!)
      })
        .on('error', reject)
        .end()
    })
    assert.equal(status, 421)
  } finally {
    await listening.close()
  }
})
