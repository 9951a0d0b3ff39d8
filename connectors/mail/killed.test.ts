/** A real process, killed while it sends: what it sent is found where sent mails are. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Server } from '../../test/crash/server.ts'
import { startImap } from './imap.fixture.ts'
import { startSink } from './sink.ts'

const ROOT = join(import.meta.dirname, '../..')
const LOGIN = { user: 'mara', password: 'c4nary-imap' }
const MAIL = [
  'From: Jonas <jonas@brotzeit.example>',
  'To: mara@northlight.example',
  'Subject: Opening hours',
  'Message-ID: <q-1@brotzeit.example>',
  '',
  'When are you open?',
].join('\r\n')

/** What the company imports; the test itself imports neither. */
const PACKAGE = 'factotum'

const company = (connector: string) => `
import { company, workflow } from '${PACKAGE}'
import { mail } from '${PACKAGE}/mail'
const answer = workflow('answer', { on: mail.received }, (ctx, message) =>
  ctx.act(mail.reply, { to: message, body: 'From nine.' }, { hold: 0 }))
export default company({ name: 'Killed', connectors: [${connector}], workflows: [answer] })
`

/** A company whose one mail is answered and approved: from here on it sends. */
async function sending(t: TestContext, connector: string): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'factotum-killed-'))
  const server = new Server(folder)
  t.after(async () => {
    await server.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  })
  await mkdir(join(folder, 'node_modules'))
  await symlink(ROOT, join(folder, 'node_modules', PACKAGE))
  await writeFile(join(folder, 'company.ts'), company(connector))
  await writeFile(join(folder, 'question.eml'), MAIL)
  assert.ok(await server.start(), server.said)
  await server.ask('ingest', { path: join(folder, 'question.eml') })
  let gate: string | undefined
  while (gate === undefined) gate = (await server.ask<{ items: { id: string }[] }>('queue', {}))!.items[0]?.id
  await server.ask('decide', { id: gate, outcome: 'approve' })
  return server
}

async function until(is: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await is())) await new Promise((resolve) => setTimeout(resolve, 2))
}

/** Killed, started again, and what then becomes of the effect. */
async function after(server: Server): Promise<Record<string, number>> {
  await server.kill('SIGKILL')
  assert.ok(await server.start(), server.said)
  let effects: Record<string, number> = {}
  await until(async () => {
    effects = (await server.ask<{ effects: Record<string, number> }>('status', {}))!.effects
    return ['succeeded', 'uncertain', 'failed'].some((state) => (effects[state] ?? 0) > 0)
  })
  return Object.fromEntries(Object.entries(effects).filter(([, n]) => n > 0))
}

async function servers(t: TestContext) {
  const sink = await startSink()
  const imap = await startImap({ login: LOGIN })
  t.after(() => Promise.all([sink.close(), imap.close()]))
  const connector = `mail.smtp({ host: '127.0.0.1', port: ${sink.port}, from: 'mara@northlight.example',
    imap: ${JSON.stringify({ host: '127.0.0.1', port: imap.port, ...LOGIN })} })`
  return { sink, imap, connector }
}

test('killed when the copy was filed: it is found, and nothing is sent twice', async (t) => {
  const { sink, imap, connector } = await servers(t)
  imap.setFaults({ slow_ms: 50 })
  const server = await sending(t, connector)
  await until(() => imap.mails('Sent').length === 1)
  assert.deepEqual(await after(server), { succeeded: 1 })
  assert.deepEqual([sink.messages().length, imap.mails('Sent').length], [1, 1])
  assert.equal(imap.commands.filter((command) => command === 'UID SEARCH').length, 2, 'before it was filed, and after')
  assert.deepEqual(imap.mails('Sent')[0]!.raw, sink.messages()[0]!.raw)
  assert.ok(!server.said.includes('c4nary'))
})

test('killed when the mail was taken and no copy was filed: absence proves nothing, so it is the operator’s', async (t) => {
  const { sink, imap, connector } = await servers(t)
  imap.setFaults({ slow_ms: 50 })
  const server = await sending(t, connector)
  await until(() => sink.messages().length === 1)
  assert.deepEqual(await after(server), { uncertain: 1 })
  assert.deepEqual([sink.messages().length, imap.mails('Sent').length], [1, 0])
})

test('killed with the outbox: what it kept was sent, what it did not keep was not, and either way it arrives once', async (t) => {
  const server = await sending(t, `mail.outbox({ from: 'mara@northlight.example' })`)
  // No moment is chosen here: whichever it is, nothing may be left for the operator.
  assert.deepEqual(await after(server), { succeeded: 1 })
  const kept = await readdir(join(server.folder, 'data/outbox'))
  assert.equal(kept.filter((name) => name.endsWith('.eml')).length, 1)
})
