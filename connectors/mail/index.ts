import { join } from 'node:path'
import { signal, type Connector } from '../../src/connector.ts'
import { UNKNOWN_ADDRESS } from './addresses.ts'
import { compose, reply, type MailConnection } from './actions.ts'
import { MailError } from './errors.ts'
import { imapAccount, type ImapAccount, type ImapConfig } from './imap.ts'
import { sentOverImap } from './imap-sent.ts'
import { readMails } from './ingest.ts'
import { Message } from './message.ts'
import { openOutbox, sentUnder, type Outbox } from './outbox.ts'
import { probe } from './probe.ts'
import { profileOf, type Provider, type ProviderProfile } from './providers.ts'
import { smtpTransport, type SmtpConfig } from './smtp.ts'

/** A mail came in. Waits match it by its sender's address. */
const received = signal('mail.received', Message, {
  match: (m) => m.from,
  message: (m) => ({
    party: m.from,
    subject: m.subject,
    text: m.text,
    ids: [...m.references, m.id],
    files: m.attachments,
  }),
})

export interface Receiving {
  /**
   * The authserv-id (RFC 8601) that your own receiving server signs its Authentication-Results fields with, such as
   * `mx.example.org`. Senders that it vouches for are `verified`; without it everybody is an `outsider`. Name it only if that
   * server removes such fields from what comes in, and only its mails are read here.
   */
  readonly trustedAuthenticator?: string
}

/** What every profile has. Throws `mail.bad_authenticator`. */
function shared(trustedAuthenticator: string | undefined) {
  if (trustedAuthenticator !== undefined && !/^[A-Za-z0-9._-]+$/.test(trustedAuthenticator))
    throw new MailError(
      'mail.bad_authenticator',
      `trustedAuthenticator is ${JSON.stringify(trustedAuthenticator)}. Write the name that your server puts first into Authentication-Results, such as mx.example.org.`,
    )
  return {
    name: 'mail',
    actions: [reply, compose],
    signals: [received],
    ingest: { kind: received, read: (path: string) => readMails(path, trustedAuthenticator) },
  } as const
}

/** An attempt lasts at most four times this, and so ends with its own finding long before the action's time-out. */
const ANSWER_MS = 25_000

/**
 * Where mails go out, and where the copies of them are. Without `imap` no copy is filed, and a mail whose answer was
 * lost is the operator's to find out about.
 */
export type SmtpOptions = SmtpConfig &
  Receiving & {
    readonly imap?: ImapConfig & {
      /** Whether the provider files what it takes over SMTP by itself. Default: what is known of `provider`, else no. */
      readonly filesSubmissions?: boolean | ProviderProfile
    }
    readonly provider?: Provider | undefined
    readonly limits?: Connector['limits']
  }

type SmtpMail = MailConnection & { readonly account: ImapAccount | null }

/** Sends through an SMTP server, and files and finds what was sent over IMAP. */
function smtp({ imap, provider, limits, trustedAuthenticator, ...config }: SmtpOptions): Connector<SmtpMail> {
  const target = `smtp://${config.host}:${config.port} as ${config.from}`
  return {
    ...shared(trustedAuthenticator),
    target,
    ...(limits === undefined ? {} : { limits }),
    async open() {
      const transport = smtpTransport({ timeoutMs: ANSWER_MS, ...config })
      const account = imap === undefined ? null : imapAccount(imap)
      const sent = account && sentOverImap(account, profileOf(provider, imap?.filesSubmissions))
      return { transport, from: config.from, account, ...(sent === null ? {} : { sent }) }
    },
    async close({ transport, account }) {
      transport.close()
      account?.close()
    },
    probe: ({ transport, account }) => probe(transport, account),
    describe: () => `${target}${imap === undefined ? '' : `, filed at imap://${imap.host}:${imap.port}`}`,
  }
}

/**
 * Sends for real, over SMTP, to a server of its own on loopback that keeps every mail in `data/outbox`: a company that
 * works before it has a mail account.
 */
function outbox(
  config: Receiving & {
    readonly from: string
    readonly port?: number
    readonly inbox?: string
    readonly limits?: Connector['limits']
  },
): Connector<Outbox> {
  const { from, port, inbox, limits } = config
  return {
    ...shared(config.trustedAuthenticator),
    target: `outbox as ${from}`,
    ...(limits === undefined ? {} : { limits }),
    ...(inbox === undefined ? {} : { inbox }),
    open: (env) => openOutbox(join(env.dataFolder, 'outbox'), { from, port, timeoutMs: ANSWER_MS }),
    copies: (env, keys) => sentUnder(join(env.dataFolder, 'outbox'), keys),
    close: (connection) => connection.close(),
    probe: ({ transport }) => probe(transport, null),
    describe: ({ sink, folder }) => `smtp://127.0.0.1:${sink.port}, kept in ${folder}`,
  }
}

export const mail = {
  Message,
  received,
  reply,
  send: compose,
  smtp,
  outbox,
  /** Stands for a sender that a mail does not name: nothing can be sent there. */
  unknownSender: UNKNOWN_ADDRESS,
} as const
export { Message } from './message.ts'
