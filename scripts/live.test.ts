import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startFakeCrm } from '../connectors/http/fake.ts'
import { makeRepository } from '../connectors/publish/fake.ts'

const SCRIPT = fileURLToPath(new URL('live.ts', import.meta.url))

function live(name: string, env: Readonly<Record<string, string>> = {}): Promise<{ code: number; text: string }> {
  const { PATH = '', TMPDIR = tmpdir() } = process.env
  return new Promise((resolve) =>
    execFile(process.execPath, [SCRIPT, name], { env: { PATH, TMPDIR, ...env } }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), text: stdout + stderr }),
    ),
  )
}

test('without its variables it names them and does nothing', async () => {
  const { code, text } = await live('http', { HTTP_LIVE_BASE: 'https://api.example.org/' })
  assert.equal(code, 1)
  assert.match(text, /nothing was done:\n {2}HTTP_LIVE_AUTHORIZATION/)
  assert.ok(!text.includes('HTTP_LIVE_BASE'))
  assert.match((await live('nothing')).text, /one of: .*files, http/)
})

test('files: writes, looks and takes back', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'factotum-live-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const { code, text } = await live('files', { FILES_LIVE_FOLDER: folder })
  assert.equal(code, 0, text)
  assert.match(text, /files works/)
  assert.deepEqual(await readdir(join(folder, 'factotum-live')), [])
})

test('http: secrets do not go over an open line to who was not named; what fails is said without them', async (t) => {
  const crm = await startFakeCrm()
  t.after(() => crm[Symbol.asyncDispose]())
  const { code, text } = await live('http', {
    HTTP_LIVE_BASE: crm.url,
    HTTP_LIVE_AUTHORIZATION: 'Bearer canary-1234',
    HTTP_LIVE_COLLECTION: 'notes',
    HTTP_LIVE_BODY: '{"text":"Hello"}',
  })
  assert.deepEqual([code, crm.requests.length], [1, 0])
  assert.match(text, /does not work: domain http\.not_encrypted/)
  assert.ok(!text.includes('canary'))
  const allowed = await live('http', {
    HTTP_LIVE_BASE: crm.url,
    HTTP_LIVE_AUTHORIZATION: 'Bearer canary-1234',
    HTTP_LIVE_COLLECTION: 'notes',
    HTTP_LIVE_BODY: '{"text":"Hello"}',
    HTTP_LIVE_ALLOW: '127.0.0.1',
  })
  assert.equal(allowed.code, 0, allowed.text)
  assert.deepEqual([crm.made(), crm.notes.length], [1, 0])
  assert.ok(!allowed.text.includes('canary'))
})

test('publish: pushes a commit and one that takes it back', async (t) => {
  const repository = await makeRepository()
  t.after(() => repository[Symbol.asyncDispose]())
  const before = repository.files()
  const { code, text } = await live('publish', {
    PUBLISH_LIVE_URL: repository.url,
    PUBLISH_LIVE_BRANCH: 'main',
    PUBLISH_LIVE_USER: 'me',
    PUBLISH_LIVE_PASSWORD: 'canary-1234',
  })
  assert.equal(code, 0, text)
  assert.ok(!text.includes('canary'))
  assert.deepEqual(repository.files(), before)
  assert.deepEqual(repository.log().length, 3)
})
