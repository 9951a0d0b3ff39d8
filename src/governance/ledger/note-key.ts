/**
 * Keys of C2SP signed notes (https://c2sp.org/signed-note), Ed25519 only, in the text forms of Go's
 * golang.org/x/mod/sumdb/note, so that a key file works with other tools:
 *
 *     <name>+<8 hex key id>+<base64(0x01 || 32-byte public key)>               the verifier key: what others trust
 *     PRIVATE+KEY+<name>+<8 hex key id>+<base64(0x01 || 32-byte seed)>         the signer key: secret
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, type KeyObject } from 'node:crypto'
import { FactotumError } from '../../lib/errors.ts'
import { decodeBase64 } from './base64.ts'

export type Verifier = Readonly<{
  name: string
  /** The first four bytes of SHA-256(name || 0x0A || 0x01 || public key), 8 lower-case hex digits. */
  keyId: string
  /** The verifier key in its text form. */
  text: string
  publicKey: KeyObject
}>

export type Signer = Readonly<{ verifier: Verifier; privateKey: KeyObject }>

const ED25519 = 0x01
const SIGNER_PREFIX = 'PRIVATE+KEY+'
// RFC 8410: what DER puts before the 32 raw bytes of a private seed (PKCS #8) and of a public key (SPKI).
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** Non-empty, no Unicode spaces, no plus (signed-note, "Format"), and nothing that UTF-8 cannot write. */
export function isKeyName(name: string): boolean {
  return name !== '' && name.isWellFormed() && !/[\p{White_Space}+]|[^\n -\u{10ffff}]/u.test(name)
}

/** A new key pair in text form. The name is the ledger's origin. Throws `ledger.key_invalid` for a bad name. */
export function generateKey(name: string): { signerKey: string; verifierKey: string } {
  if (!isKeyName(name))
    throw invalid(`"${name}" cannot name a key. Use a name without spaces or "+", such as "example.com/ledger".`)
  const { privateKey } = generateKeyPairSync('ed25519')
  const verifier = verifierOf(name, rawPublicKey(privateKey))
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(PKCS8_PREFIX.length)
  return { signerKey: `${SIGNER_PREFIX}${name}+${verifier.keyId}+${keyData(seed)}`, verifierKey: verifier.text }
}

/** Reads a signer key. Throws `ledger.key_invalid`; the message never repeats the key. */
export function parseSignerKey(text: string): Signer {
  if (!text.startsWith(SIGNER_PREFIX)) throw invalid('This is not a signer key: it does not start with "PRIVATE+KEY+".')
  const { name, keyId, raw } = parts(text.slice(SIGNER_PREFIX.length), 'signer')
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, raw]), format: 'der', type: 'pkcs8' })
  const verifier = verifierOf(name, rawPublicKey(privateKey))
  if (verifier.keyId !== keyId)
    throw invalid('The signer key was changed: its id does not belong to it. Restore the key file from a copy.')
  return { verifier, privateKey }
}

/** Reads a verifier key. Throws `ledger.key_invalid`. */
export function parseVerifierKey(text: string): Verifier {
  if (text.startsWith(SIGNER_PREFIX))
    throw invalid('This is the private signer key. Give the verifier key, and keep this one secret.')
  const { name, keyId, raw } = parts(text, 'verifier')
  const verifier = verifierOf(name, raw)
  if (verifier.keyId !== keyId)
    throw invalid('The verifier key was changed: its id does not belong to it. Copy it again.')
  return verifier
}

function parts(text: string, kind: string): { name: string; keyId: string; raw: Buffer } {
  const [name = '', keyId = '', data = '', ...rest] = split3(text)
  const bytes = decodeBase64(data)
  if (rest.length || !isKeyName(name) || !/^[0-9a-f]{8}$/.test(keyId) || bytes?.length !== 33 || bytes[0] !== ED25519) {
    throw invalid(`This is not an Ed25519 ${kind} key. It is one line: a name, 8 hex digits and base64, joined by "+".`)
  }
  return { name, keyId, raw: bytes.subarray(1) }
}

/** Base64 may hold a plus of its own, so only the first two separate. */
function split3(text: string): string[] {
  const first = text.indexOf('+')
  const second = text.indexOf('+', first + 1)
  return first < 0 || second < 0 ? [] : [text.slice(0, first), text.slice(first + 1, second), text.slice(second + 1)]
}

function verifierOf(name: string, raw: Buffer): Verifier {
  const data = Buffer.concat([Buffer.of(ED25519), raw])
  const keyId = hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), data]), 'buffer').toString('hex', 0, 4)
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' })
  return { name, keyId, text: `${name}+${keyId}+${data.toString('base64')}`, publicKey }
}

function rawPublicKey(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length)
}

function keyData(raw: Buffer): string {
  return Buffer.concat([Buffer.of(ED25519), raw]).toString('base64')
}

function invalid(message: string): FactotumError {
  return new FactotumError('ledger.key_invalid', message)
}
