import { hash } from 'node:crypto'
import type { Incoming, Unreadable } from '../../src/connector.ts'
import type { Message } from './message.ts'
import { parseMail } from './parse.ts'
import { mailSources } from './sources.ts'

/** Every mail in a file, mbox or folder. One that cannot be used, or read, comes with the reason. */
export async function* readMails(path: string): AsyncGenerator<Incoming | Unreadable> {
  for await (const found of mailSources(path)) yield 'raw' in found ? incomingMail(found.name, found.raw) : found
}

/** One mail as it came. A mail is an outsider's word, whoever it claims to be from. */
export async function incomingMail(name: string, raw: Uint8Array): Promise<Incoming> {
  try {
    const { message, attachments } = await parseMail(raw)
    return {
      externalId: message.id,
      name,
      payload: message,
      content: essence(message),
      trust: 'outsider',
      raw,
      attachments: attachments.map((a) => a.bytes),
      defect: null,
    }
  } catch (error) {
    const digest = hash('sha256', raw)
    return {
      externalId: `sha256-${digest}`,
      name,
      payload: { name, size: raw.length },
      content: digest,
      trust: 'outsider',
      raw,
      attachments: [],
      defect: error instanceof Error ? error.message : String(error),
    }
  }
}

/** What does not change on the way: two deliveries of one mail differ in their trace headers only. */
function essence(m: Message): string {
  return hash('sha256', JSON.stringify([m.from, m.subject, m.text, m.attachments.map((a) => a.sha256)]))
}
