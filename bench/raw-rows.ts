import { randomFillSync } from 'node:crypto'
import { eventLeaf, privateHash } from '../src/lib/event-leaf.ts'
import { newId } from '../src/lib/ids.ts'

/** One row of `event` as an array, in the order of its columns. */
export type RawRow = readonly [
  seq: number, key: string, kind: string, stream: string, actor: string, cause: number | null, at: number,
  body: string, secret: string, salt: Uint8Array, privateHash: string, leaf: Uint8Array,
]

export const STEPS_PER_RUN = 10

/** What every step returns: a small object, as most steps do. */
export function stepResult(step: number): object {
  return { ok: true, order: `A-${step}`, amount: 1_250 + step, lines: ['one', 'two'] }
}

const salts = new Uint8Array(16 * 512)
let saltAt = salts.length

/**
 * The rows that the steps of `streams` runs at a time become: what a raw loop writes that wants the same record and has
 * no workflow, no driver, no promise and nothing to check. The same columns as a step of ours has, with the same texts:
 * JSON of body and private part, a fresh salt, its SHA-256 over the private text, the SHA-256 of the Merkle leaf over
 * the envelope, and a unique key. The hash functions are the product's own, so that neither side has better ones.
 */
export function rawRows(streams: number): (count: number, firstSeq: number) => RawRow[] {
  const ids = Array.from({ length: streams }, () => '')
  let made = 0
  const row = (seq: number, at: number): RawRow => {
    const slot = made % streams
    const step = Math.floor(made / streams) % STEPS_PER_RUN
    made++
    if (step === 0) ids[slot] = newId('run', at)
    const stream = ids[slot]!
    const key = `${stream}:0:step:${step}`
    const body = JSON.stringify({ op: `step:${step}`, kind: 'step', hash: 'x2Cq1bVb9Yk3m5u7Fh0QWA' })
    const secret = JSON.stringify({ value: stepResult(step) })
    if (saltAt === salts.length) {
      randomFillSync(salts)
      saltAt = 0
    }
    const salt = salts.slice(saltAt, (saltAt += 16))
    const hash = privateHash(salt, secret)
    const event = { seq, key, kind: 'step.completed@1', stream, actor: `run:${stream}`, cause: seq - 1, at, body, privateHash: hash }
    return [seq, key, event.kind, stream, event.actor, event.cause, at, body, secret, salt, hash, eventLeaf(event)]
  }
  return (count, firstSeq) => {
    const at = Date.now()
    return Array.from({ length: count }, (_, i) => row(firstSeq + i, at))
  }
}
