import { lstat, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** What the operator wrote is small; what is larger is data, and has its own place. */
const MAX_FILE_BYTES = 16 * 1024 * 1024
const FOLDERS: Readonly<Record<string, string>> = {
  data: 'the store and its files: what must be kept is in the archive in its own form',
  node_modules: 'installed again from package.json',
}
const SECRET = /^(\.env.*|\.npmrc|\.netrc|id_[a-z0-9]+|.*\.(pem|key|p12|pfx|keystore))$/i

const DATABASE = /\.(db|sqlite3?)(-(wal|shm|owner|journal))?$/i

export interface Configuration {
  /** Paths with "/", relative to the company's folder, sorted. */
  readonly files: readonly string[]
  readonly leftOut: readonly (readonly [path: string, why: string])[]
}

/** The files of the company's folder that make it this company. `inboxes`: folders that are read, not written by hand. */
export async function configuration(folder: string, inboxes: readonly string[]): Promise<Configuration> {
  const files: string[] = []
  const leftOut: [string, string][] = []
  const walk = async (path: string): Promise<void> => {
    const entries = (await readdir(join(folder, path))).sort()
    for (const name of entries) {
      const file = path === '' ? name : `${path}/${name}`
      const found = await lstat(join(folder, file))
      const why = reason(file, name, found)
      if (why !== null) leftOut.push([file, why])
      else if (found.isDirectory()) await walk(file)
      else files.push(file)
    }
  }
  const reason = (file: string, name: string, found: Awaited<ReturnType<typeof lstat>>): string | null => {
    if (Object.hasOwn(FOLDERS, name) && (name === 'node_modules' || file === 'data')) return FOLDERS[name]!
    if (inboxes.includes(file)) return 'an inbox: what was taken in from it is in the ledger and the blobs'
    if (SECRET.test(name)) return 'may hold secrets: keep it in a safe place of its own'
    if (DATABASE.test(name)) return 'a database: what must be kept is in the archive in its own form'
    if (name.startsWith('.') && found.isDirectory()) return 'a folder of tools'
    if (found.isSymbolicLink()) return 'a link'
    if (!found.isFile() && !found.isDirectory()) return 'not a plain file'
    if (found.size > MAX_FILE_BYTES) return 'over 16 MiB'
    return null
  }
  await walk('')
  return { files, leftOut }
}

export function readConfigured(folder: string, file: string): Promise<Buffer> {
  return readFile(join(folder, file))
}
