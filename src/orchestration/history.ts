import type { Json } from '../lib/json.ts'
import { sql, type Store, type WaitKind } from '../store/index.ts'

/** One thing that ended for a run: what is delivered to it, in ledger order. */
export interface Completion {
  readonly seq: number
  readonly at: number
  readonly op: string
  readonly ok: boolean
  /** `timeout` when the deadline of a wait was first. */
  readonly by: 'answer' | 'timeout'
  readonly value: Json
  readonly refs: Json
  readonly code: string
}

/** A wait that this run has opened and that counts. */
export interface OpenedWait {
  readonly wait: string
  readonly op: string
  readonly kind: WaitKind
  readonly subject: string | null
  readonly deadline: number | null
  /** What is answered when the deadline is first. */
  readonly otherwise: Json
  resolved: boolean
}

/** The first event of a call's record, and the hash of its kind and declared input to compare the code with. */
export interface Recorded {
  readonly seq: number
  readonly hash: string
  readonly as: 'succeeded' | 'failed' | 'waited'
}

export interface History {
  readonly completions: Completion[]
  readonly waits: Map<string, OpenedWait>
  /** How each call is on the record. */
  readonly recorded: Map<string, Recorded>
  /** The newest event read. */
  cursor: number
  /** The operator asked that what it did be taken back, instead of going on. */
  compensate: boolean
}

interface Row {
  readonly seq: number
  readonly kind: string
  readonly at: number
  readonly cause: number | null
  readonly body: string
  readonly private: string | null
}

interface EventBody {
  readonly op: string
  readonly kind: string
  readonly hash: string
  readonly wait: string
  readonly subject: string | null
  readonly deadline: number | null
  readonly by: 'answer' | 'timeout'
  readonly refs?: Json
  readonly code: string
  readonly mode: string
  readonly from: number | null
}

const streamFrom = sql(
  'select seq, kind, at, cause, body, private from event where stream = ? and seq > ? order by seq',
)

/** A run's history: its own stream, as far as it counts after retries and restarts. */
export async function readHistory(store: Store, run: string): Promise<History> {
  const history: History = { completions: [], waits: new Map(), recorded: new Map(), cursor: -1, compensate: false }
  let rows = await store.read<Row>(streamFrom(run, -1))
  const last = rows.at(-1)?.seq ?? -1
  for (const row of rows) {
    if (row.kind !== 'run.resumed@1') continue
    const body = JSON.parse(row.body) as EventBody
    // A compensation that got stuck and is set going again is still one.
    if (body.mode === 'compensate' || body.mode === 'restart') history.compensate = body.mode === 'compensate'
    if (body.from === null) continue
    const before = rows.filter((r) => r.seq < row.seq)
    const forgotten = new Set((await forget(store, before, body.mode, body.from)).map((r) => r.seq))
    // An answer that came while the run was stuck counts as long as its wait does: `addRow` passes over the others.
    rows = rows.filter((r) => !forgotten.has(r.seq) || r.kind === 'wait.resolved@1')
  }
  for (const row of rows) addRow(history, row)
  history.cursor = last
  return history
}

/**
 * The records that no longer count when a run is set going again from the record `from`. A retry forgets that record
 * and what follows from it, by the chain of causes; what other branches did beside it stays done. A restart forgets
 * everything since.
 */
async function forget(store: Store, rows: readonly Row[], mode: string, from: number): Promise<Row[]> {
  if (mode !== 'retry') return rows.filter((r) => r.seq >= from)
  const own = new Set(rows.map((r) => r.seq))
  const gone = new Set([from])
  const opened = new Map<string, number>()
  for (const row of rows) {
    const { wait } = JSON.parse(row.body) as EventBody
    if (row.kind === 'wait.opened@1') opened.set(wait, row.seq)
    const parent = row.kind === 'wait.resolved@1' ? opened.get(wait) : await causeWithin(store, row, own)
    if (parent !== undefined && gone.has(parent)) gone.add(row.seq)
  }
  return rows.filter((r) => gone.has(r.seq))
}

const causeOf = sql('select cause from event where seq = ?')

/** The record of the run's own that led to one: past the decisions and facts that were recorded with it. */
async function causeWithin(store: Store, row: Row, own: ReadonlySet<number>): Promise<number | undefined> {
  let cause = row.cause
  while (cause !== null && !own.has(cause)) {
    cause = (await store.first<{ cause: number | null }>(causeOf(cause)))?.cause ?? null
  }
  return cause ?? undefined
}

/** What setting a run going again would forget: the waits it opened, and the signals it had taken. */
export async function forgotten(
  store: Store,
  run: string,
  mode: string,
  from: number,
): Promise<{ waits: ReadonlySet<string>; signals: readonly string[]; seqs: ReadonlySet<number> }> {
  const rows = await forget(store, await store.read<Row>(streamFrom(run, -1)), mode, from)
  const waits = new Set<string>()
  const signals: string[] = []
  for (const row of rows) {
    const body = JSON.parse(row.body) as EventBody
    if (row.kind === 'wait.opened@1') waits.add(body.wait)
    const took = row.kind === 'wait.resolved@1' || (row.kind === 'step.completed@1' && body.kind === 'waitFor')
    const value =
      took && row.private !== null ? (JSON.parse(row.private) as { value?: { signal?: string } }).value : null
    if (typeof value?.signal === 'string') signals.push(value.signal)
  }
  return { waits, signals, seqs: new Set(rows.map((r) => r.seq)) }
}

/** Reads what came since, and returns what of it came from outside the driver. */
export async function readArrivals(store: Store, run: string, history: History): Promise<Completion[]> {
  const rows = await store.read<Row>(streamFrom(run, history.cursor))
  const before = history.completions.length
  for (const row of rows) {
    if (row.kind === 'wait.resolved@1') addRow(history, row)
    history.cursor = row.seq
  }
  return history.completions.splice(before)
}

function addRow(history: History, row: Row): void {
  // What else stands in the stream (its start, with the input) is not a completion: parsing it would be for nothing.
  if (!row.kind.startsWith('step.') && !row.kind.startsWith('wait.')) return
  const body = JSON.parse(row.body) as EventBody
  const secret =
    row.private === null ? null : (JSON.parse(row.private) as { value?: Json; message?: string; otherwise?: Json })
  const completion = {
    seq: row.seq,
    at: row.at,
    op: body.op,
    by: 'answer',
    value: secret?.value ?? null,
    refs: body.refs ?? null,
  } as const
  switch (row.kind) {
    case 'step.completed@1':
      history.recorded.set(body.op, { seq: row.seq, hash: body.hash, as: 'succeeded' })
      history.completions.push({ ...completion, ok: true, code: '' })
      return
    case 'step.failed@1':
      history.recorded.set(body.op, { seq: row.seq, hash: body.hash, as: 'failed' })
      history.completions.push({ ...completion, ok: false, code: body.code, value: secret?.message ?? null })
      return
    case 'wait.opened@1':
      history.recorded.set(body.op, { seq: row.seq, hash: body.hash, as: 'waited' })
      history.waits.set(body.op, {
        wait: body.wait,
        op: body.op,
        kind: body.kind as WaitKind,
        subject: body.subject,
        deadline: body.deadline,
        otherwise: secret?.otherwise ?? null,
        resolved: false,
      })
      return
    case 'wait.resolved@1': {
      const wait = history.waits.get(body.op)
      if (!wait || wait.wait !== body.wait || wait.resolved) return
      wait.resolved = true
      history.completions.push({ ...completion, ok: true, by: body.by, code: '' })
    }
  }
}
