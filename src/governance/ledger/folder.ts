/**
 * A folder whose files are under one signature, with the redacted ledger and proofs of single events in it.
 *
 *     manifest.note   a signed note: "factotum-folder/1", then "<sha256, hex>  <path>" for each other file, by path
 *     ledger.jsonl    the redacted export (export.ts)
 *     ledger.pub      the verifier key: for people, never trusted
 *     proofs.json     {"format":"factotum-proofs/1","checkpoint":"<signed note>","events":[{"event":[…],"proof":["<base64>",…]},…]}
 *
 * `event` is what of an event is under the signature, in the order of the canonical text of a leaf: [seq, key, kind, stream,
 * actor, cause, at, body, privateHash].
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorMessage, FactotumError } from '../../lib/errors.ts'
import { eventLeaf, type LeafEvent } from '../../lib/event-leaf.ts'
import { decodeBase64 } from './base64.ts'
import { openCheckpoint } from './checkpoint.ts'
import type { Erasure } from './erased.ts'
import { splitLines } from './export-lines.ts'
import { parseVerifierKey, type Signer } from './note-key.ts'
import { openNote, signNote } from './note.ts'
import { verifyExport } from './verify-export.ts'
import { verifyInclusion } from './verify-proof.ts'

export const MANIFEST = 'manifest.note'
const FOLDER_FORMAT = 'factotum-folder/1'
const PROOFS_FORMAT = 'factotum-proofs/1'

export type FolderReport = Readonly<{
  ok: boolean
  files: number
  /** Events in the ledger, and how many of them have a proof of their own. */
  events: number
  proofs: number
  /** What was erased on record, in order. */
  erasures: readonly Erasure[]
  problems: readonly string[]
}>

/** The text of `proofs.json`. */
export function writeProofs(
  checkpoint: string,
  proofs: readonly { readonly event: LeafEvent; readonly proof: readonly Uint8Array[] }[],
): string {
  const lines = proofs.map(({ event: e, proof }) =>
    JSON.stringify({
      event: [e.seq, e.key, e.kind, e.stream, e.actor, e.cause, e.at, e.body, e.privateHash],
      proof: proof.map((hash) => Buffer.from(hash).toString('base64')),
    }),
  )
  return `{"format":"${PROOFS_FORMAT}","checkpoint":${JSON.stringify(checkpoint)},"events":[\n${lines.join(',\n')}\n]}\n`
}

/** The signed list of every file below `folder`: what `manifest.note` holds. */
export async function signFolder(folder: string, signer: Signer): Promise<string> {
  const lines: string[] = []
  for (const path of await filesBelow(folder))
    if (path !== MANIFEST) lines.push(`${await sha256Of(join(folder, path))}  ${path}`)
  return signNote(`${FOLDER_FORMAT}\n${lines.join('\n')}\n`, signer)
}

/**
 * Verifies every file, the ledger, its checkpoint and every proof against the key that the person trusts. Throws
 * `ledger.key_invalid`; everything wrong with the folder is in the report.
 */
export async function verifyFolder(folder: string, vkey: string): Promise<FolderReport> {
  const verifier = parseVerifierKey(vkey)
  const problems: string[] = []
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work()
    } catch (error) {
      problems.push(`${what}: ${errorMessage(error)}`)
      return undefined
    }
  }
  const files = await attempt(MANIFEST, async () => {
    const { text } = openNote(await readFile(join(folder, MANIFEST), 'utf8'), [verifier])
    return compareFiles(folder, text, problems)
  })
  const ledger = await attempt('ledger.jsonl', () =>
    verifyExport(splitLines(createReadStream(join(folder, 'ledger.jsonl'))), vkey),
  )
  if (ledger && !ledger.ok) problems.push(...ledger.problems.map((p) => `ledger.jsonl: ${p.message}`))
  const proofs = await attempt('proofs.json', async () => {
    const given = JSON.parse(await readFile(join(folder, 'proofs.json'), 'utf8')) as Proofs
    const { size, root } = openCheckpoint(given.checkpoint, [verifier])
    if (ledger?.ok && (ledger.size !== size || ledger.root !== Buffer.from(root).toString('base64')))
      problems.push('proofs.json: it is proven against another checkpoint than the ledger ends with.')
    for (const { event, proof } of given.events) {
      const hashes = proof.map((hash) => decodeBase64(hash) ?? new Uint8Array())
      if (!verifyInclusion(leafOf(event), event[0], size, hashes, root))
        problems.push(`proofs.json: the proof of event ${event[0]} does not lead to the signed root.`)
    }
    return given.events.length
  })
  return {
    ok: problems.length === 0,
    files: files ?? 0,
    events: ledger?.ok ? ledger.size : 0,
    proofs: proofs ?? 0,
    erasures: ledger?.ok ? ledger.erasures : [],
    problems,
  }
}

type ProvenEvent = readonly [
  seq: number,
  key: string | null,
  kind: string,
  stream: string,
  actor: string,
  cause: number | null,
  at: number,
  body: string,
  privateHash: string | null,
]

type Proofs = Readonly<{
  checkpoint: string
  events: readonly { readonly event: ProvenEvent; readonly proof: readonly string[] }[]
}>

function leafOf([seq, key, kind, stream, actor, cause, at, body, hash]: ProvenEvent): Buffer {
  return eventLeaf({ seq, key, kind, stream, actor, cause, at, body, privateHash: hash })
}

async function compareFiles(folder: string, text: string, problems: string[]): Promise<number> {
  const [format, ...lines] = text.slice(0, -1).split('\n')
  if (format !== FOLDER_FORMAT) throw new FactotumError('ledger.folder', `it is not a list of files (${FOLDER_FORMAT})`)
  const listed = new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]))
  const present = (await filesBelow(folder)).filter((path) => path !== MANIFEST)
  for (const path of present) {
    const expected = listed.get(path)
    if (expected === undefined) problems.push(`${path}: it is not in the signed list of files.`)
    else if ((await sha256Of(join(folder, path))) !== expected) problems.push(`${path}: it was changed.`)
    listed.delete(path)
  }
  for (const path of listed.keys()) problems.push(`${path}: it is missing.`)
  return present.length
}

/** With slashes, in the order of their code units. Links are not followed: they are no files of this folder. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(folder, '/').length).replaceAll('\\', '/'))
    .sort()
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array)
  return hash.digest('hex')
}
