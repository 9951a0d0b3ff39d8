import { randomFillSync } from 'node:crypto'
import { eventLeaf, privateHash } from '../src/lib/event-leaf.ts'
import { newId } from '../src/lib/ids.ts'

export const STEPS_PER_RUN = 10

/** What every step returns: a small object, as most steps do. */
export function stepResult(step: number): object {
  return { ok: true, order: `A-${step}`, amount: 1_250 + step, lines: ['one', 'two'] }
}

/** Values for `insert into event`, in the order of its columns. */
export type RawEvent = readonly [
  seq: number,
  key: string,
  kind: string,
  stream: string,
  actor: string,
  cause: number | null,
  at: number,
  body: string,
  secret: string,
  salt: Uint8Array,
  privateHash: string,
  leaf: Uint8Array,
]

export interface RawRow {
  readonly event: RawEvent
  /** Whether the rows of a run begin or end with it, in `run`, `work` and `lease`. */
  readonly run: 'starts' | 'goes on' | 'ends'
}

/**
 * What the raw loop writes: `runs`, the rows of whole ten-step runs, which is what the workload leaves behind; or
 * `steps`, only the ten rows of its steps, a stricter limit that no record of runs could reach.
 */
export type RawKind = 'runs' | 'steps'

const salts = new Uint8Array(16 * 512)
let saltAt = salts.length

function salt(): Uint8Array {
  if (saltAt === salts.length) {
    randomFillSync(salts)
    saltAt = 0
  }
  return salts.slice(saltAt, (saltAt += 16))
}

/**
 * The rows that `streams` runs at a time become: what a raw loop writes that wants the same record and has no workflow,
 * no driver, no promise and nothing to check. The same columns, with the same texts: JSON of body and private part, a
 * fresh salt, the SHA-256 over salt and private text, the SHA-256 of the Merkle leaf over the envelope, and a unique
 * key. The hash functions are the product's own, so that neither side has better ones.
 */
export function rawRows(streams: number, kind: RawKind): (count: number, firstSeq: number) => RawRow[] {
  const ids = Array.from({ length: streams }, () => '')
  const rounds = kind === 'runs' ? STEPS_PER_RUN + 2 : STEPS_PER_RUN
  let made = 0
  const next = (seq: number, at: number): RawRow => {
    const slot = made % streams
    const round = Math.floor(made / streams) % rounds
    made++
    if (round === 0) ids[slot] = newId('run', at)
    const id = ids[slot]!
    if (kind === 'runs' && round === 0) {
      const body = {
        workflow: 'ten-steps',
        version: 1,
        state: 'active',
        lane: null,
        signal: null,
        trust: 'operator',
        parent: null,
        parentWait: null,
      }
      return { run: 'starts', event: rawEvent(seq, at, `start:${id}`, 'run.started@1', id, body, { input: null }) }
    }
    const step = kind === 'runs' ? round - 1 : round
    if (step === STEPS_PER_RUN) {
      return {
        run: 'ends',
        event: rawEvent(seq, at, `${id}:0:end`, 'run.completed@1', id, {}, { result: STEPS_PER_RUN }),
      }
    }
    const body = { op: `step:${step}`, kind: 'step', hash: 'x2Cq1bVb9Yk3m5u7Fh0QWA' }
    const event = rawEvent(seq, at, `${id}:0:step:${step}`, 'step.completed@1', id, body, { value: stepResult(step) })
    return { run: 'goes on', event }
  }
  return (count, firstSeq) => {
    const at = Date.now()
    return Array.from({ length: count }, (_, i) => next(firstSeq + i, at))
  }
}

function rawEvent(
  seq: number,
  at: number,
  key: string,
  kind: string,
  stream: string,
  content: object,
  personal: object,
): RawEvent {
  const body = JSON.stringify(content)
  const secret = JSON.stringify(personal)
  const fresh = salt()
  const hash = privateHash(fresh, secret)
  const envelope = { seq, key, kind, stream, actor: `run:${stream}`, cause: seq - 1, at, body, privateHash: hash }
  return [seq, key, kind, stream, envelope.actor, envelope.cause, at, body, secret, fresh, hash, eventLeaf(envelope)]
}
