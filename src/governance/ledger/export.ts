/**
 * The offline ledger file: UTF-8 JSON Lines, as JSON.stringify writes them, each ended by "\n".
 *
 *     {"format":"factotum-ledger/1","origin":…,"vkey":…,"size":N,"redacted":true|false}
 *     [seq,key,kind,stream,actor,cause,at,body,privateHash,leaf]                  N lines when redacted, or
 *     [seq,key,kind,stream,actor,cause,at,body,privateHash,leaf,private,salt]     N lines when not
 *     {"checkpoint":"<signed note>"}
 *
 * `leaf` and `salt` are base64; `private` and `salt` are null where there is none. A verifier refuses every other
 * spelling, so each byte of the file is under the signature or has only one right value.
 */
import { FactotumError } from '../../lib/errors.ts'
import { openCheckpoint } from './checkpoint.ts'
import type { LedgerRow } from './ledger-check.ts'
import { parseVerifierKey } from './note-key.ts'

export const EXPORT_FORMAT = 'factotum-ledger/1'

export type ExportHeader = Readonly<{
  format: typeof EXPORT_FORMAT
  /** The ledger's name, and the key that it says to have been signed with: for people, never trusted. */
  origin: string
  vkey: string
  size: number
  redacted: boolean
}>

export type ExportInput = Readonly<{
  /** The events from 0 up to, not including, the checkpoint's size. */
  rows: AsyncIterable<LedgerRow> | Iterable<LedgerRow>
  /** The signed note that closes the file. */
  checkpoint: string
  vkey: string
  /** Whether to leave private parts out. The file verifies all the same. */
  redacted: boolean
}>

/** Chunks of about this many characters: one write per event would cost more than making the event's line. */
const CHUNK_CHARS = 65_536

/**
 * The file's text in chunks, in constant memory. Throws what `openCheckpoint` throws when the checkpoint is not signed
 * by `vkey`, and `ledger.export_incomplete` when the rows are not exactly the events that it covers.
 */
export async function* writeExport({ rows, checkpoint, vkey, redacted }: ExportInput): AsyncGenerator<string> {
  const { origin, size } = openCheckpoint(checkpoint, [parseVerifierKey(vkey)])
  const header: ExportHeader = { format: EXPORT_FORMAT, origin, vkey, size, redacted }
  let chunk = `${JSON.stringify(header)}\n`
  let count = 0
  for await (const row of rows) {
    if (row.seq !== count || count === size) throw incomplete(size, count, row.seq)
    count++
    chunk += `${eventLine(row, redacted)}\n`
    if (chunk.length >= CHUNK_CHARS) {
      yield chunk
      chunk = ''
    }
  }
  if (count !== size) throw incomplete(size, count, null)
  yield `${chunk}${JSON.stringify({ checkpoint })}\n`
}

function eventLine(e: LedgerRow, redacted: boolean): string {
  const line = [e.seq, e.key, e.kind, e.stream, e.actor, e.cause, e.at, e.body, e.privateHash, base64(e.leaf)]
  if (!redacted) line.push(e.private, e.salt && base64(e.salt))
  return JSON.stringify(line)
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}

function incomplete(size: number, expected: number, found: number | null): FactotumError {
  const what = found === null ? `there are only ${expected}` : `where ${expected} belongs there is ${found}`
  return new FactotumError(
    'ledger.export_incomplete',
    `The export needs the ${size} events that its checkpoint covers, but ${what}. Run "factotum ledger verify" on the company.`,
  )
}
