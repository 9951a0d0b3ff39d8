import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { idLeft as idLeftOf, type MailConnection } from './actions.ts'
import { isIt, type FoundMail, type SentRecord } from './sent-record.ts'
import { filesOf, readKept, startSink, type Sink } from './sink.ts'
import { smtpTransport } from './smtp.ts'

export type Outbox = MailConnection & {
  readonly sink: Sink
  readonly folder: string
  close(): Promise<void>
}

export interface OutboxOptions {
  readonly from: string
  readonly port: number | undefined
  readonly timeoutMs: number
}

/**
 * Made by a process that found the folder in use, before it keeps anything there. Only a person takes it away: whether
 * that process is gone or only slow cannot be told from here.
 */
const SHARED = '.shared'

/**
 * Takes the folder for this process: an OS lock that the kernel lets go when the process dies. Null where another
 * process has it; that one then sees that it is no longer alone.
 */
async function takeFolder(folder: string): Promise<DatabaseSync | null> {
  const lock = new DatabaseSync(join(folder, '.owner'))
  try {
    lock.exec('pragma journal_mode = memory; begin exclusive')
    return lock
  } catch {
    lock.close()
    await writeFile(join(folder, SHARED), '')
    return null
  }
}

/**
 * What the sink kept is everything that was ever accepted: it stores a mail before it answers 250, and it is the only
 * receiver. So what is not there was not sent, provided that no process beside this one keeps mails in the folder.
 */
function sentRecord(sink: Sink, folder: string, alone: boolean): SentRecord {
  async function find(idLeft: string): Promise<FoundMail> {
    const known = (id: string) => isIt(id, idLeft)
    const shared = !alone || existsSync(join(folder, SHARED))
    const mail =
      (await sink.settle(known)) ??
      (shared ? ((await readKept(folder)).find((kept) => known(kept.messageId)) ?? null) : null)
    if (mail) return { found: 'yes', messageId: mail.messageId, where: folder }
    return { found: shared ? 'unknown' : 'no' }
  }
  return { find }
}

/** A mail server of one's own on loopback that keeps every mail in `folder`, and the way to it. */
export async function openOutbox(folder: string, options: OutboxOptions): Promise<Outbox> {
  const { from, port, timeoutMs } = options
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const lock = await takeFolder(folder)
  try {
    const sink = await startSink({ folder, port })
    const transport = smtpTransport({ host: '127.0.0.1', port: sink.port, from, timeoutMs })
    return {
      transport,
      from,
      sink,
      folder,
      sent: sentRecord(sink, folder, lock !== null),
      async close() {
        transport.close()
        await sink.close()
        if (lock?.isOpen) lock.close()
      },
    }
  } catch (error) {
    lock?.close()
    throw error
  }
}

/** The files of mails that were sent under these keys. */
export function sentUnder(folder: string, keys: readonly string[]): Promise<string[]> {
  const lefts = new Set(keys.map(idLeftOf))
  return filesOf(folder, (messageId) => lefts.has(messageId.split('@')[0]!))
}
