import { Readable } from 'node:stream'
import SMTPConnection, { type SMTPConnectionSendInfo } from 'nodemailer/lib/smtp-connection'
import { compose, type Composed, type OutgoingMail } from './compose.ts'
import { isLoopback, redacted, secretsOf } from './endpoint.ts'
import { SendFailure, sendFailure, type SmtpError } from './send-failure.ts'

export { SendFailure } from './send-failure.ts'
export type { FailureKind } from './send-failure.ts'
export type { OutgoingMail } from './compose.ts'

export type SmtpConfig = {
  host: string
  port: number
  /** TLS from the first byte (port 465). Without it STARTTLS is used where offered. */
  secure?: boolean | undefined
  /** With a user, a connection that is not loopback is encrypted before the login, or fails. */
  user?: string | undefined
  password?: string | undefined
  /** `mara@northlight.example` or `Mara Lind <mara@northlight.example>`. */
  from: string
  /**
   * Longest wait for one answer, in milliseconds; a whole attempt takes at most four times that. Without it 2 minutes to
   * connect, 30 s for the greeting and 10 minutes for anything else (RFC 5321 4.5.3.2: a shorter wait makes duplicates).
   */
  timeoutMs?: number | undefined
  /** PEM certificate of the authority that signed the server's, where it is not a public one. */
  ca?: string | undefined
}

/** What the server accepted. `rejected` lists recipients that it refused while accepting the mail for the others. */
export type Sent = {
  response: string
  accepted: string[]
  rejected: { address: string; response: string }[]
  /** The mail exactly as it was handed over. */
  bytes: Uint8Array
}

export type SmtpTransport = {
  /**
   * Sends one mail on a connection of its own, until `signal` breaks it off. Throws SendFailure, whose kind says whether
   * it may be repeated.
   */
  send(mail: OutgoingMail, signal?: AbortSignal): Promise<Sent>
  /** Connects, logs in and leaves. Throws SendFailure of kind `transient` or `domain`. */
  verify(): Promise<void>
  /** What the server offers to EHLO (RFC 5321 4.1.1.1), after TLS and before the login, in alphabetical order. */
  offers(): Promise<string[]>
  /** Breaks off what is under way (it fails as it would by a lost connection) and refuses later calls. */
  close(): void
}

const ATTEMPT_MAX_MS = 20 * 60_000
const QUIT_MS = 2_000

function connectionOptions(config: SmtpConfig): ConstructorParameters<typeof SMTPConnection>[0] {
  const { timeoutMs } = config
  return {
    host: config.host,
    port: config.port,
    secure: config.secure ?? false,
    requireTLS: config.user !== undefined && !isLoopback(config.host),
    tls: { minVersion: 'TLSv1.2', ...(config.ca === undefined ? {} : { ca: config.ca }) },
    ...(timeoutMs === undefined
      ? {}
      : { connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs, dnsTimeout: timeoutMs }),
  }
}

/** The lines of the answer to EHLO but the first, which greets and may name the client's own address. */
function offered(connection: SMTPConnection): string[] {
  const lines = String(connection.lastServerResponse || '').split(/\r?\n/)
  return lines
    .slice(1)
    .map((line) =>
      line
        .replace(/^\d+[ -]/, '')
        .trim()
        .toUpperCase(),
    )
    .filter((line) => line !== '')
    .sort()
}

/** A mail as a stream that knows whether its first byte was asked for: nodemailer asks only once DATA was granted. */
function contentOf(bytes: Buffer): { stream: Readable; begun: () => boolean } {
  let begun = false
  const stream = new Readable({
    read() {
      begun = true
      this.push(bytes)
      this.push(null)
    },
  })
  return { stream, begun: () => begun }
}

/**
 * Sends mail through one SMTP server (RFC 5321) with nodemailer's connection, of which each attempt gets its own: an
 * answer then always belongs to the mail it was given for.
 */
export function smtpTransport(config: SmtpConfig): SmtpTransport {
  const secrets = secretsOf(config)
  const open = new Set<SMTPConnection>()
  let closed = false

  /** Runs one conversation. `talk` starts when the server is ready and the login, if any, is done. */
  function converse<T>(
    begun: () => boolean,
    talk: (connection: SMTPConnection, done: Done<T>) => void,
    signal?: AbortSignal,
    login = true,
  ): Promise<T> {
    if (signal?.aborted) throw new SendFailure('transient', 'mail.timeout', 'It was broken off before it began.')
    if (closed) throw new SendFailure('transient', 'mail.closed', 'The transport was closed; open a new one.')
    return new Promise<T>((resolve, reject) => {
      const connection = new SMTPConnection(connectionOptions(config))
      open.add(connection)
      const fail = (error: SmtpError) => {
        clearTimeout(deadline)
        reject(sendFailure(error, begun(), secrets))
        connection.close()
      }
      const done: Done<T> = (error, value) => {
        if (error !== null) return fail(error)
        clearTimeout(deadline)
        signal?.removeEventListener('abort', breakOff)
        resolve(value as T)
        connection.quit()
        // A server that never answers QUIT must not keep the process alive.
        setTimeout(() => connection.close(), QUIT_MS).unref()
      }
      // A server that answers a byte at a time never lets the socket's own time-out fire.
      const attempt_ms = config.timeoutMs === undefined ? ATTEMPT_MAX_MS : config.timeoutMs * 4
      const deadline = setTimeout(() => fail({ message: 'The attempt took too long', code: 'ETIMEDOUT' }), attempt_ms)
      const breakOff = () => fail({ message: 'The attempt was broken off', code: 'ETIMEDOUT' })
      signal?.addEventListener('abort', breakOff)
      connection.on('error', fail)
      connection.once('end', () => {
        open.delete(connection)
        // A 421 ends the connection first and is reported right after; that report is the better one.
        setImmediate(() => fail({ message: 'Connection closed', code: 'ECONNECTION' }))
      })
      connection.connect((error?: SmtpError | null) => {
        if (error) return fail(error)
        if (config.user === undefined || !login) return talk(connection, done)
        connection.login({ user: config.user, pass: config.password ?? '' }, (refused) =>
          refused === null ? talk(connection, done) : fail(refused),
        )
      })
    })
  }

  async function send(mail: OutgoingMail, signal?: AbortSignal): Promise<Sent> {
    const { envelope, bytes }: Composed = await compose(mail, config.from)
    const content = contentOf(bytes)
    const info = await converse<SMTPConnectionSendInfo>(
      content.begun,
      (connection, done) => connection.send(envelope, content.stream, done),
      signal,
    )
    const rejected = (info.rejectedErrors ?? []).map((error) => ({
      address: error.recipient ?? '',
      response: redacted(error.response ?? '', secrets),
    }))
    return { response: redacted(info.response, secrets), accepted: info.accepted, rejected, bytes }
  }

  const neverBegun = () => false
  return {
    send,
    verify: async () => converse<void>(neverBegun, (_connection, done) => done(null, undefined)),
    offers: async () =>
      converse<string[]>(neverBegun, (connection, done) => done(null, offered(connection)), undefined, false),
    close() {
      closed = true
      for (const connection of open) connection.close()
    },
  }
}

type Done<T> = (error: SmtpError | null, value: T) => void
