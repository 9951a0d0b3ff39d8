/** Lost answers, through the real dispatcher, with a real SMTP and a real IMAP server. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { testCompany, type TestCompany, type TestCompanyOptions } from '../../src/testing.ts'
import { startImap, type ImapServer } from './imap.fixture.ts'
import { mail, type SmtpOptions } from './index.ts'
import type { Message } from './message.ts'
import { startSink, type Sink } from './sink.ts'

const FROM = 'Mara Lind <mara@northlight.example>'
const SMTP_LOGIN = { user: 'mara', password: 'c4nary-smtp' }
const IMAP_LOGIN = { user: 'mara', password: 'c4nary-imap' }
const QUESTION: Message = {
  id: 'q-2@brotzeit.example',
  from: 'jonas@brotzeit.example',
  fromName: 'Jonas',
  replyTo: 'jonas@brotzeit.example',
  to: ['mara@northlight.example'],
  cc: [],
  subject: 'Opening hours',
  date: null,
  text: 'When are you open?',
  references: ['q-1@brotzeit.example'],
  listId: null,
  autoSubmitted: false,
  attachments: [],
  size: 1,
  defects: [],
}

type Workflow = NonNullable<TestCompanyOptions['workflows']>[number]
type Context = Parameters<Workflow['body']>[0]

/** What `workflow` makes, which a connector does not import. */
const answer = {
  workflow: 'answer',
  version: 1,
  on: [],
  input: z.object({ body: z.string() }),
  lane: null,
  limit: null,
  schedule: null,
  body: (ctx: Context, { body }: { body: string }) => ctx.act(mail.reply, { to: QUESTION, body }, { hold: 0 }),
} satisfies Workflow

interface Servers {
  readonly sink: Sink
  readonly imap: ImapServer
  readonly folder: string
}

async function servers(t: TestContext): Promise<Servers> {
  const folder = await mkdtemp(join(tmpdir(), 'factotum-'))
  const sink = await startSink({ login: SMTP_LOGIN })
  const imap = await startImap({ login: IMAP_LOGIN })
  t.after(async () => {
    await Promise.all([sink.close(), imap.close()])
    await rm(folder, { recursive: true, force: true })
  })
  return { sink, imap, folder }
}

type Imap = NonNullable<SmtpOptions['imap']>

/** The company in `folder`, at the servers' ports. Opened again it goes on where it was. */
function company({ sink, imap, folder }: Servers, own: Partial<Imap> = {}): Promise<TestCompany> {
  const connector = mail.smtp({
    host: '127.0.0.1',
    port: sink.port,
    ...SMTP_LOGIN,
    from: FROM,
    timeoutMs: 2_000,
    imap: { host: '127.0.0.1', port: imap.port, ...IMAP_LOGIN, timeoutMs: 2_000, ...own },
  })
  return testCompany({ workflows: [answer], connectors: [connector], folder })
}

/** Until it is so. */
async function until(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((resolve) => setTimeout(resolve, 2))
}

interface Outcome {
  readonly state: string
  readonly output?: {
    readonly messageId: string
    readonly filed?: boolean
    readonly notFiled?: string
    response: string
  }
}

async function outcome(c: TestCompany): Promise<Outcome> {
  const [effect] = await c.effects()
  return {
    state: effect!.state,
    ...(effect!.output === null ? {} : { output: JSON.parse(effect!.output) as object }),
  } as Outcome
}

/** No file of the company and nothing that it tells holds a password. */
async function noSecrets(c: TestCompany): Promise<void> {
  assert.ok(!JSON.stringify([await c.queue(), await c.effects(), await c.ask('status', {})]).includes('c4nary'))
  await c.close()
  for (const file of await readdir(c.folder, { recursive: true, withFileTypes: true }))
    if (file.isFile()) assert.ok(!(await readFile(join(file.parentPath, file.name))).includes('c4nary'), file.name)
}

const sentCopies = (s: Servers) => s.imap.mails('Sent').map((stored) => stored.raw)
const onTheWire = (s: Servers) => s.sink.messages().map((sent) => Buffer.from(sent.raw))

test('a reply carries In-Reply-To and References, and the very same bytes are filed in Sent, read, once', async (t) => {
  const s = await servers(t)
  await using c = await company(s)
  const run = await c.run(answer, { body: 'From nine.' })
  await c.decide('approve')
  const { output } = (await c.result(run)) as unknown as Outcome
  assert.equal(output?.filed, true)
  assert.deepEqual(sentCopies(s), onTheWire(s))
  const [copy] = sentCopies(s)
  assert.match(copy!.toString(), /^In-Reply-To: <q-2@brotzeit\.example>\r$/im)
  assert.match(copy!.toString(), /^References: <q-1@brotzeit\.example> <q-2@brotzeit\.example>\r$/im)
  assert.match(copy!.toString(), new RegExp(`^Message-ID: <${output!.messageId}>\\r$`, 'im'))
  assert.deepEqual(s.imap.mails('Sent')[0]!.flags, ['\\Seen'])
  await until(() => s.imap.open === 0)
  await noSecrets(c)
})

test('a provider that files submissions by itself gets no second copy', async (t) => {
  const s = await servers(t)
  await using c = await company(s, { filesSubmissions: true })
  await c.run(answer, { body: 'From nine.' })
  await c.decide('approve')
  assert.deepEqual([s.sink.messages().length, (await outcome(c)).output?.filed], [1, undefined])
  assert.ok(!s.imap.commands.some((command) => command === 'APPEND' || command === 'UID SEARCH'))
})

const NOT_FILED: [what: string, faults: Parameters<ImapServer['setFaults']>[0], own: Partial<Imap>, why: RegExp][] = [
  ['a full mailbox', { refuse: 'append' }, {}, /the mailbox is full/],
  ['a wrong password', {}, { password: 'c4nary-wrong' }, /refused the login.*\[secret\]/],
  ['no such folder', {}, { sent: 'Out' }, /does not exist; create it/],
  ['a server that is too slow', { slow_ms: 60_000 }, { timeoutMs: 100 }, /did not answer in time/],
  ['a search that fails, so that a second copy might be made', { refuse: 'search' }, {}, /refused to search/],
]
for (const [what, faults, own, why] of NOT_FILED) {
  test(`a mail that was sent is a success without its copy: ${what}`, async (t) => {
    const s = await servers(t)
    s.imap.setFaults(faults)
    await using c = await company(s, own)
    await c.run(answer, { body: 'From nine.' })
    await c.decide('approve')
    const { state, output } = await outcome(c)
    assert.deepEqual([state, output?.filed, s.sink.messages().length], ['succeeded', false, 1])
    assert.match(output!.notFiled!, why)
    assert.deepEqual(sentCopies(s), [])
    await c.check()
    await noSecrets(c)
  })
}

test('the copy that a provider files a little later is found, though the answer was lost', async (t) => {
  const s = await servers(t)
  s.sink.setFaults({ drop: 'after-accept' })
  await using c = await company(s, { filesSubmissions: { filesEverySubmission: true, settle_ms: 60_000 } })
  await c.run(answer, { body: 'From nine.' })
  const decided = c.decide('approve')
  await until(() => s.imap.commands.includes('UID SEARCH'))
  s.imap.put('Sent', s.sink.messages()[0]!.raw)
  await decided
  const { state, output } = await outcome(c)
  assert.deepEqual([state, s.sink.messages().length], ['succeeded', 1])
  assert.equal(s.sink.count(output!.messageId), 1)
})

test('what is absent once a provider that files everything has had its time was not sent, and is sent again', async (t) => {
  const s = await servers(t)
  s.sink.setFaults({ drop: 'during-data' })
  await using c = await company(s, { filesSubmissions: { filesEverySubmission: true, settle_ms: 20 } })
  await c.run(answer, { body: 'From nine.' })
  await c.decide('approve')
  assert.deepEqual([(await outcome(c)).state, s.sink.messages().length], ['retrying', 0])
  s.sink.setFaults({})
  await c.advance('1m')
  const { state, output } = await outcome(c)
  assert.deepEqual([state, s.sink.count(output!.messageId)], ['succeeded', 1])
  await c.check()
})

const UNKNOWN: [what: string, faults: Parameters<ImapServer['setFaults']>[0], own: Partial<Imap>][] = [
  ['nothing is known of the provider', {}, {}],
  [
    'the provider files, but has published nothing that makes absence a proof',
    {},
    { filesSubmissions: { filesEverySubmission: true, settle_ms: null } },
  ],
  ['the login is refused', {}, { password: 'c4nary-wrong', filesSubmissions: true }],
  ['the server is too slow', { slow_ms: 60_000 }, { timeoutMs: 100, filesSubmissions: true }],
  ['the server breaks off', { drop: 'search' }, { filesSubmissions: true }],
  ['the server cannot search', { refuse: 'search' }, { filesSubmissions: true }],
]
for (const [what, faults, own] of UNKNOWN) {
  test(`a lost answer is the operator's when ${what}`, async (t) => {
    const s = await servers(t)
    s.sink.setFaults({ drop: 'during-data' })
    s.imap.setFaults(faults)
    await using c = await company(s, own)
    await c.run(answer, { body: 'From nine.' })
    await c.decide('approve')
    await c.advance('1h')
    assert.equal((await outcome(c)).state, 'uncertain')
    assert.equal((await c.queue())[0]!.kind, 'uncertain')
    assert.equal(s.sink.messages().length, 0)
    await noSecrets(c)
  })
}

test('a probe tells what both servers offer, twice the same, and names nobody', async (t) => {
  const s = await servers(t)
  const connector = mail.smtp({
    host: '127.0.0.1',
    port: s.sink.port,
    ...SMTP_LOGIN,
    from: FROM,
    imap: { host: '127.0.0.1', port: s.imap.port, ...IMAP_LOGIN },
  })
  const connection = await connector.open({ dataFolder: s.folder })
  t.after(() => connector.close(connection))
  const [first, second] = [await connector.probe!(connection), await connector.probe!(connection)]
  assert.deepEqual(first, second)
  const { smtp, imap } = first as { smtp: string[]; imap: { sent: string; capabilities: string[] } }
  assert.ok(smtp.includes('AUTH LOGIN PLAIN') && imap.capabilities.includes('SPECIAL-USE'), JSON.stringify(first))
  assert.equal(imap.sent, 'Sent')
  assert.deepEqual([smtp, imap.capabilities], [smtp.toSorted(), imap.capabilities.toSorted()])
  assert.ok(!JSON.stringify([first, connector.target]).includes('c4nary'))
  s.imap.setFaults({ login: 'refused' })
  await assert.rejects(connector.probe!(connection), { code: 'mail.imap_auth' })
})
