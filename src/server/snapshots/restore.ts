import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { companyRestored, RESTORED_STREAM } from '../../execution/restored.ts'
import { diagnose } from '../../governance/doctor.ts'
import { parseSignerKey, type LedgerRow } from '../../governance/ledger/index.ts'
import { pauseEvent } from '../../governance/pause.ts'
import { FactotumError } from '../../lib/errors.ts'
import { newId } from '../../lib/ids.ts'
import { fillStore, openStore, ownerOf, readMeta, sql, type EventRow } from '../../store/index.ts'
import { ALL_EVENTS, PROJECTIONS_VERSION } from '../events.ts'
import { writePrivate } from '../keys.ts'
import type { Manifest } from './format.ts'
import { openKeys, type KeyFiles } from './keys.ts'
import { readArchive } from './read.ts'

const insertBlob = sql('insert into blob (hash, size, bytes) values (?, ?, ?)')
// Without the edge of the tree, which is a cache: the sealer makes it again.
const insertCheckpoint = sql('insert into checkpoint (size, note, frontier, at) values (?, ?, ?, ?)')
const NO_EDGE = new Uint8Array(0)

export type KeySource =
  | { readonly from: 'folder'; readonly folder: string }
  | { readonly from: 'archive'; readonly passphrase: string; readonly vkey: string }

export interface RestoreOptions {
  /** The archive from its first byte. */
  readonly archive: AsyncIterable<Uint8Array>
  /** Empty or not there. */
  readonly folder: string
  /** Default: `data/company.db` in the folder. */
  readonly url?: string
  readonly keys: KeySource
  /** Epoch ms. */
  readonly now: number
  /** Without the event that says so, and without the pause: for a copy that only is looked at. */
  readonly asItWas?: boolean
  readonly onProgress?: (bytes: number) => void
}

export interface Restored {
  readonly manifest: Manifest
  readonly folder: string
}

/**
 * Makes a company from an archive. Everything is built where nobody sees it (a folder beside, a transaction) while the
 * archive is verified, and put in place when the last byte has been and the tables are what the ledger says: a process killed at any moment leaves nothing where
 * the company should be, or all of it. It comes up paused, for the original may still run.
 * Throws `snapshot.not_empty`, `snapshot.bad_folder`, `snapshot.bad_database`, `snapshot.not_identical`, `store.not_empty`, and what `readArchive` and `openKeys` throw.
 */
export async function restore(options: RestoreOptions): Promise<Restored> {
  const folder = resolve(options.folder)
  const there = await emptyFolder(folder)
  const building = join(dirname(folder), `.${basename(folder)}.restoring`)
  const committed = options.url === undefined ? null : await readyIn(building, options.url)
  if (committed) {
    await compare(options, building)
    await putInPlace(building, folder)
    return { manifest: committed, folder }
  }
  await inReach(folder, async () => {
    // What an earlier restore into this folder left when it was killed.
    await rm(building, { recursive: true, force: true })
    await mkdir(building, { recursive: true, mode: 0o700 })
    // An empty folder gives way at the end. Where it would not (a mount point), that is known before a byte is read.
    if (there) await rename(building, folder)
    await mkdir(join(building, 'data', 'keys'), { recursive: true, mode: 0o700 })
  })
  try {
    const manifest = await build(options, building)
    await compare(options, building)
    await putInPlace(building, folder)
    return { manifest, folder }
  } catch (error) {
    // Where the database is committed, the same command finishes it: what it needs for that stays.
    const stays = options.url !== undefined && (await readyIn(building, options.url).catch(() => true))
    if (!stays) await rm(building, { recursive: true, force: true })
    throw error
  }
}

/** As the doctor does, of what was really stored: the tables, read back, against the ledger, read back. */
async function compare({ url }: RestoreOptions, building: string): Promise<void> {
  const secret = Buffer.from((await readFile(join(building, 'data', 'keys', 'company.key'), 'utf8')).trim(), 'hex')
  const store = await openStore({ url: url ?? join(building, 'data', 'company.db'), secret })
  try {
    const { difference } = await diagnose(store, ALL_EVENTS)
    if (difference !== null)
      throw new FactotumError(
        'snapshot.not_identical',
        `The tables that were made are not what the ledger says: ${difference}. The company was not put in place${url === undefined ? '' : ', but its database is there: empty it before you try again'}. Report this.`,
      )
  } finally {
    await store.close()
  }
}

async function putInPlace(building: string, folder: string): Promise<void> {
  await inReach(folder, () => rename(building, folder))
  // Not before: without it, nobody could finish what was killed in between.
  await rm(join(folder, READY), { force: true })
  await syncFolder(dirname(folder))
}

/** In the folder that is built: which restore the database beside it must say that it is of. */
const READY = '.restored.json'
const RESTORE = 'restore'

/** Of a restore that was killed after its database was committed and before its folder was in place. */
async function readyIn(building: string, url: string): Promise<Manifest | null> {
  const text = await readFile(join(building, READY), 'utf8').catch(() => null)
  if (text === null) return null
  const { id, manifest } = JSON.parse(text) as { id: string; manifest: Manifest }
  return (await readMeta(url, RESTORE)) === id ? manifest : null
}

async function build(options: RestoreOptions, building: string): Promise<Manifest> {
  const given = options.keys.from === 'folder' ? await readKeys(options.keys.folder) : null
  let keys: KeyFiles | null = given
  const vkey = options.keys.from === 'folder' ? parseSignerKey(given!['ledger.key']).verifier.text : options.keys.vkey
  const fill = await fillStore(options.url ?? join(building, 'data', 'company.db'), ALL_EVENTS).catch(
    (cause: Error) => {
      if (cause instanceof FactotumError || options.url === undefined) throw cause
      throw new FactotumError(
        'snapshot.bad_database',
        `The database cannot be used: ${cause.message}. Nothing was restored: see that it is there and empty, and that its address is right.`,
        { cause },
      )
    },
  )
  try {
    const manifest = await readArchive(
      options.archive,
      vkey,
      {
        file: async (path, bytes) => {
          const file = join(building, path)
          await mkdir(dirname(file), { recursive: true })
          await writeSynced(file, bytes)
        },
        keys: async (sealed) => {
          if (options.keys.from === 'archive') keys = await openKeys(sealed, options.keys.passphrase, vkey)
        },
        checkpoints: (rows) => fill.write(rows.map((r) => insertCheckpoint(r.size, r.note, NO_EDGE, r.at))),
        events: (rows) => fill.events(rows.map(eventRow)),
        blob: (hash, bytes) => fill.write([insertBlob(hash, bytes.length, bytes)]),
      },
      options.onProgress,
    )
    if (!keys)
      throw new FactotumError(
        'snapshot.no_keys',
        'The keys are not in this archive. Give the folder that they were kept in with --keys DIR (a copy of data/keys).',
      )
    await putKeys(join(building, 'data', 'keys'), keys, manifest)
    if (!options.asItWas) await fill.commit(restoredCommit(manifest, options.now), options.now)
    const id = newId('restore', options.now)
    if (options.url !== undefined) await writePrivate(join(building, READY), JSON.stringify({ id, manifest }))
    await syncFolder(building)
    await fill.finish({
      [RESTORE]: id,
      company: manifest.company.id,
      owner: manifest.owner,
      projections: String(PROJECTIONS_VERSION),
    })
    return manifest
  } catch (error) {
    await fill.abandon()
    throw error
  }
}

function restoredCommit(manifest: Manifest, now: number) {
  const { events, root, made, store } = manifest
  const reason = `Restored from a snapshot of ${new Date(made).toISOString()}. When the original no longer runs: factotum resume`
  return {
    key: newId('restored', now),
    events: [
      companyRestored(RESTORED_STREAM, { events, root, made, store }, { actor: 'operator' }),
      pauseEvent('all', reason, 'operator'),
    ],
  }
}

function eventRow(r: LedgerRow): EventRow {
  const { seq, key, kind, stream, actor, cause, at, body, privateHash: private_hash, leaf, salt } = r
  return { seq, key, kind, stream, actor, cause, at, body, private: r.private, salt, private_hash, leaf }
}

async function readKeys(folder: string): Promise<KeyFiles> {
  const read = async (name: string) =>
    (
      await readFile(join(folder, name), 'utf8').catch((cause: unknown) => {
        throw new FactotumError('snapshot.no_keys', `There is no ${name} in ${folder}. Give the copy of data/keys.`, {
          cause,
        })
      })
    ).trim()
  return { 'company.key': await read('company.key'), 'ledger.key': await read('ledger.key') }
}

/** The keys must be those of this company: under others no key from outside would be known, and nothing could be signed. */
async function putKeys(folder: string, keys: KeyFiles, manifest: Manifest): Promise<void> {
  const { verifier } = parseSignerKey(keys['ledger.key'])
  if (verifier.text !== manifest.vkey || ownerOf(Buffer.from(keys['company.key'], 'hex')) !== manifest.owner)
    throw new FactotumError('snapshot.wrong_keys', 'These are the keys of another company. Give those of this one.')
  await writePrivate(join(folder, 'company.key'), `${keys['company.key']}\n`)
  await writePrivate(join(folder, 'ledger.key'), `${keys['ledger.key']}\n`)
  await writePrivate(join(folder, 'ledger.pub'), `${verifier.text}\n`)
}

/** Whether it is there, and empty. Throws `snapshot.not_empty`, `snapshot.bad_folder`. */
async function emptyFolder(folder: string): Promise<boolean> {
  const there = await inReach(folder, () =>
    readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null
      throw error
    }),
  )
  if (there !== null && there.length > 0) throw notEmpty(folder)
  return there !== null
}

const UNFIT: Readonly<Record<string, string>> = {
  EBUSY: 'it is a mount point, or in use: name a folder below it',
  EXDEV: 'it is on another disk than the folder it is in: name a folder below it',
  ENOTDIR: 'it is a file, or below one',
  EACCES: 'this user may not write beside it',
  EPERM: 'this user may not write beside it',
  EROFS: 'it is on a disk that cannot be written to',
}

/** What the system says about the folder itself is for the operator. Throws `snapshot.not_empty`, `snapshot.bad_folder`. */
async function inReach<T>(folder: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? ''
    if (code === 'ENOTEMPTY' || code === 'EEXIST') throw notEmpty(folder, cause)
    throw new FactotumError(
      'snapshot.bad_folder',
      `No company can be put at ${folder}: ${UNFIT[code] ?? `the system refuses it (${code})`}. It is built in a folder beside it, and takes its name when it is whole.`,
      { cause },
    )
  }
}

function notEmpty(folder: string, cause?: unknown): FactotumError {
  return new FactotumError(
    'snapshot.not_empty',
    `${folder} is not empty. A company is restored into a folder of its own: empty it, or name another.`,
    { cause },
  )
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
