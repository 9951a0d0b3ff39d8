import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { files } from './index.ts'

type Variables = Readonly<Record<string, string>>

const FOLDER = 'factotum-live'

/** Writes a file on a real disk, such as a network drive, reads the folder, and takes the file back. */
export const live = {
  variables: { FILES_LIVE_FOLDER: 'a folder on the disk that is tried: factotum-live and data are made in it' },
  plan: (v: Variables) => `Write ${FOLDER}/hello.txt in ${v.FILES_LIVE_FOLDER}, look at it, and take it back.`,
  connector: () => files.folder({ allow: [FOLDER] }),
  /** The connector's folders are beside its data. */
  dataFolder: async (v: Variables) => {
    await mkdir(join(v.FILES_LIVE_FOLDER!, FOLDER), { recursive: true })
    await mkdir(join(v.FILES_LIVE_FOLDER!, 'data'), { recursive: true, mode: 0o700 })
    return join(v.FILES_LIVE_FOLDER!, 'data')
  },
  read: null,
  write: () => ({ action: 'files.write', input: { path: `${FOLDER}/hello.txt`, content: 'Hello\n' } }),
  outside: async (v: Variables) => {
    const folder = join(v.FILES_LIVE_FOLDER!, FOLDER)
    const names = await readdir(folder)
    return JSON.stringify(
      await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')])),
    )
  },
}
