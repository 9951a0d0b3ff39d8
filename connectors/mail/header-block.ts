import { isUtf8 } from 'node:buffer'

/** A mail taken apart at the first empty line. `fields` are header fields as they came, folds included. */
export type Split = { fields: string[]; body: Buffer; defects: string[] }

const LF = 0x0a
const CR = 0x0d
const HEADER_MAX_BYTES = 256 * 1024
// RFC 5322 2.2: a field name is printable ASCII without a colon; obsolete syntax lets blanks precede the colon.
const FIELD = /^[\x21-\x39\x3b-\x7e]{1,200}[ \t]*:/
// What mbox writers put before a mail, or leave in the middle of its header when they escape it.
const MBOX_FROM = /^>*From /

type Line = { start: number; end: number; next: number }

function lineAt(raw: Buffer, start: number): Line {
  const lf = raw.indexOf(LF, start)
  const stop = lf === -1 ? raw.length : lf
  const end = stop > start && raw[stop - 1] === CR ? stop - 1 : stop
  return { start, end, next: lf === -1 ? raw.length : lf + 1 }
}

const peek = (raw: Buffer, line: Line) => raw.toString('latin1', line.start, Math.min(line.end, line.start + 256))

/** Where reading starts: behind a byte order mark and behind empty lines that only precede a header. */
function firstLine(raw: Buffer, defects: string[]): number {
  let start = 0
  if (raw.length > 2 && raw[0] === 0xef && raw[1] === 0xbb && raw[2] === 0xbf) {
    defects.push('The byte order mark before the header was removed.')
    start = 3
  }
  let line = lineAt(raw, start)
  while (line.end === line.start && line.next < raw.length && line.next - start < 64) line = lineAt(raw, line.next)
  if (line.start === start || !FIELD.test(peek(raw, line))) return start
  defects.push('Empty lines before the header were removed.')
  return line.start
}

function decodeHead(lines: Buffer[], defects: string[]): string[] {
  if (lines.every((line) => isUtf8(line))) return lines.map((line) => line.toString('utf8'))
  defects.push('The header has raw 8-bit characters; they were read as windows-1252.')
  const decoder = new TextDecoder('windows-1252')
  return lines.map((line) => (isUtf8(line) ? line.toString('utf8') : decoder.decode(line)))
}

/**
 * Takes a mail apart into header fields and body (RFC 5322 2.1), mending what real mails get wrong: an mbox `From `
 * line, no header at all, no empty line before the body, raw 8-bit bytes, NUL, lone CR line ends, a header over 256 KiB.
 * Never throws; every mend is named in `defects`.
 */
export function splitHeader(source: Buffer): Split {
  const defects: string[] = []
  let raw = source
  if (raw.includes(CR) && !raw.includes(LF)) {
    raw = Buffer.from(raw)
    for (let i = 0; i < raw.length; i++) if (raw[i] === CR) raw[i] = LF
    defects.push('Lines ended in a lone CR; they were read as line ends.')
  }
  return { ...splitAt(raw, firstLine(raw, defects), defects), defects }
}

/** Takes a part of a multipart apart. It may have no header, and then starts with an empty line. */
export function splitPart(part: Buffer, defects: string[]): Pick<Split, 'fields' | 'body'> {
  return splitAt(part, 0, defects)
}

function splitAt(raw: Buffer, start: number, defects: string[]): Pick<Split, 'fields' | 'body'> {
  const lines: Buffer[] = []
  const body = collectHeader(raw, start, lines, defects)
  const fields: string[] = []
  for (const text of decodeHead(lines, defects)) {
    const clean = text.replaceAll('\0', '').replaceAll('\r', ' ')
    if (/^[ \t]/.test(clean) && fields.length > 0) fields[fields.length - 1] += `\r\n${clean}`
    else fields.push(clean)
  }
  return { fields, body: raw.subarray(body) }
}

/** Collects header lines into `lines`; answers where the body starts. */
function collectHeader(raw: Buffer, start: number, lines: Buffer[], defects: string[]): number {
  let at = start
  let bytes = 0
  let full = false
  while (at < raw.length) {
    const line = lineAt(raw, at)
    if (line.end === line.start) return line.next
    const text = peek(raw, line)
    const folded = lines.length > 0 && /^[ \t]/.test(text)
    if (!folded && MBOX_FROM.test(text)) {
      defects.push('An mbox "From " line in the header was left out.')
      at = line.next
      continue
    }
    if (!folded && !FIELD.test(text)) {
      defects.push(
        lines.length === 0
          ? 'There is no header; everything was read as text.'
          : 'The empty line between header and body is missing; the body starts at the first line that is no header.',
      )
      return at
    }
    bytes += line.end - line.start
    if (bytes <= HEADER_MAX_BYTES) lines.push(raw.subarray(line.start, line.end))
    else if (!full) {
      full = true
      // The start of the line that went over is kept: a header of one endless line still has a beginning.
      lines.push(raw.subarray(line.start, line.end - (bytes - HEADER_MAX_BYTES)))
      defects.push('The header is longer than 256 KiB; the rest of it was left out.')
    }
    at = line.next
  }
  return raw.length
}

/** The unfolded value of the first field called `name` (lower case), or null. */
export function fieldValue(fields: readonly string[], name: string): string | null {
  return fieldValues(fields, name)[0] ?? null
}

/** The unfolded values of all fields called `name` (lower case), in order. */
export function fieldValues(fields: readonly string[], name: string): string[] {
  const values: string[] = []
  for (const field of fields) {
    // Most fields are told apart by one letter; comparing only that first doubles the speed of reading a header.
    if ((field.charCodeAt(0) | 0x20) !== name.charCodeAt(0)) continue
    const colon = field.indexOf(':')
    if (field.slice(0, colon).trimEnd().toLowerCase() !== name) continue
    values.push(
      field
        .slice(colon + 1)
        .replaceAll('\r\n', '')
        .trim(),
    )
  }
  return values
}
