import assert from 'node:assert/strict'
import { createServer, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { TEST_TLS } from './certificate.fixture.ts'
import { parseMail } from './parse.ts'
import { startSink, type Sink, type SinkOptions } from './sink.ts'
import { SendFailure, smtpTransport, type FailureKind, type OutgoingMail, type SmtpConfig } from './smtp.ts'

const FROM = 'Mara Lind <mara@northlight.example>'
const MAIL: OutgoingMail = {
  to: 'jonas@brotzeit.example',
  subject: 'Re: Öffnungszeiten',
  text: 'Guten Tag,\n\n.ein Punkt am Anfang und Umlaute: äöüß\n\nMara',
  messageId: 'f-01J9@northlight.example',
  inReplyTo: 'q-1@brotzeit.example',
  references: ['q-0@brotzeit.example', 'q-1@brotzeit.example'],
  date: Date.UTC(2026, 9, 12, 8, 30),
}

async function withSink(t: TestContext, options: SinkOptions = {}): Promise<Sink> {
  const sink = await startSink(options)
  t.after(() => sink.close())
  return sink
}

function transportTo(t: TestContext, port: number, config: Partial<SmtpConfig> = {}) {
  const transport = smtpTransport({ host: '127.0.0.1', port, from: FROM, timeoutMs: 5_000, ...config })
  t.after(() => transport.close())
  return transport
}

async function failure(sending: Promise<unknown>): Promise<SendFailure> {
  const error = await sending.then(
    () => assert.fail('it was sent'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof SendFailure, String(error))
  return error
}

/** A server that answers each line with what `answer` says, for faults that no real server library can be talked into. */
async function scripted(t: TestContext, answer: (line: string, socket: Socket) => string | null): Promise<number> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.write('220 scripted\r\n')
    let rest = ''
    socket.on('data', (chunk) => {
      const lines = (rest + chunk.toString('latin1')).split('\r\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const reply = answer(line, socket)
        if (reply !== null) socket.write(reply)
      }
    })
  })
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** Answers a whole envelope in the affirmative; `content` decides what follows the final dot. */
function plainServer(content: (socket: Socket) => string | null, data = '354 go ahead\r\n') {
  let inContent = false
  return (line: string, socket: Socket): string | null => {
    if (inContent) {
      if (line !== '.') return null
      inContent = false
      return content(socket)
    }
    if (line === 'DATA') {
      inContent = data.startsWith('354')
      return data
    }
    return '250 fine\r\n'
  }
}

test('a mail arrives with exactly the Message-ID, date, threading and text that were given', async (t) => {
  const sink = await withSink(t)
  const sent = await transportTo(t, sink.port).send(MAIL)
  assert.deepEqual(sent.accepted, ['jonas@brotzeit.example'])
  assert.deepEqual(sent.rejected, [])
  assert.match(sent.response, /^250 /)
  assert.equal(sink.count(MAIL.messageId), 1)
  const [arrived] = sink.messages()
  assert.ok(arrived)
  assert.equal(arrived.from, 'mara@northlight.example')
  const raw = Buffer.from(arrived.raw).toString('latin1')
  assert.match(raw, /^Message-ID: <f-01J9@northlight\.example>\r$/im)
  const { message } = await parseMail(arrived.raw)
  assert.deepEqual(message.defects, [])
  assert.equal(message.text.trim(), MAIL.text)
  assert.equal(message.subject, MAIL.subject)
  assert.equal(message.fromName, 'Mara Lind')
  assert.equal(message.date, MAIL.date)
  assert.deepEqual(message.references, ['q-0@brotzeit.example', 'q-1@brotzeit.example'])
})

test('the same mail gives the same bytes', async (t) => {
  const sink = await withSink(t)
  const transport = transportTo(t, sink.port)
  await transport.send(MAIL)
  await transport.send(MAIL)
  const [first, second] = sink.messages()
  assert.deepEqual(first?.raw, second?.raw)
  assert.equal(sink.count(MAIL.messageId), 2)
})

test('a Message-ID too long to fold is sent as it is', async (t) => {
  const sink = await withSink(t)
  const messageId = `${'a'.repeat(240)}@${'b'.repeat(200)}.example`
  await transportTo(t, sink.port).send({ ...MAIL, messageId })
  assert.equal(sink.count(messageId), 1)
})

const byFault: [name: string, options: SinkOptions, kind: FailureKind, code: string, accepted: number][] = [
  ['550 for the sender', { faults: { refuse: 'sender' } }, 'domain', 'mail.refused', 0],
  ['550 for the recipient', { faults: { refuse: 'recipient' } }, 'domain', 'mail.refused', 0],
  ['550 for the content', { faults: { refuse: 'content' } }, 'domain', 'mail.refused', 0],
  ['451 for the sender', { faults: { greylist: 'sender' } }, 'transient', 'mail.deferred', 0],
  ['451 for the recipient', { faults: { greylist: 'recipient' } }, 'transient', 'mail.deferred', 0],
  ['451 for the content', { faults: { greylist: 'content' } }, 'transient', 'mail.deferred', 0],
  ['a connection broken before DATA', { faults: { drop: 'before-data' } }, 'transient', 'mail.connect', 0],
  ['a connection broken within the content', { faults: { drop: 'during-data' } }, 'uncertain', 'mail.lost', 0],
  ['a mail accepted whose answer is lost', { faults: { drop: 'after-accept' } }, 'uncertain', 'mail.lost', 1],
]
for (const [name, options, kind, code, accepted] of byFault) {
  test(`${name} is ${kind}`, async (t) => {
    const sink = await withSink(t, options)
    const error = await failure(transportTo(t, sink.port).send(MAIL))
    assert.deepEqual([error.kind, error.code], [kind, code], error.message)
    assert.equal(sink.messages().length, accepted)
    sink.setFaults({})
    await transportTo(t, sink.port).send(MAIL)
    assert.equal(sink.count(MAIL.messageId), accepted + 1)
  })
}

test('an answer to the content that comes too late is uncertain, a slow one in time is success', async (t) => {
  const sink = await withSink(t, { faults: { slow_ms: 600 } })
  const error = await failure(transportTo(t, sink.port, { timeoutMs: 200 }).send(MAIL))
  assert.deepEqual([error.kind, error.code], ['uncertain', 'mail.lost'])
  assert.equal(sink.count(MAIL.messageId), 1)
  await transportTo(t, sink.port).send(MAIL)
})

test('a refused connection, an unknown host and a silent server are transient', async (t) => {
  const sink = await startSink()
  await sink.close()
  const refused = await failure(transportTo(t, sink.port).send(MAIL))
  assert.deepEqual([refused.kind, refused.code], ['transient', 'mail.connect'])
  const unknown = await failure(transportTo(t, 25, { host: 'smtp.northlight.invalid' }).send(MAIL))
  assert.deepEqual([unknown.kind, unknown.code], ['transient', 'mail.dns'])
  const silent = await scripted(t, () => null)
  const waiting = await failure(transportTo(t, silent, { timeoutMs: 100 }).send(MAIL))
  assert.deepEqual([waiting.kind, waiting.code], ['transient', 'mail.timeout'])
})

test('some recipients refused: the mail is sent to the others and the refused are named', async (t) => {
  const sink = await withSink(t, { faults: { refuseRecipients: ['gone@brotzeit.example'] } })
  const sent = await transportTo(t, sink.port).send({
    ...MAIL,
    to: ['gone@brotzeit.example', 'jonas@brotzeit.example'],
  })
  assert.deepEqual(sent.accepted, ['jonas@brotzeit.example'])
  assert.equal(sent.rejected[0]?.address, 'gone@brotzeit.example')
  assert.match(sent.rejected[0]?.response ?? '', /^550 /)
  assert.deepEqual(sink.messages()[0]?.to, ['jonas@brotzeit.example'])
})

const byReply: [name: string, server: () => Parameters<typeof scripted>[1], kind: FailureKind, code: string][] = [
  ['421 to the content', () => plainServer(() => '421 closing\r\n'), 'transient', 'mail.deferred'],
  ['554 to DATA', () => plainServer(() => null, '554 no\r\n'), 'domain', 'mail.refused'],
  ['half a refusal, then silence', () => plainServer((s) => (s.end('550 n'), null)), 'uncertain', 'mail.lost'],
  ['an answer that is none', () => plainServer(() => 'hello\r\n'), 'uncertain', 'mail.lost'],
  ['354 to the content', () => plainServer(() => '354 more\r\n'), 'uncertain', 'mail.lost'],
  [
    'a second answer to the envelope',
    () => plainServer((s) => (s.destroy(), null), '354 go\r\n'),
    'uncertain',
    'mail.lost',
  ],
  ['421 to the envelope', () => () => '421 busy\r\n', 'transient', 'mail.deferred'],
  ['a server that is no mail server', () => () => 'HTTP/1.1 400 Bad Request\r\n\r\n', 'transient', 'mail.protocol'],
]
for (const [name, server, kind, code] of byReply) {
  test(`${name} is ${kind}`, async (t) => {
    const error = await failure(transportTo(t, await scripted(t, server())).send(MAIL))
    assert.deepEqual([error.kind, error.code], [kind, code], error.message)
  })
}

test('a server that answers one byte at a time is given up', async (t) => {
  const port = await scripted(t, (_line, socket) => {
    setInterval(() => socket.writable && socket.write('2'), 20).unref()
    return null
  })
  const error = await failure(transportTo(t, port, { timeoutMs: 100 }).send(MAIL))
  assert.deepEqual([error.kind, error.code], ['transient', 'mail.timeout'])
})

test('closing the transport ends what is under way and refuses what follows', async (t) => {
  const sink = await withSink(t, { faults: { slow_ms: 10_000 } })
  const transport = transportTo(t, sink.port)
  const sending = failure(transport.send(MAIL))
  while (sink.messages().length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  transport.close()
  assert.equal((await sending).kind, 'uncertain')
  const later = await failure(transport.send(MAIL))
  assert.deepEqual([later.kind, later.code], ['transient', 'mail.closed'])
})

test('a line break in subject, address, id or name never becomes a header', async (t) => {
  const sink = await withSink(t)
  const transport = transportTo(t, sink.port)
  const evil = 'x\r\nBcc: spy@evil.example'
  const mails: OutgoingMail[] = [
    { ...MAIL, subject: evil },
    { ...MAIL, subject: 'x\u2028Bcc: spy@evil.example' },
    { ...MAIL, to: `jonas@brotzeit.example\r\nBcc: spy@evil.example` },
    { ...MAIL, to: 'jonas@brotzeit.example>\r\nRCPT TO:<spy@evil.example' },
    { ...MAIL, to: 'jonas@brotzeit.example, spy@evil.example' },
    { ...MAIL, to: [] },
    { ...MAIL, to: 'unknown@invalid' },
    { ...MAIL, to: 'a@[127.0.0.1]> SIZE=1' },
    { ...MAIL, messageId: `a@b\r\nBcc: spy@evil.example` },
    { ...MAIL, messageId: 'no-at-sign' },
    { ...MAIL, date: Number.NaN },
  ]
  for (const mail of mails) {
    const error = await failure(transport.send(mail))
    assert.deepEqual([error.kind, error.code], ['domain', 'mail.invalid'])
  }
  const named = transportTo(t, sink.port, { from: 'Mara\r\nBcc: spy@evil.example <mara@northlight.example>' })
  assert.equal((await failure(named.send(MAIL))).code, 'mail.invalid')
  assert.equal(sink.messages().length, 0)
  await transport.send({
    ...MAIL,
    inReplyTo: evil,
    references: [evil, 'good@brotzeit.example'],
    text: `a\r\n.\r\nMAIL FROM:<x>`,
  })
  const [arrived] = sink.messages()
  assert.ok(arrived)
  assert.doesNotMatch(Buffer.from(arrived.raw).toString('latin1'), /spy@/)
  const { message } = await parseMail(arrived.raw)
  assert.deepEqual(message.references, ['good@brotzeit.example'])
  assert.equal(message.text.trim(), 'a\n.\nMAIL FROM:<x>')
})

test('no line end but CRLF leaves, so that no server sees the end of the mail before it', async (t) => {
  const sink = await withSink(t)
  const text = 'a\r.\r\nMAIL FROM:<x>\rb\r.\rc\n.\r\nd'
  await transportTo(t, sink.port).send({ ...MAIL, text })
  const raw = Buffer.from(sink.messages()[0]?.raw ?? []).toString('latin1')
  assert.doesNotMatch(raw, /\r(?!\n)|(?<!\r)\n/)
  assert.match(raw, /a\r\n\.\r\nMAIL FROM:<x>\r\nb\r\n\.\r\nc\r\n\.\r\nd/)
})

test('hostile references do not keep a reply from being sent', async (t) => {
  const sink = await withSink(t)
  const references = Array.from({ length: 200 }, (_, i) => `${i}-${'x'.repeat(500)}@brotzeit.example`)
  await transportTo(t, sink.port).send({ ...MAIL, references })
  const { message } = await parseMail(sink.messages()[0]?.raw ?? new Uint8Array())
  assert.equal(message.references[0], references[0])
  assert.ok(message.references.includes(references[199] ?? ''))
  assert.ok(message.references.length < 20)
})

test('an international domain is sent in its ASCII form', async (t) => {
  const sink = await withSink(t)
  await transportTo(t, sink.port).send({ ...MAIL, to: 'info@bäckerei.example' })
  const raw = Buffer.from(sink.messages()[0]?.raw ?? []).toString('latin1')
  assert.match(raw, /^To: info@xn--bckerei-5wa\.example\r$/m)
})

const LOGIN = { user: 'mara', password: 'hunter2-s3cret' }

test('a login works, and a refused one is domain and never shows the password', async (t) => {
  const sink = await withSink(t, { login: LOGIN })
  await transportTo(t, sink.port, LOGIN).send(MAIL)
  const wrong = { user: 'mara', password: 'wr0ng-pässword' }
  const transport = transportTo(t, sink.port, wrong)
  for (const call of [() => transport.send(MAIL), () => transport.verify()]) {
    const error = await failure(call())
    assert.deepEqual([error.kind, error.code, error.reply], ['domain', 'mail.auth', 535])
    assert.doesNotMatch(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`, /wr0ng/)
    assert.match(error.message, /\[secret\]/)
  }
})

test('a server that offers no login fails one that was configured', async (t) => {
  const sink = await withSink(t)
  const error = await failure(transportTo(t, sink.port, LOGIN).send(MAIL))
  assert.deepEqual([error.kind, error.code], ['domain', 'mail.auth'])
  assert.equal(sink.messages().length, 0)
})

test('STARTTLS is used where offered, and an untrusted certificate is domain', async (t) => {
  const sink = await withSink(t, { login: LOGIN, tls: TEST_TLS })
  await transportTo(t, sink.port, { ...LOGIN, host: 'localhost', ca: TEST_TLS.cert }).send(MAIL)
  assert.equal(sink.messages().length, 1)
  const error = await failure(transportTo(t, sink.port, LOGIN).send(MAIL))
  assert.deepEqual([error.kind, error.code], ['domain', 'mail.tls'])
})

test('no login crosses an unencrypted connection that is not loopback', async (t) => {
  const lines: string[] = []
  const port = await scripted(t, (line) => {
    lines.push(line)
    return line.startsWith('EHLO') ? '250-hi\r\n250 AUTH PLAIN LOGIN\r\n' : '502 no\r\n'
  })
  // 0.0.0.0 reaches this machine without being a loopback address.
  const error = await failure(transportTo(t, port, { ...LOGIN, host: '0.0.0.0' }).send(MAIL))
  assert.equal(error.kind, 'domain')
  assert.deepEqual(
    lines.map((line) => line.split(' ')[0]),
    ['EHLO', 'STARTTLS'],
  )
})

test('verify answers for a server that is there and fails for one that is not', async (t) => {
  const sink = await startSink()
  const transport = transportTo(t, sink.port)
  await transport.verify()
  await sink.close()
  assert.equal((await failure(transport.verify())).kind, 'transient')
})
