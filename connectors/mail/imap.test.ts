import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { ActionError } from '../../src/connector.ts'
import { TEST_TLS } from './certificate.fixture.ts'
import { imapAccount, type ImapConfig, type ImapVisit } from './imap.ts'
import { sentOverImap } from './imap-sent.ts'
import { startImap, type ImapFaults, type ImapOptions, type ImapServer } from './imap.fixture.ts'

const LOGIN = { user: 'mara@northlight.example', password: 'c4nary-"\\pässword' }
const MAIL = Buffer.from('Message-ID: <a1b2@northlight.example>\r\nSubject: x\r\n\r\n{5}\r\n* OK )"\r\n')
const NEVER = new AbortController().signal

async function withImap(t: TestContext, options: Partial<ImapOptions> = {}): Promise<ImapServer> {
  const imap = await startImap({ login: LOGIN, ...options })
  t.after(() => imap.close())
  return imap
}

function account(t: TestContext, imap: ImapServer, config: Partial<ImapConfig> = {}) {
  const opened = imapAccount({ host: '127.0.0.1', port: imap.port, ...LOGIN, timeoutMs: 2_000, ...config })
  t.after(() => opened.close())
  return opened
}

async function failure(visiting: Promise<unknown>): Promise<ActionError> {
  const error = await visiting.then(
    () => assert.fail('it worked'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof ActionError, String(error))
  const all = `${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`
  assert.ok(!all.includes('c4nary'), all)
  return error
}

/** Until the server has seen the last of its clients. */
async function alone(imap: ImapServer): Promise<void> {
  while (imap.open > 0) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('a mail is stored byte for byte, marked as read, found again, and no connection stays open', async (t) => {
  const imap = await withImap(t)
  const mara = account(t, imap)
  await mara.visit(NEVER, async (visit) => {
    assert.equal(await visit.sentFolder(), 'Sent')
    assert.equal(await visit.find('Sent', 'a1b2'), null)
    await visit.append('Sent', MAIL)
    assert.equal(await visit.find('Sent', 'a1b2'), 'a1b2@northlight.example')
    assert.equal(await visit.find('Sent', 'a1b'), null)
    assert.ok(visit.capabilities().includes('SPECIAL-USE'))
  })
  const [stored] = imap.mails('Sent')
  assert.deepEqual(stored?.raw, MAIL)
  assert.deepEqual(stored?.flags, ['\\Seen'])
  await alone(imap)
  assert.equal(imap.commands.at(-1), 'LOGOUT')
})

test('the folder is the one that is marked, the one that is named, or an error that says what to do', async (t) => {
  const marked = await withImap(t, { folders: [{ path: 'INBOX' }, { path: '[Gmail]/Gesendet', use: '\\Sent' }] })
  const folder = (visit: ImapVisit) => visit.sentFolder()
  assert.equal(await account(t, marked).visit(NEVER, folder), '[Gmail]/Gesendet')
  assert.equal(await account(t, marked, { sent: 'Out' }).visit(NEVER, folder), 'Out')
  const none = await failure(account(t, marked, { sent: 'Out' }).visit(NEVER, (visit) => visit.append('Out', MAIL)))
  assert.deepEqual([none.kind, none.code], ['domain', 'mail.imap_no_folder'])
  const bare = await withImap(t, { folders: [{ path: 'INBOX' }] })
  assert.equal((await failure(account(t, bare).visit(NEVER, folder))).code, 'mail.imap_no_folder')
})

test('what a search names is looked at: a server that names everything finds nothing that is not there', async (t) => {
  const imap = await withImap(t, { faults: { findsEverything: true } })
  imap.put('Sent', MAIL)
  imap.put('Sent', Buffer.from('Subject: no id\r\n\r\n'))
  const mara = account(t, imap)
  assert.equal(await mara.visit(NEVER, (visit) => visit.find('Sent', 'ffff')), null)
  assert.equal(await mara.visit(NEVER, (visit) => visit.find('Sent', 'a1b2')), 'a1b2@northlight.example')
})

const byFault: [what: string, faults: ImapFaults, kind: string, code: string][] = [
  ['a login refused with the password in the answer', { login: 'refused' }, 'domain', 'mail.imap_auth'],
  ['a login that is not possible now', { login: 'unavailable' }, 'transient', 'mail.imap_unavailable'],
  ['a connection broken at the greeting', { drop: 'greeting' }, 'transient', 'mail.imap_connect'],
  ['a connection broken in a search', { drop: 'search' }, 'transient', 'mail.imap_connect'],
  ['a search refused', { refuse: 'search' }, 'domain', 'mail.imap_refused'],
  ['a full mailbox', { refuse: 'append' }, 'domain', 'mail.imap_refused'],
  ['a connection broken in an append', { drop: 'append' }, 'transient', 'mail.imap_connect'],
  ['a server that is none', { garbage: true }, 'transient', 'mail.imap_timeout'],
]
for (const [what, faults, kind, code] of byFault) {
  test(`${what} is ${kind}, without the password`, async (t) => {
    const imap = await withImap(t, { faults })
    const error = await failure(
      account(t, imap, { timeoutMs: 500 }).visit(NEVER, async (visit) => {
        await visit.find('Sent', 'a1b2')
        await visit.append('Sent', MAIL)
      }),
    )
    assert.deepEqual([error.kind, error.code], [kind, code], error.message)
    await alone(imap)
  })
}

test('a wrong password is domain, and one that the server says back is blotted out', async (t) => {
  const imap = await withImap(t)
  const wrong = account(t, imap, { password: 'c4nary-wrong' })
  const error = await failure(wrong.visit(NEVER, (visit) => visit.sentFolder()))
  assert.equal(error.code, 'mail.imap_auth')
  assert.match(error.message, /\[secret\]/)
})

test('a server that is not there, has no name, or is slow is transient, and a visit ends when it is told to', async (t) => {
  const imap = await startImap({ login: LOGIN })
  await imap.close()
  const look = (visit: ImapVisit) => visit.sentFolder()
  assert.equal((await failure(account(t, imap).visit(NEVER, look))).code, 'mail.imap_connect')
  const unknown = account(t, imap, { host: 'imap.northlight.invalid' })
  assert.equal((await failure(unknown.visit(NEVER, look))).code, 'mail.imap_dns')
  const slow = await withImap(t, { faults: { slow_ms: 60_000 } })
  const late = await failure(account(t, slow, { timeoutMs: 100 }).visit(NEVER, look))
  assert.deepEqual([late.kind, late.code], ['transient', 'mail.imap_timeout'])
  const stop = new AbortController()
  const visiting = failure(account(t, slow).visit(stop.signal, look))
  stop.abort()
  assert.equal((await visiting).code, 'mail.imap_timeout')
  const closing = account(t, slow)
  const closed = failure(closing.visit(NEVER, look))
  closing.close()
  assert.equal((await closed).kind, 'transient')
  assert.equal((await failure(closing.visit(NEVER, look))).kind, 'transient')
  await alone(slow)
})

test('TLS from the first byte and STARTTLS both work, and an untrusted certificate is refused', async (t) => {
  for (const implicit of [true, false]) {
    const imap = await withImap(t, { tls: { ...TEST_TLS, implicit } })
    const trusting = { host: 'localhost', secure: implicit, ca: TEST_TLS.cert }
    assert.equal(await account(t, imap, trusting).visit(NEVER, (visit) => visit.sentFolder()), 'Sent')
    assert.equal(imap.commands.includes('STARTTLS'), !implicit)
    const error = await failure(account(t, imap, { secure: implicit }).visit(NEVER, (visit) => visit.sentFolder()))
    assert.deepEqual([error.kind, error.code], ['domain', 'mail.imap_tls'], error.message)
  }
})

test('no login crosses an unencrypted connection that is not loopback', async (t) => {
  const imap = await withImap(t)
  // 0.0.0.0 reaches this machine without being a loopback address.
  const error = await failure(account(t, imap, { host: '0.0.0.0' }).visit(NEVER, (visit) => visit.sentFolder()))
  assert.deepEqual([error.kind, error.code], ['domain', 'mail.imap_tls'], error.message)
  assert.deepEqual(
    imap.commands.filter((command) => command === 'AUTHENTICATE' || command === 'LOGIN'),
    [],
  )
})

test('absence proves that nothing was sent only while the copy cannot have been deleted since', async (t) => {
  const imap = await withImap(t)
  const sent = sentOverImap(account(t, imap), { filesEverySubmission: true, settle_ms: 20 })
  const hours = (n: number) => n * 60 * 60_000
  assert.deepEqual(await sent.find('a1b2', NEVER), { found: 'no' })
  assert.deepEqual(await sent.find('a1b2', NEVER, hours(0.5)), { found: 'no' })
  assert.deepEqual(await sent.find('a1b2', NEVER, hours(2)), { found: 'unknown' })
  imap.put('Sent', MAIL)
  assert.equal((await sent.find('a1b2', NEVER, hours(2))).found, 'yes')
})
