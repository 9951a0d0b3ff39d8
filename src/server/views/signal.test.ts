import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { mail } from '../../../connectors/mail/index.ts'
import { onEachStore } from '../../../test/each-store.ts'
import { FactotumError } from '../../lib/errors.ts'
import { signal, workflow, z } from '../../index.ts'
import { testCompany } from '../../testing.ts'

const SVG = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
const MAIL = [
  'From: Ada <ada@bakery.example>',
  'To: hello@northlight.example',
  'Subject: Our logo',
  'Message-ID: <logo-1@bakery.example>',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary="b"',
  '',
  '--b',
  'Content-Type: text/plain',
  '',
  'Here it is, twice.',
  '--b',
  'Content-Type: image/svg+xml; name="logo.svg"',
  'Content-Disposition: attachment; filename="../../logo.svg"',
  '',
  SVG,
  '--b',
  'Content-Type: text/csv; name="list.csv"',
  'Content-Disposition: attachment; filename="list.csv"',
  '',
  'a,b',
  '--b--',
  '',
].join('\r\n')

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'factotum-signal-'))
  await writeFile(join(folder, 'logo.eml'), MAIL)
  await writeFile(join(folder, 'price.md'), '# Prices\n\nA cake is 20 EUR.\n')
})
after(() => rm(folder, { recursive: true, force: true }))

const bell = signal('bell', z.object({ rang: z.int() }))

onEachStore('what came in is read whole, with the files that came with it, until it is erased', async (url) => {
  const answer = workflow('answer', { on: mail.received }, (ctx, m) => ctx.ask({ title: m.subject }))
  const rung = workflow('rung', { on: bell }, async () => null)
  await using c = await testCompany({
    ...(url ? { url } : {}),
    connectors: [mail.outbox({ from: 'hello@northlight.example' })],
    workflows: [answer, rung],
  })
  const path = join(folder, 'logo.eml')
  await c.ask('ingest', { path })
  await c.idle()
  await c.send(bell, { rang: 1 })

  const listed = await c.list('signals', {})
  assert.deepEqual(
    listed.map(({ kind, subject, party }) => [kind, subject, party]),
    [
      ['bell', null, null],
      ['mail.received', 'Our logo', 'ada@bakery.example'],
    ],
  )
  const id = listed[1]!.id
  const one = await c.ask('signal', { id: id.slice(6) })
  assert.deepEqual(one.message, { party: 'ada@bakery.example', subject: 'Our logo', text: 'Here it is, twice.' })
  assert.deepEqual(one.files, [
    { n: 0, name: 'logo.svg', type: 'image/svg+xml', size: SVG.length },
    { n: 1, name: 'list.csv', type: 'text/csv', size: 3 },
  ])
  assert.deepEqual([one.id, one.state, one.trust, one.size], [id, 'routed', 'outsider', Buffer.byteLength(MAIL)])
  assert.deepEqual(
    one.runs.map((run) => [run.workflow, run.state]),
    [['answer', 'waiting']],
  )
  const talk = await c.ask('conversation', { id: one.conversation! })
  assert.deepEqual(talk.lines[0]!.files, one.files)
  const [gate] = await c.queue()
  assert.deepEqual(
    gate!.evidence.map((e) => [e.kind, e.record]),
    [['signal', id]],
  )

  const read = async (args: { id: string; n?: number }) => {
    const { base64, ...rest } = await c.ask('file', args)
    return { ...rest, text: Buffer.from(base64, 'base64').toString() }
  }
  assert.deepEqual(await read({ id, n: 0 }), { name: 'logo.svg', type: 'image/svg+xml', size: SVG.length, text: SVG })
  const whole = { name: `${id}.eml`, type: 'application/octet-stream', size: Buffer.byteLength(MAIL), text: MAIL }
  assert.deepEqual(await read({ id }), whole)
  await assert.rejects(read({ id, n: 2 }), { code: 'file.not_found', message: /the files 0 to 1, and no 2/ })
  await assert.rejects(read({ id: listed[0]!.id, n: 0 }), { code: 'file.not_found', message: /No file came/ })
  assert.equal((await c.ask('signal', { id: listed[0]!.id })).message, null)

  const kept = await c.ask('remember', { path: join(folder, 'price.md') })
  assert.equal((await c.ask('document', { id: kept.id })).hasFile, true)
  assert.match((await read({ id: kept.id })).text, /A cake is 20 EUR/)
  await assert.rejects(read({ id: 'doc_nowhere' }), { code: 'file.not_found' })

  const { binding } = await c.ask('forgetPlan', { who: 'ada@bakery.example', also: [] })
  await c.ask('forget', { who: 'ada@bakery.example', end: true, binding })
  const gone = await c.ask('signal', { id })
  assert.deepEqual([gone.message, gone.payload, gone.files, gone.size], [null, null, [], null])
  await assert.rejects(read({ id }), { code: 'file.erased' })
  await assert.rejects(read({ id, n: 0 }), FactotumError)
  await c.check()
})

onEachStore('what was set aside is read as far as it can be, and why', async (url) => {
  await using c = await testCompany({
    ...(url ? { url } : {}),
    connectors: [mail.outbox({ from: 'hello@northlight.example' })],
    workflows: [],
  })
  const path = join(folder, 'forged.eml')
  await writeFile(path, MAIL)
  await c.ask('ingest', { path })
  await writeFile(path, MAIL.replace('Here it is', 'Pay here'))
  await c.ask('ingest', { path })
  await c.idle()
  const [aside] = await c.list('signals', { state: 'quarantined' })
  const one = await c.ask('signal', { id: aside!.id })
  assert.match(one.reason!, /forged/)
  assert.match(one.message!.text, /^Pay here/)
  assert.deepEqual([one.runs, one.conversation], [[], null])
  assert.equal((await c.ask('today', {})).stuck.quarantined, 1)
  await c.advance('8d')
  assert.equal((await c.ask('today', {})).stuck.quarantined, 0)
  assert.equal((await c.list('signals', { state: 'quarantined' })).length, 1)
})
