/**
 * C2SP checkpoints (https://c2sp.org/tlog-checkpoint): the signed statement "this ledger has this many events and this
 * root". The text of the note is
 *
 *     <origin>
 *     <size, decimal>
 *     <base64 of the RFC 6962 root>
 *     <extension lines, if any>
 */
import { FactotumError } from '../../lib/errors.ts'
import { decodeBase64 } from './base64.ts'
import { HASH_BYTES, isCount } from './merkle.ts'
import type { Signer, Verifier } from './note-key.ts'
import { openNote, signNote } from './note.ts'

export type Checkpoint = Readonly<{
  /** Names the ledger. Ours is the name of the key that signs it. */
  origin: string
  /** The number of events; also the sequence number of the first one that is not covered. */
  size: number
  /** 32 bytes. */
  root: Uint8Array
  /** Opaque lines. We write none; another implementation may. */
  extensions?: readonly string[]
}>

/** The note text of a checkpoint. Throws `ledger.checkpoint_malformed` for values that it cannot express. */
export function encodeCheckpoint({ origin, size, root, extensions = [] }: Checkpoint): string {
  if (!isCount(size) || root.length !== HASH_BYTES) throw malformed('its size or root is out of range')
  if ([origin, ...extensions].some((line) => line === '' || line.includes('\n'))) throw malformed('a line is empty')
  return [origin, size, Buffer.from(root).toString('base64'), ...extensions].join('\n') + '\n'
}

/** The opposite of `encodeCheckpoint`; refuses every other spelling with `ledger.checkpoint_malformed`. */
export function parseCheckpoint(text: string): Checkpoint {
  if (!text.endsWith('\n')) throw malformed('it does not end in a newline')
  const [origin = '', size = '', base64 = '', ...extensions] = text.slice(0, -1).split('\n')
  const root = decodeBase64(base64)
  if (!/^(0|[1-9][0-9]*)$/.test(size) || !isCount(Number(size))) throw malformed('its second line is not a size')
  if (root?.length !== HASH_BYTES) throw malformed('its third line is not a root hash')
  if (origin === '' || extensions.includes('')) throw malformed('a line is empty')
  return { origin, size: Number(size), root, extensions }
}

/** A signed checkpoint whose origin is the key's name. */
export function signCheckpoint({ size, root }: Readonly<{ size: number; root: Uint8Array }>, signer: Signer): string {
  return signNote(encodeCheckpoint({ origin: signer.verifier.name, size, root }), signer)
}

/**
 * Verifies and reads a signed checkpoint. One of the `verifiers` that signed must have the origin as its name, so that
 * nobody can show the ledger of another company signed by the same hand. Throws `ledger.note_malformed`,
 * `ledger.bad_signature` or `ledger.checkpoint_malformed`.
 */
export function openCheckpoint(note: string, verifiers: readonly Verifier[]): Checkpoint {
  const { text, signedBy } = openNote(note, verifiers)
  const checkpoint = parseCheckpoint(text)
  if (!signedBy.some(({ name }) => name === checkpoint.origin)) {
    throw new FactotumError(
      'ledger.bad_signature',
      `The checkpoint is of the ledger "${checkpoint.origin}", which is not the name of the key that you trust. Give the key of that ledger.`,
    )
  }
  return checkpoint
}

function malformed(what: string): FactotumError {
  return new FactotumError(
    'ledger.checkpoint_malformed',
    `This is not a checkpoint: ${what}. Get an unchanged copy of it.`,
  )
}
