import { readBlob } from '../../context/blobs.ts'
import { messageById, type MessageRow } from '../../context/conversations.ts'
import { documentById, versionOf, type VersionRow } from '../../context/documents/documents.ts'
import { signalById, type IncomingMessage, type SignalRow } from '../../context/signals.ts'
import { isReadable } from '../../input/release.ts'
import { FactotumError } from '../../lib/errors.ts'
import type { Json } from '../../lib/json.ts'
import { sql } from '../../store/index.ts'
import type { OpenCompany } from '../open.ts'
import { resolveId } from './ids.ts'

/** A file that came with a message: `n` names it to `file`. */
export interface FileInfo {
  readonly n: number
  readonly name: string
  /** Media type, as the sender claims it. */
  readonly type: string
  /** Bytes. */
  readonly size: number
}

const runsOf = sql('select id, workflow, state from run where signal = ? order by started_seq')
const sizeOf = sql('select size from blob where hash = ?')

/** One thing that came in, whole, also where it was set aside. Throws `id.not_found`, `id.ambiguous`. */
export async function signalView(c: OpenCompany, given: string) {
  const row = await rowOf(c, given)
  const kind = c.signals.get(row.kind)
  const message = messageIn(c, row)
  const joined = await c.store.first<MessageRow>(messageById(row.id))
  const raw = row.raw === null ? undefined : await c.store.first<{ size: number }>(sizeOf(row.raw))
  return {
    id: row.id,
    kind: row.kind,
    source: row.source,
    state: row.state,
    trust: row.trust,
    /** Epoch ms. */
    receivedAt: row.received_at,
    /** Why it was set aside; null where it was not. */
    reason: row.reason,
    /** It is set aside and can be read: `release` takes it in. */
    releasable: row.state === 'quarantined' && kind !== undefined && isReadable(kind, row),
    /** The workflows that react to such a signal, by name. */
    handledBy: c.company.workflows
      .filter((one) => one.on.some((on) => on.signal === row.kind))
      .map((one) => one.workflow),
    /** What it brought to be read; null where it is no message, cannot be read as one, or was erased. */
    message: message && { party: message.party, subject: message.subject, text: message.text },
    /** All that was read from it; null once it was erased. */
    payload: row.payload === null ? null : (JSON.parse(row.payload) as Json),
    conversation: joined?.conversation ?? null,
    runs: await c.store.read<{ id: string; workflow: string; state: string }>(runsOf(row.id)),
    files: filesOf(message),
    /** Bytes of it as it came, as `file` without `n` gives them; null where they were erased. */
    size: raw?.size ?? null,
  }
}

/** The files that came with a message, in its order. */
export function filesOf(message: IncomingMessage | null): FileInfo[] {
  return (message?.files ?? []).map(({ name, type, size }, n) => ({ n, name, type, size }))
}

/**
 * The bytes of one file: of a document the original that it was read from, of a signal the file `n` that came with it, or
 * without `n` all of it as it came. Throws `file.not_found`, `file.erased`, and what finding the record throws.
 */
export async function fileOf(c: OpenCompany, id: string, n: number | undefined) {
  const { hash, name, type } = id.startsWith('doc_') ? await ofDocument(c, id) : await ofSignal(c, id, n)
  const bytes = await readBlob(c.store, hash)
  if (!bytes) throw new FactotumError('file.erased', `"${name}" was erased: its bytes are not kept any more.`)
  return { name, type, size: bytes.length, base64: Buffer.from(bytes).toString('base64') }
}

async function ofSignal(c: OpenCompany, given: string, n: number | undefined) {
  const row = await rowOf(c, given)
  const message = messageIn(c, row)
  if (n === undefined) {
    if (row.raw === null) throw new FactotumError('file.erased', `What came as ${row.id} was erased.`)
    return { hash: row.raw, name: `${row.id}${message ? '.eml' : '.bin'}`, type: 'application/octet-stream' }
  }
  const files = message?.files ?? []
  const file = files[n]
  if (!file)
    throw new FactotumError(
      'file.not_found',
      files.length === 0
        ? `No file came with ${row.id}. Leave the number out for all of it as it came.`
        : `With ${row.id} came ${files.length === 1 ? 'one file, 0' : `the files 0 to ${files.length - 1}`}, and no ${n}.`,
    )
  return { hash: file.sha256, name: file.name, type: file.type }
}

async function ofDocument(c: OpenCompany, id: string) {
  const [name, version] = id.split('@') as [string, string?]
  const document = await documentById(c.store, name)
  const row = document && (await c.store.first<VersionRow>(versionOf(document.id, Number(version ?? document.version))))
  if (!row?.raw)
    throw new FactotumError('file.not_found', `There is no file of "${id}": it was remembered as text, or erased.`)
  return { hash: row.raw, name: row.name ?? `${name}.bin`, type: row.media_type }
}

async function rowOf(c: OpenCompany, given: string): Promise<SignalRow> {
  return (await c.store.first<SignalRow>(signalById(await resolveId(c.store, 'signal', given))))!
}

/** Null where it is none, and where it cannot be read: what was set aside may be broken in any way. */
export function messageIn({ signals }: Pick<OpenCompany, 'signals'>, row: SignalRow): IncomingMessage | null {
  const kind = signals.get(row.kind)
  return kind?.message && isReadable(kind, row) ? kind.message(JSON.parse(row.payload!) as never) : null
}
