import { isUtf8 } from 'node:buffer'
import PostalMime, { type Email } from 'postal-mime'
import { fieldValue, type Split } from './header-block.ts'

// postal-mime keeps every line of an unencoded body as a Blob part: 16 µs and 2 KB a line were measured, and 25 MiB of
// empty lines ran out of memory. Lines of base64 (60 bytes and more) cost little, so only shorter ones are counted.
const SHORT_LINES_MAX = 50_000
const SHORT_LINE_BYTES = 60
// Each `--boundary` line may begin a part; 20,000 parts took 0.4 s and 60 MB.
const DASH_LINES_MAX = 10_000
const LF = 0x0a
const DASH = 0x2d

/** The part of the body that stays within the line limits, in bytes; the whole length when all of it does. */
function affordable(body: Buffer, multipart: boolean): number {
  let short = 0
  let dashes = 0
  let start = 0
  for (let i = 0; i < body.length; i++) {
    if (body[i] !== LF) continue
    if (i - start < SHORT_LINE_BYTES && ++short > SHORT_LINES_MAX) return start
    if (multipart && body[start] === DASH && body[start + 1] === DASH && ++dashes > DASH_LINES_MAX) return start
    start = i + 1
  }
  return body.length
}

/** Only what describes the body is handed on; addresses, ids and dates are read from the fields by this connector. */
function parse(fields: readonly string[], body: Buffer): Promise<Email> {
  const head = fields.filter((field) => /^content-/i.test(field)).join('\r\n')
  return PostalMime.parse(Buffer.concat([Buffer.from(head === '' ? '\r\n' : `${head}\r\n\r\n`), body]), {
    maxNestingDepth: 50,
    // An attached mail stays a file: inlined, postal-mime prints its date in this machine's time zone and language.
    forceRfc822Attachments: true,
  })
}

const isEncoded = (fields: readonly string[]) =>
  /base64|quoted-printable/i.test(fieldValue(fields, 'content-transfer-encoding') ?? '')
const isEncoding = (field: string) => /^content-transfer-encoding[ \t]*:/i.test(field)
const isStructure = (field: string) => /^content-(type|transfer-encoding|disposition)[ \t]*:/i.test(field)

/**
 * Hands an unencoded text to postal-mime as one line of base64, which it decodes at once where it would keep each line
 * as a Blob part. The whole Spam Assassin corpus parsed at 725 mails/s without this and at 1,670 with it.
 */
function parseSingle(fields: readonly string[], body: Buffer): Promise<Email> {
  if (isEncoded(fields)) return parse(fields, body)
  const others = fields.filter((field) => !isEncoding(field))
  return parse([...others, 'Content-Transfer-Encoding: base64'], Buffer.from(body.toString('base64')))
}

/** Reads the body as plain text, whatever the header says it is. */
function asText(split: Split, body: Buffer): Promise<Email> {
  return parseSingle(
    split.fields.filter((field) => !isStructure(field)),
    body,
  )
}

/** Replaces a charset that the body contradicts or that nobody knows, in mails of one unencoded text part. */
function mendCharset(split: Split, type: string): string[] {
  const label = /charset\s{0,9}=\s{0,9}"?([^\s";]{1,60})/i.exec(type)?.[1] ?? 'utf-8'
  if (type !== '' && !/^text\//i.test(type)) return split.fields
  try {
    const known = new TextDecoder(label).encoding !== 'utf-8' || isEncoded(split.fields) || isUtf8(split.body)
    if (known) return split.fields
    split.defects.push('The text is not valid UTF-8; it was read as windows-1252.')
  } catch {
    split.defects.push('The charset of the text is unknown; it was read as windows-1252 unless its name says better.')
    return split.fields
  }
  const mended = `Content-Type: ${/^text\/[\w.+-]+/i.exec(type)?.[0] ?? 'text/plain'}; charset=windows-1252`
  return [...split.fields.filter((field) => !/^content-type[ \t]*:/i.test(field)), mended]
}

function checkBase64(split: Split): void {
  if (!/base64/i.test(fieldValue(split.fields, 'content-transfer-encoding') ?? '')) return
  let count = 0
  for (const byte of split.body) if (byte > 0x20) count++
  if (count % 4 !== 0) split.defects.push('The base64 text stops in the middle; what was there was read.')
}

const isBlank = (email: Email) => !email.text?.trim() && !email.html?.trim() && email.attachments.length === 0

/**
 * The decoded content of a mail that was taken apart. Where its structure cannot be followed (too deep, too many lines
 * or parts, a boundary that never comes) the body is read as plain text; `split.defects` says so.
 */
export async function decodeContent(split: Split): Promise<Email> {
  const type = fieldValue(split.fields, 'content-type') ?? ''
  const multipart = /^multipart\//i.test(type)
  const within = multipart || isEncoded(split.fields) ? affordable(split.body, multipart) : split.body.length
  const body = split.body.subarray(0, within)
  if (within < split.body.length) {
    split.defects.push(`The body has too many lines; the first ${within} bytes were read as plain text.`)
    return asText(split, body)
  }
  if (!multipart) checkBase64(split)
  const fields = multipart ? split.fields : mendCharset(split, type)
  let email: Email
  try {
    email = await (multipart ? parse : parseSingle)(fields, body)
  } catch {
    split.defects.push('The parts of the mail cannot be told apart; its body was read as plain text.')
    return asText(split, body)
  }
  if (multipart) return checkParts(split, type, email)
  return email
}

async function checkParts(split: Split, type: string, email: Email): Promise<Email> {
  const match = /boundary\s{0,9}=\s{0,9}(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i.exec(type)
  const boundary = `--${match?.[1] ?? match?.[2] ?? '\n'}`
  if (isBlank(email) && !split.body.includes(boundary)) {
    split.defects.push('The boundary between the parts never comes; the body was read as plain text.')
    return asText(split, split.body)
  }
  if (!split.body.includes(`${boundary}--`)) {
    split.defects.push('The closing boundary is missing; the mail may have been cut off.')
  }
  return email
}
