import { isUtf8 } from 'node:buffer'
import PostalMime, { type Attachment } from 'postal-mime'
import { fieldValue } from './header-block.ts'
import { htmlToText } from '../../src/connector.ts'
import { LIMITS } from './message.ts'

/** What a mail or a part of it says and carries. `html` tells that `text` was made from HTML. */
export type Content = { text: string; html: boolean; attachments: Attachment[] }

// postal-mime decodes line by line, at 0.4 to 0.8 µs a line: 25 MiB of base64 in lines of one byte would take 10 s.
// Lines of 60 bytes and more are what mailers write and cost little.
const SHORT_LINES_MAX = 50_000
const SHORT_LINE_BYTES = 60
const TEXT_MAX_BYTES = 4 * 1024 * 1024
const LF = 0x0a

function hasTooManyLines(body: Buffer): boolean {
  let short = 0
  let start = 0
  for (let i = body.indexOf(LF); i !== -1 && short <= SHORT_LINES_MAX; i = body.indexOf(LF, start)) {
    if (i - start < SHORT_LINE_BYTES) short++
    start = i + 1
  }
  return short > SHORT_LINES_MAX
}

/** A charset that the bytes contradict, in unencoded text: most often Latin letters that claim to be UTF-8. */
function mendedType(type: string, body: Buffer, defects: string[]): string {
  if (!/^text\//i.test(type)) return type
  const label = /charset\s{0,9}=\s{0,9}"?([^\s";]{1,60})/i.exec(type)?.[1] ?? 'utf-8'
  try {
    if (new TextDecoder(label).encoding !== 'utf-8' || isUtf8(body)) return type
  } catch {
    defects.push('The charset of the text is unknown; it was read as windows-1252 unless its name says better.')
    return type
  }
  defects.push('The text is not valid UTF-8; it was read as windows-1252.')
  return `${/^text\/[\w.+-]{1,60}/i.exec(type)?.[0] ?? 'text/plain'}; charset=windows-1252`
}

function checkBase64(body: Buffer, defects: string[]): void {
  let count = 0
  for (const byte of body) if (byte > 0x20) count++
  if (count % 4 !== 0) defects.push('The base64 content stops in the middle; what was there was read.')
}

/**
 * Fields and body for postal-mime. Only what describes the body is handed on, and an unencoded body goes as one line of
 * base64: it arrives byte for byte, and postal-mime keeps no Blob part for each of its lines (16 µs and 2 KB a line;
 * the Spam Assassin corpus parsed at 725 mails/s before and at 1,670 after).
 */
function prepare(fields: readonly string[], body: Buffer, defects: string[]): Buffer {
  const encoding = fieldValue(fields, 'content-transfer-encoding') ?? ''
  const encoded = /base64|quoted-printable/i.test(encoding)
  const readable = !encoded || !hasTooManyLines(body)
  if (!readable) defects.push('Encoded content has too many lines; it was read as plain text.')
  const asIs = encoded && readable
  const type = readable ? fieldValue(fields, 'content-type') || 'text/plain' : 'text/plain'
  const head = [
    ...fields.filter((field) => readable && /^content-(disposition|id|description)/i.test(field)),
    `Content-Type: ${asIs ? type : mendedType(type, body, defects)}`,
    `Content-Transfer-Encoding: ${asIs ? encoding : 'base64'}`,
  ]
  if (asIs && /base64/i.test(encoding)) checkBase64(body, defects)
  const content = asIs ? body : Buffer.from(body.toString('base64'))
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), content])
}

const isText = (fields: readonly string[]) =>
  /^(text\/(plain|html)|$)/i.test(fieldValue(fields, 'content-type') ?? '') &&
  !/^attachment/i.test(fieldValue(fields, 'content-disposition') ?? '')

/** Decodes one part that has no parts itself: its text, or the file it is. */
export async function readLeaf(fields: readonly string[], whole: Buffer, defects: string[]): Promise<Content> {
  let body = whole
  if (isText(fields) && body.length > TEXT_MAX_BYTES) {
    body = body.subarray(0, TEXT_MAX_BYTES)
    defects.push('A text is over 4 MiB; the rest of it was left out.')
  }
  // An attached mail stays a file: inlined, postal-mime prints its date in this machine's time zone and language.
  const email = await PostalMime.parse(prepare(fields, body, defects), { forceRfc822Attachments: true })
  const html = email.html !== undefined
  return {
    text: html ? htmlToText(email.html ?? '', LIMITS.text + 1) : (email.text ?? ''),
    html,
    attachments: email.attachments,
  }
}
