import { createReadStream } from 'node:fs'
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import type { Unreadable } from '../../src/connector.ts'
import { MailError } from './errors.ts'
import { MboxSplitter } from './mbox.ts'
import { LIMITS } from './message.ts'

/** A raw mail and where it was found: a path below the folder, `#n` (from 1) inside an mbox. */
export type RawMail = { name: string; raw: Uint8Array }

/**
 * The raw mails of a path, one at a time: an `.eml` file, an mbox (by its name or a leading `From ` line), a Maildir
 * (`cur`, then `new`; `tmp` holds what is still being written), or any folder, its files in order of their names and
 * its folders below. Files and folders whose names start with a dot are left out; so are links to folders. What below
 * a folder cannot be read (a link to nothing, somebody else's file) comes with the reason, and the rest goes on.
 * A mail over 25 MiB comes with one byte more than that, so that `parseMail` refuses it.
 *
 * @throws MailError for the path itself: `mail.source_missing`, `mail.source_unreadable`, `mail.source_unsupported` (a pipe, a device)
 */
export async function* mailSources(path: string): AsyncGenerator<RawMail | Unreadable> {
  const info = await readable(path, stat(path))
  if (info.isDirectory()) yield* folderMails(path, '')
  else if (info.isFile()) yield* fileMails(path, basename(path))
  else {
    throw new MailError(
      'mail.source_unsupported',
      `${path} is neither a file nor a folder; name an .eml, mbox or folder.`,
    )
  }
}

async function* folderMails(folder: string, prefix: string): AsyncGenerator<RawMail | Unreadable> {
  const found = await readable(folder, readdir(folder, { withFileTypes: true }))
  const folders = new Set(found.filter((entry) => entry.isDirectory()).map((entry) => entry.name))
  const maildir = folders.has('cur') && folders.has('new')
  const entries = found
    .filter((entry) => !entry.name.startsWith('.') && !(maildir && entry.name === 'tmp'))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of entries) {
    const path = join(folder, entry.name)
    const name = prefix + entry.name
    try {
      if (entry.isDirectory()) yield* folderMails(path, `${name}/`)
      else if (entry.isFile() || (entry.isSymbolicLink() && (await readable(path, stat(path))).isFile())) {
        yield* fileMails(path, name)
      }
    } catch (error) {
      if (!(error instanceof MailError)) throw error
      yield { name, unreadable: error.message }
    }
  }
}

async function* fileMails(path: string, name: string): AsyncGenerator<RawMail> {
  const file = await readable(path, open(path, 'r'))
  try {
    const start = await readable(path, readStart(file, 5))
    const extension = extname(path).toLowerCase()
    const mbox = /^\.mbo?x$/.test(extension) || (extension !== '.eml' && start.toString('latin1') === 'From ')
    if (!mbox) {
      yield { name, raw: await readable(path, readStart(file, LIMITS.mail_bytes + 1)) }
      return
    }
  } finally {
    await file.close()
  }
  yield* mboxMails(path, name)
}

async function* mboxMails(path: string, name: string): AsyncGenerator<RawMail> {
  const splitter = new MboxSplitter()
  let n = 0
  const named = (raw: Uint8Array) => ({ name: `${name}#${++n}`, raw })
  const stream = createReadStream(path, { highWaterMark: 256 * 1024 })
  try {
    for await (const chunk of stream) for (const raw of splitter.push(chunk as Buffer)) yield named(raw)
  } catch (error) {
    throw unreadable(path, error)
  } finally {
    stream.destroy()
  }
  for (const raw of splitter.end()) yield named(raw)
}

/** The first `max` bytes of a file, or all of it when it is shorter. */
async function readStart(file: FileHandle, max: number): Promise<Buffer> {
  const { size } = await file.stat()
  const bytes = Buffer.alloc(Math.min(size, max))
  let at = 0
  while (at < bytes.length) {
    const { bytesRead } = await file.read(bytes, at, bytes.length - at, at)
    if (bytesRead === 0) break
    at += bytesRead
  }
  return bytes.subarray(0, at)
}

async function readable<T>(path: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (error) {
    throw unreadable(path, error)
  }
}

function unreadable(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || error instanceof MailError) return error
  if (error.code === 'ENOENT') {
    return new MailError('mail.source_missing', `${path} does not exist; check the path.`, { cause: error })
  }
  const what = `${path} cannot be read (${String(error.code)}); check who may read it and try again.`
  return new MailError('mail.source_unreadable', what, { cause: error })
}
