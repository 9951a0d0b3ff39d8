import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { OpenCompany } from '../open.ts'
import { DRILL } from '../snapshots/snapshots.ts'

export function dataFolder(c: OpenCompany): string {
  return join(c.folder, 'data')
}

/** Copies that connectors keep of what effects with these keys did: absolute paths, to be removed in this order. */
export async function copiesOf(c: OpenCompany, keys: readonly string[]): Promise<string[]> {
  const paths: string[] = []
  for (const connector of c.company.connectors)
    paths.push(...((await connector.copies?.({ dataFolder: dataFolder(c) }, keys)) ?? []))
  return paths
}

/** As `--also` takes it. */
export function nameOf(c: OpenCompany, path: string): string {
  return `data/${relative(dataFolder(c), path)}`
}

/** A path may be a name: it is recorded as an HMAC. */
export function filePseudonym(c: OpenCompany, path: string): string {
  return c.store.pseudonym(`file:${path}`)
}

/** Files that connectors keep; not the database, the keys, and drills, which go by themselves. */
export async function* filesIn(dataFolder: string): AsyncGenerator<string> {
  for (const entry of await readdir(dataFolder, { withFileTypes: true })) {
    if (entry.name === 'keys' || entry.name.startsWith('company.db') || entry.name.startsWith(DRILL)) continue
    const path = join(dataFolder, entry.name)
    if (entry.isDirectory()) yield* below(path)
    else if (entry.isFile()) yield path
  }
}

async function* below(folder: string): AsyncGenerator<string> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* below(path)
    else if (entry.isFile()) yield path
  }
}
