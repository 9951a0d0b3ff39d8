/**
 * C2SP signed notes (https://c2sp.org/signed-note): a text, a blank line, and one line for each signature:
 *
 *     — <key name> <base64(4-byte key id || signature)>
 */
import { sign, verify } from 'node:crypto'
import { FactotumError } from '../../lib/errors.ts'
import { decodeBase64 } from './base64.ts'
import { isKeyName, type Signer, type Verifier } from './note-key.ts'

const MAX_NOTE_CHARS = 1_000_000
const MAX_SIGNATURES = 100

/** The text and its signature as a note. Throws `ledger.note_malformed` unless the text is UTF-8 lines ending in one. */
export function signNote(text: string, { verifier, privateKey }: Signer): string {
  if (!text.endsWith('\n')) throw malformed('its text does not end in a newline')
  if (!isPlainText(text)) throw malformed('its text has characters that a note cannot hold')
  const signature = Buffer.concat([Buffer.from(verifier.keyId, 'hex'), sign(null, Buffer.from(text), privateKey)])
  return `${text}\n— ${verifier.name} ${signature.toString('base64')}\n`
}

/**
 * The text of a note and which of the `verifiers` signed it, at least one. Signatures of other keys are ignored, as the
 * specification asks. Throws `ledger.note_malformed`, and `ledger.bad_signature` when a trusted key's signature does not
 * verify or none of them signed.
 */
export function openNote(
  note: string,
  verifiers: readonly Verifier[],
): { text: string; signedBy: readonly Verifier[] } {
  if (note.length > MAX_NOTE_CHARS) throw malformed('it is over a million characters long')
  if (!isPlainText(note)) throw malformed('it has characters that a note cannot hold')
  const end = note.lastIndexOf('\n\n')
  if (end < 0 || !note.endsWith('\n')) throw malformed('it is not a text, an empty line and signature lines')
  const text = note.slice(0, end + 1)
  const lines = note.slice(end + 2, -1).split('\n')
  if (lines.length > MAX_SIGNATURES) throw malformed(`it has more than ${MAX_SIGNATURES} signatures`)

  const bytes = Buffer.from(text)
  const signedBy: Verifier[] = []
  for (const { name, keyId, signature } of lines.map(signatureLine)) {
    const verifier = verifiers.find((known) => known.name === name && known.keyId === keyId)
    if (!verifier) continue
    if (!verify(null, bytes, verifier.publicKey, signature)) {
      throw new FactotumError(
        'ledger.bad_signature',
        `The signature of ${name}+${keyId} does not fit the text: one of them was changed. Compare with a copy kept elsewhere.`,
      )
    }
    signedBy.push(verifier)
  }
  if (signedBy.length === 0) {
    throw new FactotumError(
      'ledger.bad_signature',
      'The note is not signed by the key that you trust. Check that the key is the right one; if it is, the note was signed by someone else.',
    )
  }
  return { text, signedBy }
}

function signatureLine(line: string): { name: string; keyId: string; signature: Buffer } {
  const [dash, name = '', base64 = '', ...rest] = line.split(' ')
  const bytes = decodeBase64(base64)
  if (dash !== '—' || rest.length || !isKeyName(name) || !bytes || bytes.length < 5) {
    throw malformed('a signature line is not "— name base64"')
  }
  return { name, keyId: bytes.toString('hex', 0, 4), signature: bytes.subarray(4) }
}

/** Valid UTF-8 without control characters below U+0020, other than newline. */
function isPlainText(text: string): boolean {
  return text.isWellFormed() && !/[^\n -\u{10ffff}]/u.test(text)
}

function malformed(what: string): FactotumError {
  return new FactotumError('ledger.note_malformed', `This is not a signed note: ${what}. Get an unchanged copy of it.`)
}
