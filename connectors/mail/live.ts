import { setTimeout as delay } from 'node:timers/promises'
import { ImapFlow } from 'imapflow'
import { mail } from './index.ts'
import { PROVIDERS, type Provider } from './providers.ts'

type Variables = Readonly<Record<string, string>>

/** A provider that files what it takes does so a moment later. */
const FILING_MS = 5_000

function providerOf(v: Variables): Provider | undefined {
  const name = v.MAIL_LIVE_PROVIDER ?? ''
  return Object.hasOwn(PROVIDERS, name) ? (name as Provider) : undefined
}

/** Sends one mail to oneself, files the copy, and finds it. */
export const live = {
  variables: {
    MAIL_LIVE_SMTP: 'the SMTP server and its port: smtp.example.org:587, or 465 for TLS from the first byte',
    MAIL_LIVE_IMAP: 'the IMAP server and its port: imap.example.org:993, or 143 for STARTTLS',
    MAIL_LIVE_USER: 'the user of both',
    MAIL_LIVE_PASSWORD: 'the password, or an app password',
    MAIL_LIVE_ADDRESS: 'the address of the account: the mail goes from it to it',
  },
  optional: {
    MAIL_LIVE_SENT: 'the folder of sent mails, where the server marks none',
    MAIL_LIVE_PROVIDER: `one of ${Object.keys(PROVIDERS).join(', ')}`,
  },
  plan: (v: Variables) =>
    `Send one mail from ${v.MAIL_LIVE_ADDRESS} to itself through ${v.MAIL_LIVE_SMTP}, and find its copy in the folder of sent mails at ${v.MAIL_LIVE_IMAP}. Both stay there.`,
  connector(v: Variables) {
    const [smtp, imap] = [endpoint(v.MAIL_LIVE_SMTP!), endpoint(v.MAIL_LIVE_IMAP!)]
    const login = { user: v.MAIL_LIVE_USER!, password: v.MAIL_LIVE_PASSWORD! }
    return mail.smtp({
      ...smtp,
      ...login,
      secure: smtp.port === 465,
      from: v.MAIL_LIVE_ADDRESS!,
      provider: providerOf(v),
      imap: { ...imap, ...login, sent: v.MAIL_LIVE_SENT || undefined },
    })
  },
  read: null,
  write: (v: Variables) => ({
    action: 'mail.send',
    input: { to: v.MAIL_LIVE_ADDRESS, subject: 'A test of factotum', body: 'Hello' },
  }),
  /** How many mails are in the folder of sent mails, asked for without the connector. */
  async outside(v: Variables): Promise<string> {
    if (providerOf(v)) await delay(FILING_MS)
    const { host, port } = endpoint(v.MAIL_LIVE_IMAP!)
    const auth = { user: v.MAIL_LIVE_USER!, pass: v.MAIL_LIVE_PASSWORD! }
    await using imap = new ImapFlow({ host, port, secure: port === 993, doSTARTTLS: port !== 993, auth, logger: false })
    await imap.connect()
    const sent = (await imap.list()).find((folder) => folder.specialUse === '\\Sent')?.path ?? 'Sent'
    const status = await imap.status(v.MAIL_LIVE_SENT || sent, { messages: true })
    return status ? `${status.messages} mails in ${sent}` : 'no folder of sent mails'
  },
}

function endpoint(text: string): { readonly host: string; readonly port: number } {
  const [, host = '', port = ''] = /^(.+):(\d+)$/.exec(text) ?? []
  if (host === '') throw new Error(`${JSON.stringify(text)} is no server and port; write it as mail.example.org:587.`)
  return { host, port: Number(port) }
}
