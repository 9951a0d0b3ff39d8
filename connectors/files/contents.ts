import { hash, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { link, mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeChange, codeOf, notAFile, refused } from './errors.ts'
import { placeOf, removeMade, type Place, type Root } from './paths.ts'

/** A file as it is: its content's SHA-256 (hex) and its permission bits. */
export interface State {
  readonly sha256: string
  readonly mode: number
}

/** Larger files are neither read nor replaced: what was there before is kept whole. */
const MAX_BYTES = 64 * 1024 * 1024
// A pipe would keep `open` waiting without it.
const READ = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0)

export const sha256 = (bytes: Uint8Array): string => hash('sha256', bytes)

/** What is at a path now: null where nothing is. Throws where it is no plain file, too large or not readable. */
export async function readState(roots: readonly Root[], path: string): Promise<{ state: State; bytes: Buffer } | null> {
  try {
    await using place = await placeOf(roots, path, false)
    if (place === null) return null
    await using file = await open(place.at(place.name), READ)
    const stat = await file.stat()
    if (!stat.isFile()) throw notAFile(path)
    if (stat.size > MAX_BYTES)
      throw refused('too_large', `${path} is larger than ${MAX_BYTES} bytes. Leave it to other means.`)
    const bytes = await file.readFile()
    return { state: { sha256: sha256(bytes), mode: stat.mode & 0o7777 }, bytes }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw beforeChange(error, path) ?? error
  }
}

/**
 * Puts content at a path, whole or not at all. `fresh`: nothing may be there. Answers with the folders that were made.
 * What it throws as `domain` or `transient` has changed nothing.
 */
export async function putFile(
  roots: readonly Root[],
  path: string,
  file: { readonly bytes: Uint8Array; readonly mode: number; readonly fresh: boolean },
): Promise<readonly string[]> {
  const place = await placeOf(roots, path, true).catch((error: unknown) => {
    throw beforeChange(error, path) ?? error
  })
  await using folder = place!
  // The same for every try, so that what a process that died left behind is written over.
  const temporary = folder.at(`.factotum-${sha256(file.bytes).slice(0, 16)}.tmp`)
  try {
    await unlink(temporary).catch(() => {})
    await writeWhole(temporary, file.bytes, file.mode)
    // A link is refused where something is, in one step with being made.
    if (file.fresh) await link(temporary, folder.at(folder.name))
    else await rename(temporary, folder.at(folder.name))
  } catch (error) {
    await removeMade(roots, folder.made).catch(() => {})
    if (codeOf(error) === 'EEXIST') throw refused('exists', `${path} is there already. Choose another name.`)
    throw beforeChange(error, path) ?? error
  } finally {
    await unlink(temporary).catch(() => {})
  }
  await folder.sync()
  return folder.made
}

export async function removeFile(roots: readonly Root[], path: string): Promise<void> {
  await using folder: Place | null = await placeOf(roots, path, false)
  if (folder === null) return
  await unlink(folder.at(folder.name)).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw beforeChange(error, path) ?? error
  })
  await folder.sync()
}

async function writeWhole(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  await using file = await open(path, CREATE, 0o600)
  await file.writeFile(bytes)
  // Past the mask of the process, which is for files that nobody said anything about.
  await file.chmod(mode)
  await file.sync()
}

/** Contents by their hash, and notes by a name, in a folder that only the owner reads. */
export interface Kept {
  keep(bytes: Uint8Array): Promise<void>
  content(sha256: string): Promise<Buffer>
  note(name: string, value: unknown): Promise<void>
  noted(name: string): Promise<unknown>
}

export async function openKept(folder: string): Promise<Kept> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const put = async (name: string, bytes: Uint8Array) => {
    const temporary = join(folder, `.${randomBytes(8).toString('hex')}.tmp`)
    await writeWhole(temporary, bytes, 0o600)
    await rename(temporary, join(folder, name))
    await using handle = await open(folder, constants.O_RDONLY)
    await handle.sync()
  }
  return {
    async keep(bytes) {
      const name = sha256(bytes)
      const there = await readFile(join(folder, name)).catch(() => null)
      if (there === null || sha256(there) !== name) await put(name, bytes)
    },
    async content(name) {
      const bytes = await readFile(join(folder, name)).catch(() => null)
      if (bytes !== null && sha256(bytes) === name) return bytes
      throw refused('not_kept', 'What was there before is not kept any more, or was damaged. Restore it from a backup.')
    },
    note: (name, value) => put(`${hash('sha256', name)}.json`, Buffer.from(JSON.stringify(value))),
    async noted(name) {
      const text = await readFile(join(folder, `${hash('sha256', name)}.json`), 'utf8').catch(() => null)
      return text === null ? null : (JSON.parse(text) as unknown)
    },
  }
}

/**
 * The notes under these names, and before them the contents that only they name: while a note is there, what it names can
 * be found. `hashes`: what a note names.
 */
export async function keptUnder(
  folder: string,
  names: readonly string[],
  hashes: (note: unknown) => readonly string[],
): Promise<string[]> {
  const there: string[] = await readdir(folder).catch(() => [])
  const notes = new Set(names.map((name) => `${hash('sha256', name)}.json`))
  const theirs = new Set<string>()
  const others = new Set<string>()
  for (const file of there.filter((one) => one.endsWith('.json'))) {
    const note: unknown = JSON.parse(await readFile(join(folder, file), 'utf8'))
    for (const name of hashes(note)) (notes.has(file) ? theirs : others).add(name)
  }
  const contents = there.filter((file) => theirs.has(file) && !others.has(file))
  return [...contents, ...there.filter((file) => notes.has(file))].map((file) => join(folder, file))
}
