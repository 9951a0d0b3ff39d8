import { mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const TMPFS = 0x01021994
const RAMFS = 0x858458f6

/** A temporary folder on a disk. Throws where it would be memory: an fsync that costs nothing measures nothing. */
export async function benchFolder(): Promise<{ path: string; [Symbol.asyncDispose](): Promise<void> }> {
  const { type } = await statfs(tmpdir())
  if (type === TMPFS || type === RAMFS)
    throw new Error(`${tmpdir()} is memory, where fsync does nothing. Set TMPDIR to a folder on a disk.`)
  const path = await mkdtemp(join(tmpdir(), 'factotum-bench-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
