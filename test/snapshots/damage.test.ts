/** Archives damaged where a checksum of their own does not see it: inside what is compressed, and in every part. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { FactotumError } from '../../src/index.ts'
import { eventLeaf } from '../../src/lib/event-leaf.ts'
import { readTar, TAR_END, tarHeader, tarPadding } from '../../src/lib/tar.ts'
import { readArchive } from '../../src/server/snapshots/read.ts'
import { Shop } from '../shop.ts'
import { live, places, restoreTo, snapshotOf, stage } from './stage.ts'

type Part = readonly [name: string, content: Buffer]

async function partsOf(archive: Buffer): Promise<Part[]> {
  const parts: Part[] = []
  for await (const entry of readTar(Readable.from([archive]))) {
    const chunks: Buffer[] = []
    for await (const chunk of entry.content()) chunks.push(chunk)
    parts.push([entry.name, Buffer.concat(chunks)])
  }
  return parts
}

function archiveOf(parts: readonly Part[]): Buffer {
  const pieces = parts.flatMap(([name, bytes]) => [tarHeader(name, bytes.length, 0), bytes, tarPadding(bytes.length)])
  return Buffer.concat([...pieces, TAR_END])
}

const packed = (name: string) => name.endsWith('.zst')

function* damages(text: string): Generator<string> {
  for (const junk of ['', '\n', '{', 'null\n', '[]\n', '{}\n', '1\n', '"x"\n', '[null,null,null]\n', '\ufffd\n'])
    yield junk
  yield text.slice(0, text.length >> 1)
  yield text.slice(0, -1)
  yield `${text}x`
  const lines = text.split('\n')
  for (let at = 0; at < Math.min(lines.length, 60); at++) {
    const line = lines[at]!
    for (const junk of [
      '',
      '{',
      'null',
      '[]',
      '[1,2,3]',
      line.slice(0, -1),
      line.replace('"', "'"),
      line.replace(/\d/, '9'),
    ])
      if (junk !== line) yield lines.with(at, junk).join('\n')
  }
}

const isCoded = (error: unknown) => {
  assert.ok(error instanceof FactotumError, `a raw error: ${String(error)}`)
  assert.match(error.code, /^(archive|ledger)\./)
  assert.match(error.message, /\. [A-Z].*\.$|does not verify/s, 'what happened, and what to do')
  return true
}

test('each part of an archive, emptied, cut, or with other words in it, is refused by a code that says what to do', async (t) => {
  await using c = await stage(new Shop())
  await live(c)
  const whole = await partsOf(await readFile(await snapshotOf(c)))
  const read = (parts: readonly Part[]) => readArchive(Readable.from([archiveOf(parts)]), c.open.keys.vkey)
  let tried = 0
  for (const [at, [name, content]] of whole.entries()) {
    const text = packed(name) ? zstdDecompressSync(content).toString() : content.toString('latin1')
    for (const other of damages(text)) {
      const bytes = packed(name) ? zstdCompressSync(other) : Buffer.from(other, 'latin1')
      if (bytes.equals(content)) continue
      await assert.rejects(read(whole.with(at, [name, bytes])), isCoded, `${name}: ${other.slice(0, 80)}`)
      tried++
    }
    await assert.rejects(read(whole.toSpliced(at, 1)), isCoded, `without ${name}`)
    await assert.rejects(read(whole.toSpliced(at, 0, whole[at]!)), isCoded, `${name} twice`)
  }
  t.diagnostic(`${tried} damages of ${whole.length} parts`)
})

test('a ledger with made up events restores nothing, whatever they do to the tables, and is what is blamed', async () => {
  await using c = await stage(new Shop())
  await live(c)
  const whole = await partsOf(await readFile(await snapshotOf(c)))
  const at = whole.findIndex(([name]) => name.startsWith('ledger/'))
  const [name, content] = whole[at]!
  const lines = zstdDecompressSync(content).toString().split('\n')
  // Each fits its own leaf, so that only the root gives it away: at the end, when its tables have been written.
  const forged = (change: (fields: unknown[]) => void) =>
    lines.map((line) => {
      if (!line.startsWith('[')) return line
      const fields = JSON.parse(line) as unknown[]
      change(fields)
      const [seq, key, kind, stream, actor, cause, when, body, privateHash] = fields
      const event = { seq, key, kind, stream, actor, cause, at: when, body, privateHash } as Parameters<
        typeof eventLeaf
      >[0]
      fields[9] = eventLeaf(event).toString('base64')
      return JSON.stringify(fields)
    })
  const ways: [string, (fields: unknown[]) => void][] = [
    ['a body that is no JSON', (f) => (f[7] = '{')],
    ['an empty body', (f) => (f[7] = 'null')],
    ['a kind that nobody knows', (f) => (f[2] = 'x.y@1')],
    ['one stream for all', (f) => (f[3] = 'x')],
    ['a number twice', (f) => (f[0] = 0)],
    ['a character that PostgreSQL does not take', (f) => (f[3] = 'x\0')],
  ]
  const file = join(c.folder, 'data/damaged.factotum')
  for (const [how, change] of ways) {
    await writeFile(file, archiveOf(whole.with(at, [name, zstdCompressSync(forged(change).join('\n'))])))
    for (const place of await places()) {
      await using there = place
      await assert.rejects(restoreTo(c, file, there), isCoded, `${how}, ${there.name}`)
      assert.deepEqual(await readdir(dirname(there.folder)), [], how)
    }
  }
})

test('a folder that no company can be put at is refused before a byte is read', async (t) => {
  await using c = await stage(new Shop())
  const root = await mkdtemp(join(tmpdir(), 'factotum-unfit-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  await writeFile(join(root, 'file'), '')
  const archive = async function* (): AsyncGenerator<never> {
    yield assert.fail('it was read')
  }
  const [place] = await places()
  await using there = place!
  for (const name of ['file', 'file/below', 'file/below/that'])
    await assert.rejects(restoreTo(c, '/dev/null', { ...there, folder: join(root, name) }, { archive: archive() }), {
      code: 'snapshot.bad_folder',
    })
  assert.deepEqual(await readdir(root), ['file'])
  const url = 'postgres://nobody:secret@127.0.0.1:1/none'
  await assert.rejects(restoreTo(c, '/dev/null', { ...there, url }), (error: FactotumError) => {
    assert.equal(error.code, 'snapshot.bad_database')
    assert.doesNotMatch(error.message, /secret/)
    return true
  })
})

test('a mount point is refused, and a folder below it is taken', async (t) => {
  const mounts = (script: string, ...args: string[]) =>
    execFileSync('unshare', ['-rm', 'sh', '-ec', script, 'sh', ...args], { encoding: 'utf8', stdio: 'pipe' })
  const root = await mkdtemp(join(tmpdir(), 'factotum-mount-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const at = join(root, 'at')
  await mkdir(at)
  try {
    mounts('mount -t tmpfs none "$1"', at)
  } catch {
    t.skip('mounts need a namespace of their own, which this system does not give')
    return
  }
  await using c = await stage(new Shop())
  await live(c)
  const file = await snapshotOf(c)
  const cli = [process.execPath, 'bin/factotum.js', 'snapshot', 'restore', file]
  const keys = join(c.folder, 'data/keys')
  const out = mounts(
    `mount -t tmpfs none "$1"; keys=$2; at=$1; shift 2
     "$@" "$at" --keys "$keys" 2>&1 && exit 9 || true; ls -A "$at"; "$@" "$at/company" --keys "$keys" >/dev/null; ls -A "$at"`,
    at,
    keys,
    ...cli,
  )
  assert.match(out, /it is a mount point, or in use: name a folder below it/)
  assert.match(out, /snapshot\.bad_folder[^]*\ncompany\n$/)
})
