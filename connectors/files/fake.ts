import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'

/** Real folders for tests: the company's, with a site that has one page, and one beside it that nobody may reach. */
export interface FakeFolders extends AsyncDisposable {
  readonly company: string
  /** Every file of the company's but its data: its path, its mode and its content. */
  files(): Promise<Record<string, string>>
}

export async function makeFolders(company: string): Promise<FakeFolders> {
  await mkdir(join(company, 'site'), { recursive: true })
  await mkdir(join(company, 'data'), { recursive: true })
  await writeFile(join(company, 'site', 'index.html'), '<h1>Northlight</h1>\n', { mode: 0o640 })
  return {
    company,
    async files() {
      const entries = await readdir(company, { recursive: true, withFileTypes: true })
      const found: Record<string, string> = {}
      for (const entry of entries.toSorted((a, b) =>
        join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1,
      )) {
        const path = join(entry.parentPath, entry.name)
        const name = relative(company, path)
        if (name === 'data' || name.startsWith('data/')) continue
        const { mode } = await stat(path)
        found[name] =
          `${(mode & 0o777).toString(8)} ${entry.isFile() ? await readFile(path, 'latin1') : entry.isDirectory() ? '/' : '?'}`
      }
      return found
    },
    [Symbol.asyncDispose]: async () => {},
  }
}
