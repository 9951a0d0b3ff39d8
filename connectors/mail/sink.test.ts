import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startSink } from './sink.ts'
import { smtpTransport } from './smtp.ts'

test('accepted mails are files that the next start counts again, in order', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sink-'))
  t.after(() => rm(folder, { recursive: true }))
  const first = await startSink({ folder })
  const transport = smtpTransport({ host: '127.0.0.1', port: first.port, from: 'mara@northlight.example' })
  const mail = (n: number) => ({
    to: ['a@one.example', 'b@two.example'],
    subject: `Mail ${n}`,
    text: 'Hello',
    messageId: `m${n}@northlight.example`,
    date: 0,
  })
  await Promise.all([1, 2, 3].map((n) => transport.send(mail(n))))
  await transport.send(mail(1))
  transport.close()
  await first.close()
  assert.equal(first.count('m1@northlight.example'), 2)

  const names = await readdir(folder)
  assert.equal(names.length, 4)
  assert.ok(names.every((name) => /^\d{8}T\d{6}Z-00000[1-4]\.eml$/.test(name)))
  assert.match(await readFile(join(folder, names[0] ?? ''), 'utf8'), /^Return-Path: <mara@northlight\.example>\r\n/)

  const second = await startSink({ folder })
  t.after(() => second.close())
  assert.deepEqual(second.messages(), first.messages())
  assert.equal(second.count('m1@northlight.example'), 2)
  assert.equal(second.count('m2@northlight.example'), 1)
})

/** A client that hands over everything of a mail but the final dot. Answers how to end it, and what the server then says. */
async function almostSent(port: number, id: string): Promise<() => Promise<string>> {
  const socket = connect(port, '127.0.0.1')
  let said = ''
  socket.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const answered = async (code: string) => {
    while (!new RegExp(`^${code} `, 'm').test(said)) await new Promise((resolve) => setTimeout(resolve, 2))
    said = ''
  }
  await answered('220')
  for (const line of ['HELO me', 'MAIL FROM:<a@one.example>', 'RCPT TO:<b@two.example>']) {
    socket.write(`${line}\r\n`)
    await answered('250')
  }
  socket.write('DATA\r\n')
  await answered('354')
  socket.write(`Message-ID: <${id}>\r\n\r\nHello\r\n`)
  return async () => {
    socket.write('.\r\n')
    while (!said.includes('\r\n')) await new Promise((resolve) => setTimeout(resolve, 2))
    socket.destroy()
    return said
  }
}

test('what is settled as absent does not arrive after that from who was under way, and does from who comes later', async (t) => {
  const sink = await startSink()
  t.after(() => sink.close())
  const finish = await almostSent(sink.port, 'm1@northlight.example')
  const other = await almostSent(sink.port, 'm2@northlight.example')
  const isIt = (id: string) => id === 'm1@northlight.example'
  assert.equal(await sink.settle(isIt), null)
  assert.match(await finish(), /^452 /)
  assert.match(await other(), /^250 /)
  assert.equal(sink.count('m1@northlight.example'), 0)
  const again = await almostSent(sink.port, 'm1@northlight.example')
  assert.match(await again(), /^250 /)
  assert.equal((await sink.settle(isIt))?.messageId, 'm1@northlight.example')
})

test('two sinks of one folder write nothing over', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sink-'))
  t.after(() => rm(folder, { recursive: true }))
  const sinks = [await startSink({ folder }), await startSink({ folder })]
  for (const sink of sinks) t.after(() => sink.close())
  const mails = sinks.flatMap((sink, i) =>
    [1, 2, 3, 4, 5].map(async (n) => (await almostSent(sink.port, `${i}-${n}@northlight.example`))()),
  )
  for (const said of await Promise.all(mails)) assert.match(said, /^250 /)
  assert.equal((await readdir(folder)).filter((name) => name.endsWith('.eml')).length, 10)
})
