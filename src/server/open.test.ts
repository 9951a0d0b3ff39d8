import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { mail } from '../../connectors/mail/index.ts'
import { signal, type Connector, type Incoming, type Unreadable } from '../connector.ts'
import { workflow, z } from '../index.ts'
import { testCompany } from '../testing.ts'
import { company as declare } from './company.ts'
import { openCompany } from './open.ts'
import { operate } from './operations.ts'

const note = signal('note.received', z.object({ text: z.string() }), { match: (n) => n.text })

/** A connector that reads what it is told to, whatever the path. */
function notes(read: () => AsyncIterable<Incoming | Unreadable>): Connector & { closed: number } {
  return {
    name: 'notes',
    actions: [],
    signals: [note],
    ingest: { kind: note, read },
    inbox: 'inbox',
    closed: 0,
    open: async () => null,
    async close() {
      this.closed++
    },
    describe: () => 'notes',
  }
}

const incoming = (text: unknown): Incoming => ({
  externalId: String(text),
  name: String(text),
  payload: { text } as never,
  content: String(text),
  trust: 'outsider',
  raw: Buffer.from(String(text)),
  attachments: [],
  defect: null,
})

async function folder(t: TestContext): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'factotum-open-'))
  t.after(() => rm(made, { recursive: true, force: true }))
  return made
}

test('a receipt that fails is not lost: the rest is in, and the failure is thrown', async () => {
  const connector = notes(async function* () {
    for (const text of ['a', () => 'not JSON', 'b']) yield incoming(text)
    await new Promise((resolve) => setTimeout(resolve, 20))
  })
  await using company = await testCompany({ connectors: [connector] })
  await assert.rejects(company.ingest('anywhere'), { code: 'json.not_json' })
  assert.equal((await company.list('signals', {})).length, 2)
  await company.check()
})

test('what cannot be read in an inbox is told of; asked for by name it is an error, with the rest taken in', async (t) => {
  const inbox = await folder(t)
  await writeFile(join(inbox, 'a.eml'), 'From: a@b.example\nMessage-ID: <1@b.example>\n\nHi\n')
  await symlink(join(inbox, 'nowhere'), join(inbox, 'b.eml'))
  const connector = mail.outbox({ from: 'me@studio.example', inbox })
  await using company = await testCompany({ connectors: [connector] })
  const read = await company.open.readInboxes()
  assert.deepEqual([read.new, read.unreadable.map((u) => u.name)], [1, ['b.eml']])
  await assert.rejects(company.ingest(inbox), { code: 'ingest.unreadable', message: /1 known already.*b\.eml/ })
  await assert.rejects(company.ingest(join(inbox, 'none')), { code: 'mail.source_missing' })
  await rm(inbox, { recursive: true })
  const gone = await company.open.readInboxes()
  assert.deepEqual([gone.new, gone.unreadable.map((u) => u.name)], [0, [inbox]])
})

test('a start that fails leaves no connector open', async (t) => {
  const connector = notes(async function* () {})
  const bad = workflow('bad', { schedule: { cron: 'not a cron' } as never }, async () => {})
  const at = await folder(t)
  const open = await openCompany({
    folder: at,
    company: declare({ name: 'Bad', workflows: [bad], connectors: [connector] }),
    url: join(at, 'company.db'),
  })
  await assert.rejects(open.start())
  await open.close()
  await open.close()
  assert.equal(connector.closed, 1)
})

test('what one command committed is signed when it closes; one that only looked signs nothing', async (t) => {
  const at = await folder(t)
  const greet = workflow('greet', {}, async () => 'hello')
  const company = declare({ name: 'One', workflows: [greet] })
  const opened = () => openCompany({ folder: at, company, url: join(at, 'company.db') })
  await (await opened()).close()
  assert.equal((await stat(join(at, 'data'))).mode & 0o777, 0o700)
  await chmod(join(at, 'data'), 0o755)
  const second = await opened()
  assert.equal((await stat(join(at, 'data'))).mode & 0o777, 0o700)
  assert.equal(((await operate(second, 'status', {})) as { sealed: unknown }).sealed, null)
  await operate(second, 'start', { workflow: 'greet' })
  await second.close()
  const third = await opened()
  assert.equal(((await operate(third, 'status', {})) as { sealed: { events: number } }).sealed.events, 1)
  await operate(third, 'export', { file: join(at, 'export') })
  assert.equal((await stat(join(at, 'export'))).mode & 0o777, 0o600)
  await third.close()
})
