import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
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
