import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Connector } from '../../src/connector.ts'
import { connectorConformance } from '../../src/testing.ts'
import { startImap, type ImapServer } from './imap.fixture.ts'
import { mail } from './index.ts'
import { readKept, startSink, type Sink, type SinkFaults } from './sink.ts'

const FROM = 'Mara Lind <mara@northlight.example>'
const INPUT = { to: 'jonas@brotzeit.example', subject: 'Opening hours', body: 'From nine.' }

/** The words with which a server took a mail are known to nobody who did not hear them. */
function wordless(connector: Connector): Connector {
  const without = (receipt: unknown) => ({ ...(receipt as object), response: '' })
  return {
    ...connector,
    actions: connector.actions.map((action) => ({
      ...action,
      run: async (input, ctx) => without(await action.run(input, ctx)),
      reconcile: async (input, ctx) => {
        const found = await action.reconcile!(input, ctx)
        return found.found === 'yes' ? { found: 'yes', output: without(found.output) } : found
      },
    })),
  }
}

/** An SMTP and an IMAP server that take the password they are told to. */
class Provider implements AsyncDisposable {
  readonly smtpLogin = { user: 'mara', password: '' }
  readonly imapLogin = { user: 'mara', password: '' }
  sink!: Sink
  imap!: ImapServer

  static async start(): Promise<Provider> {
    const provider = new Provider()
    provider.sink = await startSink({ login: provider.smtpLogin })
    provider.imap = await startImap({ login: provider.imapLogin })
    return provider
  }

  connector(secret: string): Connector {
    this.smtpLogin.password = this.imapLogin.password = secret
    const imap = { host: '127.0.0.1', port: this.imap.port, user: 'mara', password: secret }
    const smtp = { host: '127.0.0.1', port: this.sink.port, user: 'mara', password: secret }
    return wordless(mail.smtp({ ...smtp, from: FROM, imap }))
  }

  async fault(fault: string | null): Promise<void> {
    if (fault === 'down') return this.sink.close()
    const secret = this.imapLogin.password
    this.smtpLogin.password = fault === 'credentials' ? `not ${secret}` : secret
    const faults: Readonly<Record<string, SinkFaults>> = {
      echo: { refuse: 'content', text: `${secret} ${Buffer.from(`\0mara\0${secret}`).toString('base64')}` },
      rate_limit: { greylist: 'content' },
      slow: { slow_ms: 60_000 },
      garbage: { garbage: true },
    }
    this.sink.setFaults(faults[fault ?? ''] ?? {})
  }

  outside() {
    const texts = this.sink.messages().map((sent) => Buffer.from(sent.raw).toString('latin1'))
    return { state: { texts, filed: this.imap.mails('Sent').length }, done: texts.length }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.sink.close(), this.imap.close()])
  }
}

const UNDO = 'nobody can take back a mail that was sent'

connectorConformance('mail over SMTP and IMAP', {
  world: () => Provider.start(),
  connector: (world, secret) => world.connector(secret),
  action: 'mail.send',
  input: () => INPUT,
  outside: (world) => world.outside(),
  fault: (world, fault) => world.fault(fault),
  credentialsCode: 'mail.auth',
  lacks: { undo: UNDO },
})

const OWN = 'the outbox is its own server, in the same process'

connectorConformance('mail to the outbox', {
  world: (folder) => ({ folder: join(folder, 'data/outbox'), [Symbol.asyncDispose]: async () => {} }),
  connector: () => wordless(mail.outbox({ from: FROM })),
  action: 'mail.send',
  input: () => INPUT,
  outside: async ({ folder }) => {
    const kept = existsSync(folder) ? await readKept(folder) : []
    return { state: kept.map((sent) => Buffer.from(sent.raw).toString('latin1')), done: kept.length }
  },
  fault: () => {},
  credentialsCode: 'mail.auth',
  lacks: { undo: UNDO, credentials: OWN, echo: OWN, rate_limit: OWN, slow: OWN, garbage: OWN, down: OWN },
})
