import { openNote, parseVerifierKey, signNote, type Signer } from '../../governance/ledger/index.ts'
import { damaged } from '../../lib/tar.ts'

export const ARCHIVE_FORMAT = 'factotum-archive/1'
export const EXTENSION = '.factotum'
/** What the first entry of an archive says. */
export const FORMAT_ENTRY = `${JSON.stringify({ format: ARCHIVE_FORMAT })}\n`
/** Above what a part of the ledger can be: its text is cut at lines after 8 MiB, and a line is 32 MiB at most. */
export const MAX_PART_BYTES = 64 * 1024 * 1024

/** The entry before the last: what the archive holds. */
export interface Manifest {
  readonly format: typeof ARCHIVE_FORMAT
  readonly company: { readonly id: string; readonly name: string }
  /** Epoch ms. */
  readonly made: number
  readonly store: 'sqlite' | 'postgres'
  readonly events: number
  /** The ledger's root over them, base64, and the signed checkpoint that says so. */
  readonly root: string
  readonly checkpoint: string
  readonly vkey: string
  /** A digest of the company's secret: which keys it needs. */
  readonly owner: string
  readonly keys: boolean
  readonly checkpoints: number
  readonly blobs: number
  readonly blobBytes: number
  /** Files of the company's folder that are not in it, and why. */
  readonly leftOut: readonly (readonly [path: string, why: string])[]
  /** Every entry before this one but the blobs, whose names are their hashes: name, bytes, SHA-256 in hex. */
  readonly parts: readonly (readonly [name: string, size: number, sha256: string])[]
}

/** Signs the SHA-256 (base64) of every byte that stands before the signature's own entry. */
export function signArchive(digest: string, signer: Signer): string {
  return signNote(`${ARCHIVE_FORMAT}\n${signer.verifier.name}\n${digest}\n`, signer)
}

/** Throws `archive.damaged` and what `openNote` throws. */
export function checkSignature(note: string, digest: string, vkey: string): void {
  const verifier = parseVerifierKey(vkey)
  const { text } = openNote(note, [verifier])
  if (text !== `${ARCHIVE_FORMAT}\n${verifier.name}\n${digest}\n`)
    throw damaged('its signature is over other bytes than these')
}
