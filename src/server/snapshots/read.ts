import { createHash, hash } from 'node:crypto'
import { promisify } from 'node:util'
import { zstdDecompress } from 'node:zlib'
import {
  LedgerCheck,
  parseCheckpointLine,
  parseHeader,
  parseSignedEventLine,
  parseVerifierKey,
  splitLines,
  type LedgerRow,
} from '../../governance/ledger/index.ts'
import { FactotumError } from '../../lib/errors.ts'
import { damaged, readTar, type TarEntry } from '../../lib/tar.ts'
import { ARCHIVE_FORMAT, checkSignature, FORMAT_ENTRY, MAX_PART_BYTES, type Manifest } from './format.ts'

const MAX_MANIFEST_BYTES = 256 * 1024 * 1024
/** Rows are handed on so many at a time. */
const ROWS = 500
const decompress = promisify(zstdDecompress) as (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>

export interface SignedSize {
  readonly size: number
  readonly note: string
  readonly at: number
}

/** Takes what an archive holds as it is read. Nothing of it is certain before `readArchive` has answered. */
export interface Sink {
  file(path: string, bytes: Buffer): Promise<void>
  keys(sealed: string): Promise<void>
  checkpoints(rows: readonly SignedSize[]): Promise<void>
  events(rows: readonly LedgerRow[]): Promise<void>
  blob(hash: string, bytes: Buffer): Promise<void>
}

/**
 * Reads an archive from its first byte to its last, in constant memory, and answers its manifest when everything in it is
 * as the holder of `vkey` signed it. Throws `archive.damaged`, `archive.not_verified`, and what `openNote` throws.
 */
export async function readArchive(
  source: AsyncIterable<Uint8Array>,
  vkey: string,
  sink: Partial<Sink> = {},
  onProgress: (bytes: number) => void = () => {},
): Promise<Manifest> {
  const reader = new Reader(vkey, sink)
  let read = 0
  for await (const entry of readTar(source, (bytes) => void reader.whole.update(bytes))) {
    await reader.take(entry)
    onProgress((read += entry.header.length + entry.size))
  }
  return reader.end()
}

const ORDER = ['factotum.json', 'config/', 'keys.json', 'ledger/', 'blobs/', 'manifest.json', 'signature'] as const

class Reader {
  /** Over every byte before the signature's entry. */
  readonly whole = createHash('sha256')
  readonly #vkey: string
  readonly #sink: Partial<Sink>
  readonly #check: LedgerCheck
  readonly #parts: (readonly [string, number, string])[] = []
  #stage = -1
  #part = 0
  #blobs = 0
  #blobBytes = 0
  #lastBlob = ''
  #checkpoints = 0
  /** Signed sizes that the events read so far have not reached. */
  #pending: SignedSize[] = []
  #size: number | null = null
  #closing: string | null = null
  #manifest: Manifest | null = null
  #signed = false
  /** What went wrong in the sink, which is of interest only where the archive is not to blame. */
  #refused: { readonly cause: unknown } | null = null

  constructor(vkey: string, sink: Partial<Sink>) {
    this.#vkey = vkey
    this.#sink = sink
    this.#check = new LedgerCheck({ verifiers: [parseVerifierKey(vkey)] })
  }

  async take(entry: TarEntry): Promise<void> {
    const { name, size } = entry
    // Checkpoints stand in front of the part of the ledger that they are checked against.
    const place = name.replace(/^checkpoints\//, 'ledger/')
    const stage = ORDER.findIndex((prefix) => (prefix.endsWith('/') ? place.startsWith(prefix) : place === prefix))
    const once = stage >= 0 && !ORDER[stage]!.endsWith('/')
    if (stage < 0 || stage < this.#stage || (once && stage === this.#stage) || (this.#stage < 0 && stage > 0))
      throw damaged(`the entry "${name}" is not where it belongs`)
    this.#stage = stage
    if (size > (stage === ORDER.indexOf('manifest.json') ? MAX_MANIFEST_BYTES : MAX_PART_BYTES))
      throw damaged(`the entry "${name}" is too large`)
    const digest = name === 'signature' ? this.whole.copy().digest('base64') : ''
    this.whole.update(entry.header)
    const bytes = await all(entry)
    if (name === 'signature') return this.#signature(bytes.toString(), digest)
    if (name === 'manifest.json') return this.#readManifest(bytes)
    if (name.startsWith('blobs/')) return this.#blob(name.slice('blobs/'.length), bytes)
    this.#parts.push([name, size, hash('sha256', bytes)])
    if (name === 'factotum.json') {
      if (bytes.toString() !== FORMAT_ENTRY)
        throw damaged(`it is not of the format ${ARCHIVE_FORMAT}; it may be of a newer Factotum`)
    } else if (name === 'keys.json') await this.#sink.keys?.(bytes.toString())
    else if (name.startsWith('config/')) await this.#file(name, bytes)
    else if (name === `checkpoints/${this.#partName()}`) await this.#readCheckpoints(bytes)
    else if (name === `ledger/${this.#partName()}`) await this.#readLedger(bytes)
    else throw damaged(`the entry "${name}" is not the next part`)
  }

  /**
   * Nothing is certain before the end, so what is read may be what no company wrote: a sink that fails over it says less
   * than the check of the whole, which goes on without it. What the system refuses (no room, no such folder) does not wait.
   */
  async #give(hand: (to: Partial<Sink>) => Promise<void> | undefined): Promise<void> {
    if (this.#refused) return
    try {
      await hand(this.#sink)
    } catch (cause) {
      if (cause instanceof Error && 'syscall' in cause) throw cause
      this.#refused = { cause }
    }
  }

  async #file(name: string, bytes: Buffer): Promise<void> {
    const path = safePath(name.slice('config/'.length))
    await this.#give((to) => to.file?.(path, bytes))
  }

  #partName(): string {
    return `${String(this.#part).padStart(6, '0')}.jsonl.zst`
  }

  async #readCheckpoints(bytes: Buffer): Promise<void> {
    const rows: SignedSize[] = []
    for await (const line of splitLines([await unpack(bytes)])) {
      const parsed = json(line)
      const [size, note, at] = Array.isArray(parsed) ? (parsed as unknown[]) : []
      if (
        typeof size !== 'number' ||
        typeof note !== 'string' ||
        typeof at !== 'number' ||
        line !== JSON.stringify([size, note, at])
      )
        throw damaged('a checkpoint cannot be read')
      rows.push({ size, note, at })
    }
    this.#pending.push(...rows)
    this.#checkpoints += rows.length
    await this.#give((to) => to.checkpoints?.(rows))
  }

  async #readLedger(bytes: Buffer): Promise<void> {
    this.#part++
    let rows: LedgerRow[] = []
    for await (const line of splitLines([await unpack(bytes)])) {
      if (this.#closing !== null) throw damaged('the ledger goes on after its end')
      if (this.#size === null) {
        const header = parseHeader(line)
        if (!header || header.redacted || header.vkey !== this.#vkey)
          throw damaged('the ledger in it is of another kind or key')
        this.#size = header.size
        continue
      }
      const row = parseSignedEventLine(line)
      if (!row) {
        this.#closing = parseCheckpointLine(line) ?? null
        if (this.#closing === null) throw damaged('an event cannot be read')
        continue
      }
      this.#check.feed(row)
      while (this.#pending.length > 0 && this.#pending[0]!.size <= row.seq + 1) {
        const { size, note } = this.#pending.shift()!
        this.#check.checkpointAt(size, note)
      }
      rows.push(row)
      if (rows.length < ROWS) continue
      await this.#events(rows)
      rows = []
    }
    if (rows.length > 0) await this.#events(rows)
  }

  #events(rows: readonly LedgerRow[]): Promise<void> {
    return this.#give((to) => to.events?.(rows))
  }

  async #blob(name: string, bytes: Buffer): Promise<void> {
    if (hash('sha256', bytes) !== name || name <= this.#lastBlob)
      throw damaged(`the blob ${name.slice(0, 64)} is not what its name says`)
    this.#lastBlob = name
    this.#blobs++
    this.#blobBytes += bytes.length
    await this.#give((to) => to.blob?.(name, bytes))
  }

  #readManifest(bytes: Buffer): void {
    const manifest = json(bytes.toString()) as Manifest | null | undefined
    const fits =
      typeof manifest === 'object' &&
      manifest !== null &&
      manifest.format === ARCHIVE_FORMAT &&
      manifest.vkey === this.#vkey &&
      manifest.events === this.#size &&
      manifest.checkpoint === this.#closing &&
      manifest.checkpoints === this.#checkpoints &&
      manifest.blobs === this.#blobs &&
      manifest.blobBytes === this.#blobBytes &&
      JSON.stringify(manifest.parts) === JSON.stringify(this.#parts)
    if (!fits) throw damaged('its list of contents is not of these contents')
    this.#manifest = manifest
  }

  #signature(note: string, digest: string): void {
    checkSignature(note, digest, this.#vkey)
    this.#signed = true
  }

  end(): Manifest {
    if (!this.#manifest || !this.#signed || this.#closing === null || this.#size === null)
      throw damaged('it ends too early')
    for (const { size, note } of this.#pending) this.#check.checkpointAt(size, note)
    this.#check.checkpointAt(this.#size, this.#closing)
    const report = this.#check.result()
    if (report.ok && report.root === this.#manifest.root) {
      if (this.#refused) throw this.#refused.cause
      return this.#manifest
    }
    const problems = report.ok ? ['its root is another'] : report.problems.map((p) => p.message)
    throw new FactotumError(
      'archive.not_verified',
      `The ledger in this archive does not verify, ${problems.length} problem${problems.length === 1 ? '' : 's'}: ${problems.slice(0, 3).join(' ')}`,
    )
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function all(entry: TarEntry): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of entry.content()) chunks.push(chunk)
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
}

async function unpack(bytes: Buffer): Promise<Buffer> {
  return decompress(bytes, { maxOutputLength: MAX_PART_BYTES }).catch((cause: unknown) => {
    throw new FactotumError(
      'archive.damaged',
      'A part of this archive cannot be unpacked. Get an unchanged copy of it.',
      { cause },
    )
  })
}

/** A path that stays below the folder that it is put into. */
function safePath(path: string): string {
  if (
    path === '' ||
    path.includes('\\') ||
    path.includes('\0') ||
    path.split('/').some((p) => p === '' || p === '.' || p === '..')
  )
    throw damaged('a file in it would lie outside the company')
  return path
}
