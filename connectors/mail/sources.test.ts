import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { MboxSplitter } from './mbox.ts'
import { LIMITS } from './message.ts'
import { mailSources } from './sources.ts'

async function folderWith(t: TestContext, files: Record<string, string | Uint8Array>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mails-'))
  t.after(() => rm(folder, { recursive: true }))
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), content)
  }
  return folder
}

async function all(path: string): Promise<[name: string, text: string][]> {
  const found: [string, string][] = []
  for await (const mail of mailSources(path))
    found.push([mail.name, 'raw' in mail ? Buffer.from(mail.raw).toString('latin1') : mail.unreadable])
  return found
}

const FROM = 'From ann@one.example Mon Oct  5 07:41:18 2026\n'

test('an .eml file is one mail, whatever it starts with', async (t) => {
  const folder = await folderWith(t, { 'a.eml': `${FROM}Subject: a\n\nHi\n\n${FROM}still a` })
  assert.deepEqual(await all(join(folder, 'a.eml')), [['a.eml', `${FROM}Subject: a\n\nHi\n\n${FROM}still a`]])
})

test('an mbox is taken apart at From lines, and quoted From lines lose one >', async (t) => {
  const mbox = `${FROM}Subject: a\n\n>From here\n>>From there\n>From\nFrom me to you\n\nFrom now on, 2026\n\n${FROM}Subject: b\n\nHi\n\n${FROM}Subject: c\n\nno end`
  const folder = await folderWith(t, { 'x.mbox': mbox, inbox: mbox.replaceAll('\n', '\r\n') })
  const mails = [
    'Subject: a\n\nFrom here\n>From there\n>From\nFrom me to you\n\nFrom now on, 2026\n',
    'Subject: b\n\nHi\n',
    'Subject: c\n\nno end',
  ]
  assert.deepEqual(
    await all(join(folder, 'x.mbox')),
    mails.map((mail, i) => [`x.mbox#${i + 1}`, mail]),
  )
  assert.deepEqual(
    await all(join(folder, 'inbox')),
    mails.map((mail, i) => [`inbox#${i + 1}`, mail.replaceAll('\n', '\r\n')]),
  )
})

test('an mbox gives the same mails wherever its chunks end', () => {
  const file = Buffer.from(`${FROM}Subject: a\r\n\r\n>From x\n\n${FROM}${'y'.repeat(200_000)}\nFrom \n\n${FROM}\n`)
  const whole = new MboxSplitter()
  const expected = [...whole.push(file), ...whole.end()]
  assert.equal(expected.length, 3)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: file.length }), { maxLength: 8 }), (cuts) => {
      const splitter = new MboxSplitter()
      const ends = [...cuts.sort((a, b) => a - b), file.length]
      const mails = ends.flatMap((end, i) => splitter.push(file.subarray(ends[i - 1] ?? 0, end)))
      assert.deepEqual([...mails, ...splitter.end()], expected)
    }),
  )
})

test('a mail over the limit in an mbox is cut one byte above it and the next one is whole', () => {
  const splitter = new MboxSplitter()
  const mails = [...splitter.push(Buffer.from(FROM))]
  const block = Buffer.alloc(1024 * 1024, 'x')
  for (let i = 0; i < 40; i++) mails.push(...splitter.push(block))
  mails.push(...splitter.push(Buffer.from(`\n\n${FROM}Subject: b\n\nHi\n`)), ...splitter.end())
  assert.deepEqual(
    mails.map((mail) => mail.length),
    [LIMITS.mail_bytes + 1, 'Subject: b\n\nHi\n'.length],
  )
})

test('a folder gives its files in order, below too, without dot files, with and without extension', async (t) => {
  const folder = await folderWith(t, {
    'b.eml': 'b',
    a: 'a',
    '.hidden': 'x',
    'sub/c.txt': 'c',
    '.git/d': 'x',
    'empty.eml': '',
  })
  await symlink(folder, join(folder, 'loop'))
  await symlink(join(folder, 'a'), join(folder, 'z'))
  assert.deepEqual(await all(folder), [
    ['a', 'a'],
    ['b.eml', 'b'],
    ['empty.eml', ''],
    ['sub/c.txt', 'c'],
    ['z', 'a'],
  ])
})

test('a Maildir gives cur and new, not what is still being written to tmp', async (t) => {
  const folder = await folderWith(t, { 'cur/1.M2P3.host:2,S': 'one', 'new/2.M2P3.host': 'two', 'tmp/3.host': 'three' })
  assert.deepEqual(await all(folder), [
    ['cur/1.M2P3.host:2,S', 'one'],
    ['new/2.M2P3.host', 'two'],
  ])
})

test('what below a folder cannot be read is named, and the rest goes on', async (t) => {
  const folder = await folderWith(t, { 'a.eml': 'a', 'c/d.eml': 'd', 'z.eml': 'z' })
  await symlink(join(folder, 'nowhere'), join(folder, 'b.eml'))
  await symlink(join(folder, 'nowhere'), join(folder, 'c/e.eml'))
  const found = await all(folder)
  assert.deepEqual(
    found.map(([name]) => name),
    ['a.eml', 'b.eml', 'c/d.eml', 'c/e.eml', 'z.eml'],
  )
  assert.match(found[1]![1], /b\.eml does not exist/)
})

test('a path that is missing, unreadable or no file has a code and says what to do', async (t) => {
  const folder = await folderWith(t, { 'locked.eml': 'x' })
  await assert.rejects(all(join(folder, 'none')), {
    name: 'MailError',
    code: 'mail.source_missing',
    message: /check the path/,
  })
  await assert.rejects(all('/dev/null'), { code: 'mail.source_unsupported' })
  await chmod(join(folder, 'locked.eml'), 0)
  // Root reads everything.
  if (process.getuid?.() !== 0)
    await assert.rejects(all(join(folder, 'locked.eml')), { code: 'mail.source_unreadable' })
  await assert.rejects(all(join(folder, 'locked.eml', 'below')), { code: 'mail.source_unreadable' })
})
