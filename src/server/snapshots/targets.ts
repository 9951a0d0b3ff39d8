import { createReadStream, existsSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { FactotumError } from '../../lib/errors.ts'
import { EXTENSION } from './format.ts'
import { syncFolder } from './restore.ts'

export interface Stored {
  readonly name: string
  readonly bytes: number
}

/** Where archives are kept. */
export interface Target {
  /** As it is shown: a folder, or `s3://bucket/prefix`. */
  readonly where: string
  /** As the record has it, which strangers are shown: a folder by its own name, without the path of this machine. */
  readonly name: string
  /** Keeps an archive under this name, whole or not at all. Answers its size. */
  put(name: string, bytes: AsyncIterable<Buffer>): Promise<number>
  list(): Promise<Stored[]>
  get(name: string): AsyncIterable<Uint8Array>
  remove(name: string): Promise<void>
}

/** A folder, relative to the company's, or `s3://bucket/prefix`. Throws `snapshot.bad_target`, `snapshot.no_credentials`. */
export async function targetAt(to: string, company: string): Promise<Target> {
  if (to.startsWith('s3://')) {
    // Loaded only where it is used.
    const { s3Target } = await import('./s3.ts')
    return s3Target(to, process.env)
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(to))
    throw new FactotumError(
      'snapshot.bad_target',
      `"${to}" is neither a folder nor s3://bucket/prefix, which are the places that snapshots can be kept in.`,
    )
  return folderTarget(resolve(company, to), company)
}

const UNFINISHED = '.unfinished'

function folderTarget(folder: string, company: string): Target {
  const within = relative(company, folder)
  const outside = within === '' || isAbsolute(within) || within.split(sep)[0] === '..'
  return {
    where: folder,
    name: outside ? basename(folder) : within.replaceAll(sep, '/'),
    async put(name, bytes) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const path = join(folder, name)
      const unfinished = `${path}${UNFINISHED}`
      try {
        let written = 0
        const file = await open(unfinished, 'w', 0o600)
        try {
          for await (const piece of bytes) {
            await file.writeFile(piece)
            written += piece.length
          }
          await file.sync()
        } finally {
          await file.close()
        }
        await rename(unfinished, path)
        await syncFolder(folder)
        return written
      } catch (error) {
        await rm(unfinished, { force: true })
        throw error
      }
    },
    async list() {
      if (!existsSync(folder)) return []
      const names = (await readdir(folder)).filter((name) => name.endsWith(EXTENSION)).sort()
      return Promise.all(names.map(async (name) => ({ name, bytes: (await stat(join(folder, name))).size })))
    },
    get: (name) => createReadStream(join(folder, name), { highWaterMark: 1024 * 1024 }),
    async remove(name) {
      await rm(join(folder, name), { force: true })
      await syncFolder(folder)
    },
  }
}

/** What a process that was killed while it wrote has left in a folder. */
export async function removeUnfinished(folder: string): Promise<void> {
  if (!existsSync(folder)) return
  for (const name of await readdir(folder))
    if (name.endsWith(`${EXTENSION}${UNFINISHED}`)) await rm(join(folder, name), { force: true })
}
