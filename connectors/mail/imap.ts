import { ImapFlow, type ListResponse } from 'imapflow'
import { ActionError } from '../../src/connector.ts'
import { isLoopback, secretsOf } from './endpoint.ts'
import { fieldValue, splitHeader } from './header-block.ts'
import { messageIds } from './identifiers.ts'
import { imapFailure } from './imap-failure.ts'
import { isIt } from './sent-record.ts'

export interface ImapConfig {
  readonly host: string
  readonly port: number
  /** TLS from the first byte. Default: on port 993. Elsewhere STARTTLS, which only loopback can do without. */
  readonly secure?: boolean | undefined
  readonly user: string
  readonly password: string
  /** The folder of sent mails. Default: the one that the server marks as \Sent (RFC 6154), or one that is called so. */
  readonly sent?: string | undefined
  /** Longest wait for one answer, in milliseconds; a whole visit takes at most four times that. Default 10 s. */
  readonly timeoutMs?: number | undefined
  /** PEM certificate of the authority that signed the server's, where it is not a public one. */
  readonly ca?: string | undefined
}

/** What was found in one visit. All of it throws ActionError `mail.imap_*`, whose kind is `transient` or `domain`. */
export interface ImapVisit {
  /** The path of the folder of sent mails. `mail.imap_no_folder` where there is none. */
  sentFolder(): Promise<string>
  /** The Message-ID (without `<>`) in `folder` that begins with `idLeft` and an @, or null. */
  find(folder: string, idLeft: string): Promise<string | null>
  /** Stores these bytes, marked as read (RFC 9051 6.3.12). */
  append(folder: string, bytes: Uint8Array): Promise<void>
  /** What the server can do, in alphabetical order. */
  capabilities(): string[]
}

export interface ImapAccount {
  /**
   * Connects, logs in, does `work` and leaves: nothing is kept open, so a company that is idle costs nobody anything.
   * Breaks off when `signal` says so.
   */
  visit<T>(signal: AbortSignal, work: (visit: ImapVisit) => Promise<T>): Promise<T>
  /** Breaks off what is under way. */
  close(): void
}

const ANSWER_MS = 10_000
// What a folder list, a search and a header may take; the library's own limits are a gigabyte each.
const RESPONSE_MAX_BYTES = 4 * 1024 * 1024
const TOKENS_MAX = 200_000
/** Of what a SEARCH names, the newest are looked at: some servers name more than was asked for. */
const LOOKED_AT_MAX = 20

function client(config: ImapConfig): ImapFlow {
  const timeout = config.timeoutMs ?? ANSWER_MS
  const secure = config.secure ?? config.port === 993
  return new ImapFlow({
    host: config.host,
    port: config.port,
    secure,
    // The login never crosses a connection that somebody else could read; without this it would where STARTTLS is not offered.
    ...(secure || isLoopback(config.host) ? {} : { doSTARTTLS: true }),
    tls: { minVersion: 'TLSv1.2', ...(config.ca === undefined ? {} : { ca: config.ca }) },
    auth: { user: config.user, pass: config.password },
    clientInfo: { name: 'Factotum' },
    // What was said is not logged anywhere: errors carry what matters of it, without secrets.
    logger: false,
    emitLogs: false,
    disableAutoIdle: true,
    disableCompression: true,
    connectionTimeout: timeout,
    greetingTimeout: timeout,
    socketTimeout: timeout,
    maxLineLength: RESPONSE_MAX_BYTES,
    maxLiteralSize: RESPONSE_MAX_BYTES,
    maxResponseSize: RESPONSE_MAX_BYTES * 2,
    maxResponseTokens: TOKENS_MAX,
  })
}

const broken = () => new ActionError('transient', 'mail.imap_timeout', 'The visit to the IMAP server was broken off.')

export function imapAccount(config: ImapConfig): ImapAccount {
  const secrets = secretsOf(config)
  const open = new Set<ImapFlow>()
  let closed = false

  async function visit<T>(signal: AbortSignal, work: (visit: ImapVisit) => Promise<T>): Promise<T> {
    if (signal.aborted || closed) throw broken()
    const imap = client(config)
    open.add(imap)
    // Whatever call is under way reports it; without a listener it would end the process.
    imap.on('error', () => undefined)
    // A server that answers a byte at a time never lets the socket's own time-out fire.
    const end = AbortSignal.any([signal, AbortSignal.timeout((config.timeoutMs ?? ANSWER_MS) * 4)])
    const over = new Promise<never>((_, reject) => {
      end.addEventListener('abort', () => {
        reject(broken())
        imap.close()
      })
    })
    try {
      return await Promise.race([over, imap.connect().then(() => work(visitOf(imap, config)))])
    } catch (error) {
      throw imapFailure(error, secrets)
    } finally {
      open.delete(imap)
      // LOGOUT is a courtesy that nobody waits for; a server that does not answer it is hung up on.
      void leave(imap)
    }
  }

  return {
    visit,
    close() {
      closed = true
      for (const imap of open) imap.close()
    },
  }
}

const LOGOUT_MS = 2_000

async function leave(imap: ImapFlow): Promise<void> {
  const timer = setTimeout(() => imap.close(), LOGOUT_MS).unref()
  try {
    if (imap.usable) await imap.logout()
  } catch {
    // It is gone, which is what was wanted.
  } finally {
    clearTimeout(timer)
    imap.close()
  }
}

function visitOf(imap: ImapFlow, config: ImapConfig): ImapVisit {
  return {
    async sentFolder() {
      if (config.sent !== undefined) return config.sent
      const sent = (await imap.list()).find((folder: ListResponse) => folder.specialUse === '\\Sent')
      if (sent) return sent.path
      throw new ActionError(
        'domain',
        'mail.imap_no_folder',
        'The IMAP server marks no folder as the one of sent mails; name it as imap.sent.',
      )
    },

    async find(folder, idLeft) {
      await imap.mailboxOpen(folder, { readOnly: true })
      // RFC 9051 6.4.4: HEADER finds a substring, so the value without its domain does.
      const found = await imap.search({ header: { 'message-id': `<${idLeft}@` } }, { uid: true })
      if (!Array.isArray(found))
        throw new ActionError('domain', 'mail.imap_refused', 'The IMAP server refused to search for a Message-ID.')
      for (const uid of found.slice(-LOOKED_AT_MAX).toReversed()) {
        const mail = await imap.fetchOne(String(uid), { headers: ['message-id'] }, { uid: true })
        const field = mail && mail.headers ? fieldValue(splitHeader(mail.headers).fields, 'message-id') : null
        const id = messageIds(field ?? '').find((one) => isIt(one, idLeft))
        if (id !== undefined) return id
      }
      return null
    },

    async append(folder, bytes) {
      if (!(await imap.append(folder, bytes, ['\\Seen'])))
        throw new ActionError('transient', 'mail.imap_connect', 'The connection to the IMAP server was lost.')
    },

    capabilities: () =>
      [...imap.capabilities].map(([name, value]) => (value === true ? name : `${name}=${value}`)).sort(),
  }
}
