import { createHash } from 'node:crypto'
import { decodeWords } from 'postal-mime'
import { addressList, sender } from './addresses.ts'
import { type AttachmentBytes, collectAttachments } from './attachments.ts'
import { cleanBody, cleanLine, countInvisible, cut, hasTricks } from './clean-text.ts'
import { readContent } from './content.ts'
import { mailDate } from './date.ts'
import { MailError } from './errors.ts'
import { fieldValue, fieldValues, splitHeader } from './header-block.ts'
import { messageIds, references } from './identifiers.ts'
import type { Content } from './leaf.ts'
import { LIMITS, type Message } from './message.ts'

export type ParsedMail = { message: Message; attachments: AttachmentBytes[] }

/**
 * Reads a raw mail (RFC 5322, MIME). Whatever the bytes are, the answer is a `Message` within its limits; what had to
 * be mended is named in `defects`. Pure: the same bytes give the same message on every machine.
 *
 * @throws MailError `mail.empty` for no bytes at all, `mail.too_large` over 25 MiB
 */
export async function parseMail(raw: Uint8Array): Promise<ParsedMail> {
  if (raw.length === 0) throw new MailError('mail.empty', 'The mail has no bytes; fetch it again or remove the file.')
  if (raw.length > LIMITS.mail_bytes) {
    throw new MailError(
      'mail.too_large',
      'The mail is larger than 25 MiB; save its attachments by hand and ingest it without them.',
    )
  }
  const split = splitHeader(Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength))
  const { fields, defects } = split
  const content = await readContent(split, defects)
  const { from, fromName } = sender(fieldValues(fields, 'from'), defects)
  const { infos, contents } = collectAttachments(content.attachments, defects)
  const message: Message = {
    id: messageId(fieldValues(fields, 'message-id'), raw, defects),
    from,
    fromName,
    replyTo: addressList('Reply-To', fieldValues(fields, 'reply-to'), defects)[0] ?? from,
    to: addressList('To', fieldValues(fields, 'to'), defects),
    cc: addressList('Cc', fieldValues(fields, 'cc'), defects),
    subject: subject(fieldValue(fields, 'subject'), defects),
    date: date(fieldValue(fields, 'date'), defects),
    text: text(content, defects),
    references: references([...fieldValues(fields, 'references'), ...fieldValues(fields, 'in-reply-to')], defects),
    listId: listId(fieldValue(fields, 'list-id')),
    autoSubmitted: isAutoSubmitted(fields),
    attachments: infos,
    size: raw.length,
    defects: [],
  }
  message.defects = [...new Set(defects)].slice(0, LIMITS.defects).map((defect) => cleanLine(defect, LIMITS.defect))
  return { message, attachments: contents }
}

function messageId(values: readonly string[], raw: Uint8Array, defects: string[]): string {
  const value = values[0]
  const id = value === undefined ? undefined : (messageIds(value)[0] ?? messageIds(`<${value}>`)[0])
  if (values.length > 1) defects.push(`There are ${values.length} Message-ID fields; only the first counts.`)
  if (id !== undefined) return id
  defects.push(`Message-ID is ${value === undefined ? 'missing' : 'not usable'}; the id was made from the content.`)
  return `sha256-${createHash('sha256').update(raw).digest('hex')}@factotum.invalid`
}

function subject(value: string | null, defects: string[]): string {
  const decoded = decodeWords(value ?? '')
  if (hasTricks(decoded)) defects.push('The subject had line breaks, invisible or reordering characters; removed.')
  if (decoded.length > LIMITS.subject) defects.push(`The subject was cut to ${LIMITS.subject} characters.`)
  return cleanLine(decoded, LIMITS.subject)
}

function date(value: string | null, defects: string[]): number | null {
  const at = value === null ? null : mailDate(value)
  if (at === null) defects.push(`The date is ${value === null ? 'missing' : 'not readable'}.`)
  return at
}

function text(content: Content, defects: string[]): string {
  const plain = content.text
  const clean = cleanBody(plain, LIMITS.text)
  if (plain.length > LIMITS.text) defects.push(`The text was cut to ${LIMITS.text} characters.`)
  if (clean.includes('\ufffd'))
    defects.push('Some characters of the text could not be decoded; they are shown as \ufffd.')
  const invisible = countInvisible(clean)
  if (invisible > 0) defects.push(`The text has ${invisible} invisible or reordering characters; kept.`)
  return clean
}

function listId(value: string | null): string | null {
  if (value === null) return null
  const inBrackets = /<([^<>]{1,998})>/.exec(value)?.[1]
  const id = cleanLine(inBrackets ?? value, LIMITS.id).toLowerCase()
  return id === '' ? null : cut(id, LIMITS.id)
}

// RFC 3834 section 2: never answer these; a null return path and a report are what bounces have.
function isAutoSubmitted(fields: readonly string[]): boolean {
  const value = fieldValue(fields, 'auto-submitted')
  return (
    (value !== null && !/^no\b/i.test(value)) ||
    /^(bulk|list|junk)\b/i.test(fieldValue(fields, 'precedence') ?? '') ||
    /^multipart\/report\b/i.test(fieldValue(fields, 'content-type') ?? '') ||
    /^<\s*>/.test(fieldValue(fields, 'return-path') ?? '')
  )
}
