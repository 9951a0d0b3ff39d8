/** Reading the lines of an export strictly. The format is described in export.ts. */
import { isUtf8 } from 'node:buffer'
import { FactotumError } from '../../lib/errors.ts'
import { decodeBase64 } from './base64.ts'
import { EXPORT_FORMAT, type ExportHeader } from './export.ts'
import type { LedgerRow } from './ledger-check.ts'
import { HASH_BYTES, isCount } from './merkle.ts'

/** Above anything that an event can hold (1 MiB of body and of private text, escaped); keeps hostile files small. */
const MAX_LINE_BYTES = 33_554_432
const NEWLINE = 0x0a
/** Starts a line that cannot be read as UTF-8, so that no reader takes what is left of it for JSON. */
const UNREADABLE = '\ufffd'

/**
 * The lines of a file from its bytes, without their "\n". Not `node:readline`, which also splits at U+2028 and at "\r":
 * the first occurs inside JSON strings, and a file changed by the second would pass.
 * Throws `ledger.line_too_long` above 32 MiB.
 */
export async function* splitLines(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<string> {
  let parts: Uint8Array[] = []
  let pending = 0
  for await (const chunk of chunks) {
    let from = 0
    for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
      yield decode(parts.length ? Buffer.concat([...parts, chunk.subarray(from, to)]) : chunk.subarray(from, to))
      parts = []
      pending = 0
      from = to + 1
    }
    if (from < chunk.length) parts.push(chunk.slice(from))
    pending += chunk.length - from
    if (pending > MAX_LINE_BYTES) {
      throw new FactotumError(
        'ledger.line_too_long',
        'A line of this file is over 32 MiB: it is not a ledger export. Check the file name.',
      )
    }
  }
  if (parts.length) yield decode(Buffer.concat(parts))
}

function decode(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
  return isUtf8(bytes) ? text : UNREADABLE + text
}

/** The header, or undefined when the line is not exactly one. */
export function parseHeader(line: string): ExportHeader | undefined {
  const header = parseExactly(line) as Partial<ExportHeader> | undefined | null
  if (typeof header !== 'object' || header === null) return undefined
  const { format, origin, vkey, size, redacted } = header
  if (format !== EXPORT_FORMAT || typeof origin !== 'string' || typeof vkey !== 'string') return undefined
  if (typeof size !== 'number' || !isCount(size) || typeof redacted !== 'boolean') return undefined
  const read: ExportHeader = { format, origin, vkey, size, redacted }
  return JSON.stringify(read) === line ? read : undefined
}

/** The signed note of a checkpoint line, or undefined when the line is not exactly one. */
export function parseCheckpointLine(line: string): string | undefined {
  const value = parseExactly(line) as { checkpoint?: unknown } | undefined | null
  if (typeof value !== 'object' || value === null || typeof value.checkpoint !== 'string') return undefined
  return JSON.stringify({ checkpoint: value.checkpoint }) === line ? value.checkpoint : undefined
}

/** An event, or undefined when the line is not exactly one. */
export function parseEventLine(line: string, redacted: boolean): LedgerRow | undefined {
  return toEvent(parseExactly(line), redacted)
}

/** The same, with its private part, of a line whose every byte is under a signature of its own: its spelling is proved by that. */
export function parseSignedEventLine(line: string): LedgerRow | undefined {
  return toEvent(parse(line), false)
}

function toEvent(fields: unknown, redacted: boolean): LedgerRow | undefined {
  if (!Array.isArray(fields) || fields.length !== (redacted ? 10 : 12)) return undefined
  const [seq, key, kind, stream, actor, cause, at, body, privateHash, leaf64, text = null, salt64 = null] =
    fields as readonly unknown[]
  if (!isWhole(seq) || !isCount(seq) || !isWhole(at) || !(cause === null || isWhole(cause))) return undefined
  if (typeof kind !== 'string' || typeof stream !== 'string' || typeof actor !== 'string') return undefined
  if (typeof body !== 'string' || typeof leaf64 !== 'string') return undefined
  if (!isText(key) || !isText(privateHash) || !isText(text) || !isText(salt64)) return undefined
  const leaf = decodeBase64(leaf64)
  const salt = salt64 === null ? null : decodeBase64(salt64)
  if (leaf?.length !== HASH_BYTES || salt === undefined) return undefined
  return { seq, key, kind, stream, actor, cause, at, body, privateHash, leaf, private: text, salt }
}

/** JSON in the one spelling that JSON.stringify gives it: no spaces, no other escapes, no other forms of a number. */
function parseExactly(line: string): unknown {
  const value = parse(line)
  return JSON.stringify(value) === line ? value : undefined
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

function isText(value: unknown): value is string | null {
  return value === null || typeof value === 'string'
}
