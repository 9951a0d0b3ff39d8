import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { FactotumError } from '../lib/errors.ts'
import { ask } from './client.ts'
import type { Invocation } from './command.ts'
import { oneLine } from './text.ts'

/** Writes a file that somebody sent to `out`, which is not there yet. Throws `file.out`, and what `file` throws. */
export async function saveFile(call: Invocation, of: { readonly id: string; readonly n?: number }, out: string) {
  const { name, type, size, base64 } = await ask(call.folder, 'file', of)
  const path = resolve(out)
  try {
    await using file = await open(path, 'wx', 0o600)
    await file.writeFile(Buffer.from(base64, 'base64'))
  } catch (cause) {
    const taken = (cause as NodeJS.ErrnoException).code === 'EEXIST'
    throw new FactotumError(
      'file.out',
      taken
        ? `${path} is there already. Name a file that is not.`
        : `${path} cannot be written. Name a file in a folder that is there.`,
      { cause },
    )
  }
  if (call.json) call.print({ path, name, type, size })
  else call.out(`${path}: ${oneLine(name, 120)}, ${type}, ${size} bytes`)
  return 0
}
