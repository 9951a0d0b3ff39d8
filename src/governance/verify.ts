import { FactotumError } from '../lib/errors.ts'
import { sql, type EventRow, type Store } from '../store/index.ts'
import {
  inclusionProof,
  LedgerCheck,
  openCheckpoint,
  parseVerifierKey,
  subtreeReader,
  verifyInclusion,
  writeExport,
  type LedgerRow,
  type Report,
} from './ledger/index.ts'

const checkpoints = sql('select size, note from checkpoint where size > ? and size <= ? order by size limit 1000')
const newestCheckpoint = sql('select size, note from checkpoint order by size desc limit 1')
const leaves = sql('select leaf as hash from event where seq >= ? and seq < ? order by seq')
const nodes = sql('select hash from tree_node where level = ? and idx >= ? and idx < ? order by idx')
const oneNode = sql('select hash from tree_node where level = ? and idx = ?')
const eventAt = sql('select * from event where seq = ?')

/** Field by field: copying the whole object, whatever shape it has, takes ten times as long. */
export function toLedgerRow(r: EventRow): LedgerRow {
  const { seq, key, kind, stream, actor, cause, at, body, private_hash: privateHash, leaf, salt } = r
  return { seq, key, kind, stream, actor, cause, at, body, privateHash, leaf, private: r.private, salt }
}

async function* ledgerRows(store: Store, size: number): AsyncGenerator<LedgerRow> {
  for await (const rows of store.engine.events(0, size)) for (const row of rows) yield toLedgerRow(row)
}

/**
 * Verifies everything there is: each event against its leaf, every kept hash, every signed checkpoint, and `outside`,
 * the checkpoints that were copied away: a history that was rewritten and signed anew no longer leads to those.
 * `redacted`: without private parts.
 */
export async function verifyLedger(
  store: Store,
  vkey: string,
  outside: readonly string[] = [],
  redacted = false,
): Promise<Report> {
  const verifiers = [parseVerifierKey(vkey)]
  const copies = outside
    .map((note) => ({ size: openCheckpoint(note, verifiers).size, note }))
    .sort((a, b) => a.size - b.size)
  const kept: Promise<void>[] = []
  const check = new LedgerCheck({
    verifiers,
    redacted,
    onNode: (level, index, hash) => void kept.push(compareNode(level, index, hash)),
  })
  const compareNode = async (level: number, index: number, hash: Uint8Array): Promise<void> => {
    const row = await store.first<{ hash: Uint8Array }>(oneNode(level, index))
    // Absent is not wrong: it is sealed with the next checkpoint.
    if (!row || Buffer.compare(row.hash, hash) === 0) return
    check.report({
      seq: null,
      code: 'ledger.node_mismatch',
      message: `The kept tree hash ${level}/${index} is not what its events give. Proofs from it would be wrong; restore it from a backup.`,
    })
  }
  // In this order: what is sealed while this runs is not a tail that was cut off.
  const newestSize = (await store.first<{ size: number }>(newestCheckpoint()))?.size ?? 0
  const head = await store.engine.head()
  const sealed = inOrder(checkpointsUpTo(store, newestSize), copies)
  let next = await sealed.next()
  for await (const row of ledgerRows(store, head)) {
    check.feed(row)
    if (kept.length > 0) await Promise.all(kept.splice(0))
    while (!next.done && next.value.size <= row.seq + 1) {
      check.checkpointAt(next.value.size, next.value.note)
      next = await sealed.next()
    }
  }
  // What is left covers events that are not there: a tail was cut off.
  for (; !next.done; next = await sealed.next()) check.checkpointAt(next.value.size, next.value.note)
  await Promise.all(kept)
  return check.result()
}

interface Sized {
  readonly size: number
  readonly note: string
}

async function* checkpointsUpTo(store: Store, size: number): AsyncGenerator<Sized> {
  for (let after = -1; ;) {
    const rows = await store.read<Sized>(checkpoints(after, size))
    yield* rows
    if (rows.length === 0) return
    after = rows.at(-1)!.size
  }
}

/** Stored checkpoints with the copies from outside between them, by size. */
async function* inOrder(stored: AsyncGenerator<Sized>, copies: readonly Sized[]): AsyncGenerator<Sized> {
  let at = 0
  for await (const one of stored) {
    while (at < copies.length && copies[at]!.size <= one.size) yield copies[at++]!
    yield one
  }
  yield* copies.slice(at)
}

/** The ledger as a file that verifies on another machine with nothing but the public key. Seal before. */
export async function* exportLedger(
  store: Store,
  vkey: string,
  options: { readonly redacted: boolean },
): AsyncGenerator<string> {
  const checkpoint = await newest(store)
  yield* writeExport({
    rows: ledgerRows(store, checkpoint.size),
    checkpoint: checkpoint.note,
    vkey,
    redacted: options.redacted,
  })
}

async function newest(store: Store): Promise<{ size: number; note: string }> {
  const row = await store.first<{ size: number; note: string }>(newestCheckpoint())
  if (!row)
    throw new FactotumError(
      'ledger.not_sealed',
      'Nothing is sealed yet. Start the company once, so that its ledger is signed.',
    )
  return row
}

export interface InclusionProof {
  readonly seq: number
  readonly size: number
  /** Base64. */
  readonly leaf: string
  readonly proof: readonly string[]
  readonly checkpoint: string
  readonly event: { readonly kind: string; readonly stream: string; readonly at: number; readonly body: string }
}

/** Proves that an event is in the ledger that the newest checkpoint signs (RFC 6962 section 2.1.1). */
export async function proveEvent(store: Store, vkey: string, seq: number): Promise<InclusionProof> {
  const { size, note } = await newest(store)
  const row = await store.first<EventRow>(eventAt(seq))
  if (!row || seq >= size)
    throw new FactotumError(
      'ledger.no_event',
      `There is no sealed event ${seq}; the newest checkpoint covers 0 to ${size - 1}.`,
    )
  const hashes = (query: Promise<{ hash: Uint8Array }[]>) => query.then((rows) => rows.map((r) => r.hash))
  const reader = subtreeReader({
    leaves: (from, to) => hashes(store.read(leaves(from, to))),
    nodes: (level, from, to) => hashes(store.read(nodes(level, from, to))),
  })
  const proof = await inclusionProof(seq, size, reader)
  const { root } = openCheckpoint(note, [parseVerifierKey(vkey)])
  const leaf = Buffer.from(row.leaf)
  if (!verifyInclusion(leaf, seq, size, proof, root)) {
    throw new FactotumError(
      'ledger.proof_failed',
      `Event ${seq} does not prove into the signed root: the ledger was changed. Run "factotum ledger verify".`,
    )
  }
  return {
    seq,
    size,
    leaf: leaf.toString('base64'),
    proof: proof.map((h) => Buffer.from(h).toString('base64')),
    checkpoint: note,
    event: { kind: row.kind, stream: row.stream, at: row.at, body: row.body },
  }
}
