import { hash } from 'node:crypto'
import type { Incoming, Unreadable } from '../../src/connector.ts'
import { senderTrust } from './authentication.ts'
import { splitHeader } from './header-block.ts'
import type { Message } from './message.ts'
import { parseMail } from './parse.ts'
import { mailSources } from './sources.ts'

/** Every mail in a file, mbox or folder. One that cannot be used, or read, comes with the reason. */
export async function* readMails(path: string, trustedAuthenticator?: string): AsyncGenerator<Incoming | Unreadable> {
  for await (const found of mailSources(path))
    yield 'raw' in found ? incomingMail(found.name, found.raw, trustedAuthenticator) : found
}

/**
 * One mail as it came. A mail is an outsider's word, whoever it claims to be from, unless the server that received it
 * (`trustedAuthenticator`) vouches for the domain of its sender.
 */
export async function incomingMail(name: string, raw: Uint8Array, trustedAuthenticator?: string): Promise<Incoming> {
  try {
    const { message, attachments } = await parseMail(raw)
    return {
      externalId: message.id,
      name,
      payload: message,
      content: essence(message),
      trust:
        trustedAuthenticator === undefined
          ? 'outsider'
          : senderTrust(splitHeader(Buffer.from(raw)), message, trustedAuthenticator),
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
