import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { onEachStore } from '../../../test/each-store.ts'
import { client } from '../../client.ts'
import { signal, workflow, z } from '../../index.ts'
import { testCompany, type TestCompany } from '../../testing.ts'
import { app } from './app.ts'
import { Requests } from './idempotency.ts'
import { serverFile, type ServerFile } from './serve.ts'

const TOKEN = 'secret-token'
const Asked = z.object({ from: z.string(), text: z.string() })
const asked = signal('test.asked', Asked, {
  message: (m) => ({ party: m.from, subject: 'asked', text: m.text, ids: [] }),
})
const greet = workflow('greet', { input: z.object({ who: z.string() }) }, async (_ctx, { who }) => `hello ${who}`)
const desk = workflow('desk', { on: asked }, async (_ctx, { text }) => text)

async function served(url?: string) {
  const company = await testCompany({ workflows: [greet, desk], ...(url ? { url } : {}) })
  const http = app(company.open, TOKEN)
  const post = async (name: string, args: unknown, key?: string) => {
    const response = await http.request(`/v1/${name}`, {
      method: 'POST',
      body: JSON.stringify(args),
      headers: {
        authorization: `Bearer ${TOKEN}`,
        'content-type': 'application/json',
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      },
    })
    const body = (await response.json()) as { readonly id?: string; readonly code?: string }
    return { status: response.status, body, replayed: response.headers.get('idempotency-replayed') === 'true' }
  }
  return { company, post }
}

const runs = async (c: TestCompany) => (await c.list('runs', {})).length
const start = (who: string) => ({ workflow: 'greet', input: { who } })

onEachStore('what is asked again under its key is answered, and not done again', async (url) => {
  const { company, post } = await served(url)
  await using _ = company
  const first = await post('start', start('ada'), 'k1')
  assert.deepEqual([first.status, first.replayed], [200, false])
  // In another order of its properties it is the same request.
  const again = await post('start', { input: { who: 'ada' }, workflow: 'greet' }, 'k1')
  assert.deepEqual([again.status, again.body, again.replayed], [200, first.body, true])
  assert.equal(await runs(company), 1)
  const other = await post('start', start('bob'), 'k1')
  assert.deepEqual([other.status, other.body.code], [409, 'http.key_reused'])
  const sameArgs = await post('do', start('ada'), 'k1')
  assert.equal(sameArgs.body.code, 'http.key_reused', 'another operation is another request')
  // Without a key, each is its own.
  await post('start', start('ada'))
  assert.equal(await runs(company), 2)

  const refused = await post('start', { workflow: 'nobody' }, 'k2')
  const refusedAgain = await post('start', { workflow: 'nobody' }, 'k2')
  assert.deepEqual([refused.status, refused.body.code, refused.replayed], [400, 'run.workflow_missing', false])
  assert.deepEqual([refusedAgain.status, refusedAgain.body, refusedAgain.replayed], [400, refused.body, true])

  await company.advance('23h')
  assert.equal((await post('start', start('ada'), 'k1')).replayed, true)
  await company.advance('2h')
  assert.deepEqual((await post('start', start('bob'), 'k1')).replayed, false, 'a day later it is free')
  await company.check()
})

test('a key is 1 to 200 printable characters', async () => {
  const { company, post } = await served()
  await using _ = company
  for (const key of ['', 'x'.repeat(201), 'a\tb'])
    assert.equal((await post('start', start('ada'), key)).body.code, 'http.bad_key', JSON.stringify(key))
  assert.equal(await runs(company), 0)
  assert.equal((await post('start', start('ada'), `"${'x'.repeat(198)}"`)).status, 200)
})

onEachStore('of a hundred at once under one key one is done, and the others are told that it is', async (url) => {
  const { company, post } = await served(url)
  await using _ = company
  const all = await Promise.all(Array.from({ length: 100 }, () => post('start', start('ada'), 'k')))
  assert.equal(await runs(company), 1)
  const ids = new Set(all.filter(({ status }) => status === 200).map(({ body }) => body.id))
  assert.equal(ids.size, 1)
  assert.ok(all.every(({ status, body }) => status === 200 || body.code === 'http.in_progress'))
  assert.equal((await post('start', start('ada'), 'k')).replayed, true)
})

test('one asks under a key of one’s own; what fails inside, and answers not to be kept, are told as such', async () => {
  const { company } = await served()
  await using _ = company
  const requests = new Requests(company.open.store)
  const asking = { key: 'k', operation: 'start', args: {}, keep: true }
  let done = 0
  const act = async () => ({ status: 200, body: JSON.stringify(++done) })
  assert.equal((await requests.once({ ...asking, actor: 'operator' }, act)).body, '1')
  assert.equal((await requests.once({ ...asking, actor: 'token:t' }, act)).body, '2', 'another caller, another key')
  assert.equal((await requests.once({ ...asking, actor: 'operator' }, act)).body, '1')

  const secret = { ...asking, actor: 'operator', key: 's', keep: false }
  assert.equal((await requests.once(secret, act)).body, '3')
  await assert.rejects(requests.once(secret, act), { code: 'http.answer_gone' })
  const large = { ...asking, actor: 'operator', key: 'l' }
  const page = async () => ({ status: 200, body: JSON.stringify('x'.repeat(2_000_000)) })
  assert.equal((await requests.once(large, page)).body.length, 2_000_002)
  await assert.rejects(requests.once(large, page), { code: 'http.answer_gone' })

  const broken = { ...asking, actor: 'operator', key: 'b' }
  await assert.rejects(
    requests.once(broken, () => Promise.reject(new Error('a defect'))),
    { message: 'a defect' },
  )
  await assert.rejects(requests.once(broken, act), { code: 'http.unknown_outcome' })
  assert.equal(done, 3)
})

/** Every word in the files of a company's folder. */
async function bytesOf(folder: string): Promise<string> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true })
  const texts = files
    .filter((file) => file.isFile())
    .map((file) => readFile(join(file.parentPath, file.name), 'latin1'))
  return (await Promise.all(texts)).join('\n')
}

test('an answer is in no file when it has expired, and in none when somebody was forgotten', async () => {
  const { company, post } = await served()
  await using _ = company
  // What a run holds goes with its record; here only the answer counts.
  const set = (value: string, key: string) => post('sessionSet', { session: 's', name: 'n', value }, key)
  await set('xexpiringx', 'k1')
  await company.open.ephemeral.clear()
  assert.match(await bytesOf(company.folder), /xexpiringx/)
  await company.advance('25h')
  await company.advance('1m')
  assert.doesNotMatch(await bytesOf(company.folder), /xexpiringx/)

  await set('xerasedx', 'k2')
  await company.open.ephemeral.clear()
  await company.send(asked, { from: 'ada@x.example', text: 'hello' })
  const requests = new Requests(company.open.store)
  const during = { actor: 'operator', key: 'k3', operation: 'gate', args: {}, keep: true }
  await requests.once(during, async () => {
    // One that is being answered meanwhile may be about her too.
    const plan = await company.ask('forgetPlan', { who: 'ada@x.example' })
    assert.deepEqual(plan.mentions, [])
    const { mentions } = await company.ask('forget', { who: 'ada@x.example', binding: plan.binding })
    assert.deepEqual(mentions, [])
    return { status: 200, body: '"xaboutherx"' }
  })
  assert.doesNotMatch(await bytesOf(company.folder), /xerasedx|xaboutherx/)
  assert.equal((await set('xerasedx', 'k2')).body.code, 'http.answer_gone')
  await company.open.ephemeral.clear()
  await company.check()
})

const CHILD = fileURLToPath(new URL('../../../test/http/dying-server.ts', import.meta.url))

async function child(folder: string, url: string | undefined, dies: string, at: number) {
  const started = spawn(process.execPath, ['--conditions=factotum-source', CHILD, folder, url ?? '-', dies, `${at}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(started, 'exit')
  const [address] = (await once(createInterface(started.stdout), 'line')) as [string]
  const { token } = JSON.parse(await readFile(serverFile(folder), 'utf8')) as ServerFile
  const headers = { authorization: `Bearer ${token}` }
  return { started, ended, address, headers, api: client({ url: address, headers }) }
}

onEachStore(
  'of what was done by a server that died before it answered, nobody says that it was not done',
  async (url) => {
    const folder = await mkdtemp(join(tmpdir(), 'factotum-killed-'))
    try {
      const at = 1_800_000_000_000
      const first = await child(folder, url, 'update', at)
      const body = JSON.stringify({ workflow: 'note', input: { text: 'once' } })
      const headers = { ...first.headers, 'content-type': 'application/json', 'idempotency-key': 'mine' }
      await assert.rejects(fetch(`${first.address}/v1/start`, { method: 'POST', body, headers }))
      await first.ended
      assert.equal(first.started.signalCode, 'SIGKILL')

      const second = await child(folder, url, 'never', at + 31_000)
      try {
        const asking = second.api.post('start', { workflow: 'note', input: { text: 'once' } }, { key: 'mine' })
        await assert.rejects(asking, { code: 'http.unknown_outcome', status: 409, key: 'mine' })
        assert.equal((await second.api.get('runs')).items.length, 1, 'it was done, once')
        const other = second.api.post('start', { workflow: 'note', input: { text: 'twice' } }, { key: 'mine' })
        await assert.rejects(other, { code: 'http.key_reused' })
      } finally {
        second.started.kill('SIGKILL')
        await second.ended
      }
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
)
