import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { FactotumError } from '../../lib/errors.ts'
import type { Manifest } from '../../server/snapshots/format.ts'
import { readArchive } from '../../server/snapshots/read.ts'
import { restore, type KeySource } from '../../server/snapshots/restore.ts'
import { difference, summarise, type Summary } from '../../server/snapshots/summary.ts'
import { targetAt } from '../../server/snapshots/targets.ts'
import { ask } from '../client.ts'
import { command, misused, type Invocation } from '../command.ts'
import { companyFolder } from '../company-folder.ts'
import { Progress } from '../progress.ts'
import { ago, columns, oneLine, time } from '../text.ts'

const VERBS: Readonly<Record<string, (call: Invocation, a?: string, b?: string) => Promise<number>>> = {
  create,
  list,
  show,
  diff,
  verify,
  restore: bringBack,
  drill,
}

export const snapshot = command('snapshot', {
  options: {
    to: { type: 'string' },
    key: { type: 'string' },
    keys: { type: 'string' },
    'with-keys': { type: 'boolean' },
    'passphrase-file': { type: 'string' },
    database: { type: 'string' },
  },
  arity: [1, 3],
  async run(call) {
    const [verb, a, b] = call.positionals
    const run = Object.hasOwn(VERBS, verb!) ? VERBS[verb!]! : null
    if (!run) throw usage()
    return run(call, a, b)
  },
})

async function create(call: Invocation): Promise<number> {
  const to = placeOf(call)
  const passphrase = call.flags['with-keys'] ? passphraseOf(call) : undefined
  const progress = new Progress('events')
  const { folder } = call
  const timer = setInterval(() => {
    void ask(folder, 'snapshotProgress', {}).then(
      (p) => p && progress.at(p.done, p.events),
      () => {},
    )
  }, 500)
  let made
  try {
    made = await ask(folder, 'snapshotCreate', { ...to, ...(passphrase === undefined ? {} : { passphrase }) }, (c) => {
      clearInterval(timer)
      c.snapshots.onProgress = (done, events) => progress.at(done, events)
    })
  } finally {
    clearInterval(timer)
    progress.end()
  }
  if (call.json) call.print(made)
  else {
    call.out(`${made.name}: ${made.events} events, ${size(made.bytes)}, in ${made.to}`)
    for (const [path, why] of made.leftOut) call.out(`  left out: ${oneLine(path)} (${why})`)
    if (passphrase === undefined)
      call.out('  without the keys: keep a copy of data/keys, or nobody can restore it (or use --with-keys)')
  }
  return 0
}

async function list(call: Invocation): Promise<number> {
  const found = await ask(call.folder, 'snapshotList', placeOf(call))
  if (call.json) call.print(found)
  else if (found.snapshots.length === 0) call.out(`No snapshots in ${found.to}. Make one: factotum snapshot create`)
  else {
    const rows = found.snapshots.map((s) => [
      s.name,
      `${s.events} events`,
      size(s.bytes),
      ago(s.made),
      s.erasedSince ? 'MAY HOLD what was erased since' : '',
    ])
    for (const line of columns(rows)) call.out(line)
    call.out(`in ${found.to}`)
    const { drill: last } = found
    call.out(
      last
        ? `restore drill: ${last.passed ? 'passed' : 'FAILED'} ${ago(last.at)}`
        : 'never tried: factotum snapshot drill',
    )
  }
  return 0
}

async function show(call: Invocation, file?: string): Promise<number> {
  const manifest = await read(call, file)
  if (call.json) call.print(manifest)
  else printManifest(call, manifest)
  return 0
}

async function verify(call: Invocation, file?: string): Promise<number> {
  const manifest = await read(call, file)
  if (call.json) call.print({ ok: true, events: manifest.events, root: manifest.root, made: manifest.made })
  else call.out(`verified: ${manifest.events} events, root ${manifest.root}, made ${time(manifest.made)}, signed`)
  return 0
}

async function diff(call: Invocation, a?: string, b?: string): Promise<number> {
  if (a === undefined || b === undefined) throw usage()
  const key = keyOf(call)
  const one = async (which: string): Promise<Summary> =>
    which === 'now' ? ask(call.folder, 'snapshotNow', {}) : summarise((await archiveOf(call, which)).bytes, key)
  const found = difference(await one(a), await one(b))
  if (call.json) call.print(found)
  else {
    const signed = (n: number) => (n > 0 ? `+${n}` : String(n))
    const counted = (of: Readonly<Record<string, number>>) =>
      Object.entries(of).map(([name, n]) => [`  ${name}`, signed(n)])
    const files = Object.entries(found.files).map(([file, how]) => [`  ${oneLine(file)}`, how])
    const sections: [title: string, rows: string[][]][] = [
      [`events ${signed(found.events)}`, []],
      ['of them new', counted(found.things)],
      ['by kind', counted(found.kinds)],
      ['files', files],
    ]
    if (found.events === 0 && sections.every(([, rows]) => rows.length === 0)) call.out('nothing differs')
    else
      for (const [title, rows] of sections) {
        if (rows.length === 0 && title !== sections[0]![0]) continue
        call.out(title)
        for (const line of columns(rows)) call.out(line)
      }
  }
  return 0
}

async function bringBack(call: Invocation, file?: string, folder?: string): Promise<number> {
  if (file === undefined || folder === undefined) throw usage()
  const { bytes, size: total } = await archiveOf(call, file)
  const { database } = call.flags
  const progress = new Progress('bytes')
  let done
  try {
    done = await restore({
      archive: bytes,
      folder,
      ...(typeof database === 'string' ? { url: database } : {}),
      keys: keySource(call),
      now: Date.now(),
      onProgress: (read) => progress.at(read, total),
    })
  } finally {
    progress.end()
  }
  const { manifest } = done
  if (call.json)
    call.print({ folder: done.folder, company: manifest.company, events: manifest.events, made: manifest.made })
  else {
    call.out(
      `${manifest.company.name} is in ${done.folder}: ${manifest.events} events, as of ${time(manifest.made)}, verified, and its tables are what they say.`,
    )
    call.out('It is paused: nothing leaves it. Make sure that the original no longer runs, then:')
    call.out(`  cd ${folder}${existsSync(join(done.folder, 'package.json')) ? ' && npm install' : ''}`)
    if (typeof database === 'string') call.out('  export DATABASE_URL=…   the database that you named')
    call.out('  npx factotum resume && npx factotum start')
    call.out('What was held to leave is asked for again, for the original may have done it since.')
  }
  return 0
}

async function drill(call: Invocation): Promise<number> {
  const tried = await ask(call.folder, 'snapshotDrill', placeOf(call))
  if (call.json) call.print(tried)
  else if (tried.passed) call.out(`passed: ${tried.name} restores, its ledger verifies, its tables are identical`)
  else call.out(`FAILED: ${tried.name}: ${oneLine(tried.problem ?? '', 400)}`)
  return tried.passed ? 0 : 1
}

async function read(call: Invocation, file: string | undefined): Promise<Manifest> {
  const { bytes, size: total } = await archiveOf(call, file)
  const progress = new Progress('bytes')
  try {
    return await readArchive(bytes, keyOf(call), {}, (done) => progress.at(done, total))
  } finally {
    progress.end()
  }
}

/** A file, or the name of a snapshot in the company's place. */
async function archiveOf(
  call: Invocation,
  file: string | undefined,
): Promise<{ bytes: AsyncIterable<Uint8Array>; size: number }> {
  if (file === undefined) throw usage()
  const there = statSync(file, { throwIfNoEntry: false })
  if (there?.isDirectory())
    throw new FactotumError('snapshot.no_file', `${file} is a folder. Name one of the archives in it.`)
  if (there) return { bytes: createReadStream(file, { highWaterMark: 1024 * 1024 }), size: there.size }
  if (!file.includes('/') || file.startsWith('s3://')) {
    const cut = file.lastIndexOf('/')
    const given = file.startsWith('s3://') ? { to: file.slice(0, cut) } : placeOf(call)
    const found =
      given.to !== undefined && file.startsWith('s3://') ? given.to : (await ask(call.folder, 'snapshotList', given)).to
    const target = await targetAt(found, '/')
    const name = file.slice(cut + 1)
    const stored = (await target.list()).find((s) => s.name === name)
    if (stored) return { bytes: target.get(name), size: stored.bytes }
  }
  throw new FactotumError('snapshot.no_file', `There is no ${file}. "factotum snapshot list" shows what there is.`)
}

function keyOf(call: Invocation): string {
  const { key } = call.flags
  if (typeof key === 'string') {
    if (existsSync(key)) return readFileSync(key, 'utf8').trim()
    if (key.includes('+')) return key
    throw new FactotumError('snapshot.no_key', `There is no file ${key}, and it is not a public key itself.`)
  }
  const own = ownKey(call)
  if (own !== null) return own
  throw new FactotumError(
    'snapshot.no_key',
    'An archive is verified with the public key that you trust: --key K, a copy of data/keys/ledger.pub.',
  )
}

/** Of the company that the command stands in, if it does. */
function ownKey(call: Invocation): string | null {
  const { company } = call.flags
  try {
    const file = join(companyFolder(typeof company === 'string' ? company : undefined), 'data/keys/ledger.pub')
    return existsSync(file) ? readFileSync(file, 'utf8').trim() : null
  } catch {
    return null
  }
}

function keySource(call: Invocation): KeySource {
  const { keys } = call.flags
  if (typeof keys === 'string') return { from: 'folder', folder: resolve(keys) }
  if (call.flags.key === undefined && call.flags['passphrase-file'] === undefined && !process.env.FACTOTUM_PASSPHRASE)
    throw new FactotumError(
      'snapshot.no_keys',
      'A company comes back with its keys. Give the copy of data/keys with --keys DIR; or, where the archive was made --with-keys, its public key with --key K and the passphrase in FACTOTUM_PASSPHRASE or --passphrase-file F.',
    )
  return { from: 'archive', passphrase: passphraseOf(call), vkey: keyOf(call) }
}

/** Never an argument: others on the machine can read those. */
function passphraseOf(call: Invocation): string {
  const file = call.flags['passphrase-file']
  const given =
    typeof file === 'string' ? readFileSync(file, 'utf8').replace(/\r?\n$/, '') : process.env.FACTOTUM_PASSPHRASE
  if (given) return given
  throw new FactotumError(
    'snapshot.no_passphrase',
    'The keys need a passphrase: set FACTOTUM_PASSPHRASE, or name a file with --passphrase-file F.',
  )
}

function placeOf(call: Invocation): { to?: string } {
  const { to } = call.flags
  if (typeof to !== 'string') return {}
  return { to: to.includes('://') ? to : resolve(to) }
}

function printManifest(call: Invocation, m: Manifest): void {
  call.out(`${oneLine(m.company.name)} (${m.company.id}), ${time(m.made)}, from ${m.store}; verified`)
  const rows = [
    ['events', String(m.events)],
    ['root', m.root],
    ['checkpoints', String(m.checkpoints)],
    ['blobs', `${m.blobs}, ${size(m.blobBytes)}`],
    ['keys', m.keys ? 'in it, under a passphrase' : 'not in it'],
    ['files', String(m.parts.filter(([name]) => name.startsWith('config/')).length)],
    ...m.leftOut.map(([path, why]) => ['left out', `${oneLine(path)} (${why})`]),
  ]
  for (const line of columns(rows)) call.out(`  ${line}`)
}

function size(bytes: number): string {
  for (const [unit, n] of [
    ['GB', 1e9],
    ['MB', 1e6],
    ['kB', 1e3],
  ] as const)
    if (bytes >= n) return `${(bytes / n).toFixed(1)} ${unit}`
  return `${bytes} bytes`
}

function usage(): FactotumError {
  return misused('snapshot')
}
