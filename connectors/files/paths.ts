import { existsSync, constants } from 'node:fs'
import { lstat, mkdir, open, realpath, rmdir, type FileHandle } from 'node:fs/promises'
import { basename, join, relative, sep } from 'node:path'
import { z } from 'zod'
import { codeOf, notAFile, refused } from './errors.ts'

const MAX_DEPTH = 32
// A repository's own folder holds programs that git runs.
const SEGMENT = /^(?!\.{1,2}$|\.git$)[^/\\\p{Cc}\p{Cs}]{1,255}$/iu
/** Folders of a company with what it may do and what it runs, beside its data. */
const COMPANYS_OWN = ['policies', 'workflows', 'connectors', 'node_modules']

/** A path below the company's folder, parts separated by "/": nothing in it leads up or elsewhere. */
export const Path = z
  .string()
  .max(1_024)
  .refine(
    (path) => path.split('/').length <= MAX_DEPTH && path.split('/').every((segment) => SEGMENT.test(segment)),
    'must be relative, without "..", ".", ".git", empty parts, backslashes or control characters',
  )

/** A folder that may be written to: what authors call it, and where it is. */
export interface Root {
  readonly name: string
  readonly real: string
}

/**
 * The allowed folders, made where they are missing. Throws `files.bad_folder` for one that leads out of the company's
 * folder by its name, or that holds or is held by the data folder, the policies or the code: the ledger, the keys and
 * what is allowed are nobody's to write.
 */
export async function openRoots(company: string, dataFolder: string, allow: readonly string[]): Promise<Root[]> {
  const roots = allow.map(async (name) => {
    if (!Path.safeParse(name).success)
      throw refused('bad_folder', `${JSON.stringify(name)} names no folder below the company's. Correct \`allow\`.`)
    await mkdir(join(company, name), { recursive: true })
    return { name, real: await realpath(join(company, name)) }
  })
  const opened = await Promise.all(roots)
  for (const own of [dataFolder, ...COMPANYS_OWN.map((name) => join(company, name))]) {
    const real = await realpath(own).catch(() => own)
    const bad = opened.find((root) => within(root.real, real) || within(real, root.real))
    if (bad)
      throw refused('bad_folder', `${bad.name} holds the company's ${basename(own)} or lies in it. Correct \`allow\`.`)
  }
  return opened
}

function within(path: string, folder: string): boolean {
  const way = relative(folder, path)
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`))
}

/** The folder in which a path ends, held open. `at` is a path in it that no link can lead elsewhere. */
export interface Place extends AsyncDisposable {
  readonly name: string
  /** The folders that were made on the way, outermost first. */
  readonly made: readonly string[]
  at(name: string): string
  sync(): Promise<void>
}

// What Linux calls an open folder stays that folder, whatever is moved or linked over its path meanwhile.
const BY_HANDLE = existsSync('/proc/self/fd')
const FOLDER = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | (constants.O_NOFOLLOW ?? 0)

/**
 * Walks to the folder of a path, a part at a time, following no link. `make`: folders that are missing are made; else
 * null stands for a path of which a folder is missing. Throws `files.outside` and `files.not_a_file`.
 */
export async function placeOf(roots: readonly Root[], path: string, make: boolean): Promise<Place | null> {
  const root = roots.find(({ name }) => path.startsWith(`${name}/`))
  if (!root)
    throw refused(
      'outside',
      `${path} is in none of the folders that may be touched: ${roots.map((r) => r.name).join(', ')}.`,
    )
  const parts = path.slice(root.name.length + 1).split('/')
  const name = parts.pop()!
  const made: string[] = []
  let way = root.real
  let walked = root.name
  let folder = await openFolder(way, path)
  try {
    for (const part of parts) {
      const next = BY_HANDLE ? `/proc/self/fd/${folder.fd}/${part}` : join(way, part)
      walked += `/${part}`
      if (make && (await mkdir(next).then(() => true, exists))) {
        made.push(walked)
        await folder.sync()
      }
      const inner = await openFolder(next, path).catch((error: unknown) => {
        if (codeOf(error) === 'ENOENT') return null
        throw error
      })
      if (inner === null) {
        await folder.close()
        return null
      }
      await folder.close()
      folder = inner
      way = join(way, part)
    }
    // Where folders have no such names, what was walked must at least still be what the path leads to.
    if (!BY_HANDLE && (await realpath(way)) !== way) throw notAFile(path)
  } catch (error) {
    await folder.close().catch(() => {})
    throw error
  }
  return {
    name,
    made,
    at: (entry) => (BY_HANDLE ? `/proc/self/fd/${folder.fd}/${entry}` : join(way, entry)),
    sync: () => folder.sync(),
    [Symbol.asyncDispose]: () => folder.close(),
  }
}

function exists(error: unknown): false {
  if (codeOf(error) === 'EEXIST') return false
  throw error
}

async function openFolder(path: string, shown: string): Promise<FileHandle> {
  try {
    const folder = await open(path, FOLDER)
    if ((await folder.stat()).isDirectory()) return folder
    await folder.close()
  } catch (error) {
    if (!['ELOOP', 'ENOTDIR'].includes(codeOf(error))) throw error
  }
  throw notAFile(shown)
}

/** Removes folders that an undone write had made, innermost first, as far as they are empty. */
export async function removeMade(roots: readonly Root[], made: readonly string[]): Promise<void> {
  for (const path of made.toReversed()) {
    await using place = await placeOf(roots, path, false)
    if (
      place === null ||
      !(await lstat(place.at(place.name)).then(
        (s) => s.isDirectory(),
        () => false,
      ))
    )
      return
    const removed = await rmdir(place.at(place.name)).then(
      () => true,
      () => false,
    )
    if (!removed) return
    await place.sync()
  }
}
