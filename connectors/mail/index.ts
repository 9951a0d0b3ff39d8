import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { signal, type Connector } from '../../src/connector.ts'
import { UNKNOWN_ADDRESS } from './addresses.ts'
import { compose, reply, type MailConnection } from './actions.ts'
import { readMails } from './ingest.ts'
import { Message } from './message.ts'
import { startSink, type Sink } from './sink.ts'
import { smtpTransport, type SmtpConfig } from './smtp.ts'

/** A mail came in. Waits match it by its sender's address. */
const received = signal('mail.received', Message, {
  match: (m) => m.from,
  message: (m) => ({ party: m.from, subject: m.subject, text: m.text, ids: [...m.references, m.id] }),
})

const shared = {
  name: 'mail',
  actions: [reply, compose],
  signals: [received],
  ingest: { kind: received, read: readMails },
} as const

/** An attempt lasts at most four times this, and so ends with its own finding before the action's time-out of 2 minutes. */
const ANSWER_MS = 25_000

/** Sends through an SMTP server. */
function smtp(config: SmtpConfig): Connector<MailConnection> {
  return {
    ...shared,
    open: async () => ({ transport: smtpTransport({ timeoutMs: ANSWER_MS, ...config }), from: config.from }),
    close: async ({ transport }) => transport.close(),
    describe: () => `smtp://${config.host}:${config.port} as ${config.from}`,
  }
}

type Outbox = MailConnection & { readonly sink: Sink; readonly folder: string }

/**
 * Sends for real, over SMTP, to a server of its own on loopback that keeps every mail in `data/outbox`: a company that
 * works before it has a mail account.
 */
function outbox(config: { readonly from: string; readonly port?: number; readonly inbox?: string }): Connector<Outbox> {
  return {
    ...shared,
    ...(config.inbox === undefined ? {} : { inbox: config.inbox }),
    async open(env) {
      const folder = join(env.dataFolder, 'outbox')
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const sink = await startSink({ folder, port: config.port })
      const transport = smtpTransport({ host: '127.0.0.1', port: sink.port, from: config.from, timeoutMs: ANSWER_MS })
      return { transport, from: config.from, sink, folder }
    },
    async close({ transport, sink }) {
      transport.close()
      await sink.close()
    },
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
