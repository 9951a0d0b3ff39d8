import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import MailComposer from 'nodemailer/lib/mail-composer'
import { LIMITS } from './message.ts'
import { SendFailure } from './send-failure.ts'

/**
 * A plain-text mail to send. Addresses are bare (`mara@northlight.example`), ids without `<>`, `date` is in
 * milliseconds since 1970 and becomes the Date header.
 */
export type OutgoingMail = {
  to: string | readonly string[]
  subject: string
  text: string
  messageId: string
  inReplyTo?: string | undefined
  references?: readonly string[] | undefined
  date: number
}

export type Composed = { envelope: { from: string; to: string[]; size: number }; bytes: Buffer }

const RECIPIENTS_MAX = 100
// Twice what a received one may have: an answer puts words before it.
const SUBJECT_MAX = LIMITS.subject * 2
// References over this are thinned: some servers refuse long header fields.
const REFERENCES_MAX_BYTES = 8_000
const CONTROL = /[\p{Cc}\u2028\u2029]/u
// RFC 5322 dot-atom; quoted local parts exist on paper only and are how commands get smuggled.
const LOCAL = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}$/
const DOMAIN = /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/
const ID = /^[\x21-\x3b\x3d\x3f-\x7e]{1,250}@[\x21-\x3b\x3d\x3f-\x7e]{1,250}$/
const REFERENCE = /^[\x21-\x3b\x3d\x3f-\x7e]{1,900}$/

const invalid = (what: string) => new SendFailure('domain', 'mail.invalid', what)

function address(value: string, field: string): string {
  const at = value.lastIndexOf('@')
  const local = value.slice(0, Math.max(at, 0))
  const domain = value.slice(at + 1)
  const ascii = /^\[.*\]$/.test(domain) && isIP(domain.slice(1, -1)) === 4 ? domain : domainToASCII(domain)
  const good = at > 0 && value.length <= LIMITS.address && !CONTROL.test(value) && LOCAL.test(local)
  // RFC 2606: nothing is ever delivered below .invalid; the parser gives such an address to a sender it cannot read.
  if (/(^|\.)invalid$/i.test(ascii)) throw invalid(`${field} is ${local}@${ascii}, which nobody can receive.`)
  if (good && (DOMAIN.test(ascii) || ascii.startsWith('['))) return `${local}@${ascii}`
  throw invalid(
    `${field} has ${JSON.stringify(value.slice(0, 100))}, which is not an address that mail can be sent to.`,
  )
}

/** Splits `Mara Lind <mara@northlight.example>`; the name may be absent. */
function mailbox(value: string): { name: string; address: string } {
  const match = /^([^<>]{0,200})<([^<>]{1,400})>\s{0,9}$/.exec(value)
  const name = (match?.[1] ?? '').trim().replace(/^"(.*)"$/, '$1')
  if (CONTROL.test(name)) throw invalid('The name in from has control characters; remove them.')
  return { name, address: address((match?.[2] ?? value).trim(), 'from') }
}

/** The ids that a header can carry, the first and the latest of them when they are too long together. */
function referenceHeader(ids: readonly string[]): string[] {
  const good = ids.filter((id) => REFERENCE.test(id))
  let bytes = good.reduce((sum, id) => sum + id.length + 3, 0)
  while (bytes > REFERENCES_MAX_BYTES && good.length > 2) bytes -= (good.splice(1, 1)[0]?.length ?? 0) + 3
  return good.map((id) => `<${id}>`)
}

/**
 * The bytes that will be sent and their envelope; the same mail gives the same bytes. A reference that no header can
 * carry is left out, since it came from outside and only helps threading.
 *
 * @throws SendFailure `domain`, `mail.invalid`: a control character in a header, no address, or no usable Message-ID
 */
export async function compose(mail: OutgoingMail, from: string): Promise<Composed> {
  const recipients = (typeof mail.to === 'string' ? [mail.to] : mail.to).map((to) => address(to, 'to'))
  if (recipients.length === 0) throw invalid('There is no recipient; name at least one.')
  if (recipients.length > RECIPIENTS_MAX)
    throw invalid(`There are over ${RECIPIENTS_MAX} recipients; send several mails.`)
  if (CONTROL.test(mail.subject)) throw invalid('The subject has a line break or control character; remove it.')
  if (mail.subject.length > SUBJECT_MAX) throw invalid(`The subject is over ${SUBJECT_MAX} characters; shorten it.`)
  if (!ID.test(mail.messageId)) throw invalid('The Message-ID is not usable; make one like unique@your.domain.')
  if (!Number.isFinite(new Date(mail.date).getTime())) throw invalid('The date is not a time in milliseconds.')
  const sender = mailbox(from)
  const replied = referenceHeader(mail.inReplyTo === undefined ? [] : [mail.inReplyTo])[0]
  const bytes = await new MailComposer({
    from: sender,
    to: recipients.map((to) => ({ name: '', address: to })),
    subject: mail.subject.toWellFormed(),
    text: mail.text.toWellFormed(),
    messageId: `<${mail.messageId}>`,
    references: referenceHeader(mail.references ?? []),
    ...(replied === undefined ? {} : { inReplyTo: replied }),
    date: new Date(mail.date),
    newline: 'win',
    disableFileAccess: true,
    disableUrlAccess: true,
  })
    .compile()
    .build()
  return { envelope: { from: sender.address, to: recipients, size: bytes.length }, bytes }
}
