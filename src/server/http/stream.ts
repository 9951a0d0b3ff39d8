import { setTimeout as delay } from 'node:timers/promises'
import { FactotumError } from '../../lib/errors.ts'
import { sql, type EventRow, type Store } from '../../store/index.ts'

/** A reader that hears nothing for this long is told that nothing happened. */
const PULSE_MS = 15_000
/** More at once are refused: each costs a socket, and a wake costs time for each. */
const MAX_READERS = 2_000
const MAX_EVENTS = 256
/** Of what is handed to a reader at once. One chunk may wait in its socket, and nothing else is kept for it. */
const MAX_CHUNK = 64 * 1024
/**
 * Readers that are behind one another find what the first of them read: 4 MiB of it, for all. Measured with 100 readers that
 * begin at the same time 40 chunks from the head: 0.07 of a bare server's rate with 16 chunks, for each then reads for itself.
 */
const KEPT_CHUNKS = 64
/** How long readers that are up to date have to hear that it ends. */
const END_GRACE_MS = 500
/** Waking a reader takes about 30 µs: however fast events come, readers take half of the process's time at most. */
const GATHER_MS_PER_READER = 0.03

const nextEvents = sql(
  `select seq, kind, stream, actor, cause, at, body from event where seq >= ? order by seq limit ${MAX_EVENTS}`,
)
type Line = Pick<EventRow, 'seq' | 'kind' | 'stream' | 'actor' | 'cause' | 'at' | 'body'>

/** Events `[from, next)`, as they go over the wire. Shared by every reader that stands at `from`. */
interface Chunk {
  readonly bytes: Uint8Array
  readonly next: number
}

const encoder = new TextEncoder()
const HEARTBEAT = encoder.encode(': nothing happened\n\n')

/**
 * The ledger as server-sent events, without private parts: committed events in order, each once, from any point on.
 *
 * A reader is a number, the next event that it has not been given, and a socket. It pulls: when its socket takes more, it
 * is given the chunk that begins at its number, read from the ledger; when there is none it waits for a wake that all who
 * wait share. Nothing is queued for a reader that does not read, and readers at the same number, which all that keep up
 * are, share one read and one buffer. A thousand that stand still cost their sockets.
 */
export class EventStream {
  readonly #store: Store
  readonly #forget: () => void
  /** Being read, by where they begin. Emptied at each wake: what was read before it may lack what it told of. */
  readonly #reading = new Map<number, Promise<Chunk | null>>()
  /** The newest that were read. */
  readonly #kept = new Map<number, Chunk>()
  #wake = Promise.withResolvers<void>()
  #gathering: NodeJS.Timeout | NodeJS.Immediate | null = null
  #pulse: NodeJS.Timeout | null = null
  #pulses = 0
  #readers = 0
  #pulling = 0
  #closed = false

  readonly #pulseMs: number

  constructor(store: Store, pulseMs = PULSE_MS) {
    this.#store = store
    this.#pulseMs = pulseMs
    this.#forget = store.onCommit(() => this.#moved())
    store.engine.onBell(() => this.#moved())
  }

  get readers(): number {
    return this.#readers
  }

  /**
   * Answers one reader. `after`: the number of the last event that it knows (-1: from the first); without, only what comes
   * from now on. `lastEventId`, which a browser sends when it comes back, stands before it. `allowed` is asked at each pulse,
   * and ends it. Throws `stream.bad_after`, `stream.future` and `stream.full`.
   */
  async open(
    after: string | undefined,
    lastEventId: string | undefined,
    allowed: () => Promise<boolean> = async () => true,
  ): Promise<Response> {
    const head = await this.#store.engine.head()
    const last = position(lastEventId ?? after, head)
    if (this.#readers >= MAX_READERS)
      throw new FactotumError('stream.full', `${MAX_READERS} already listen. Close some, or ask again later.`)
    return new Response(this.#stream(last, head, allowed), {
      headers: {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
        'transfer-encoding': 'chunked',
      },
    })
  }

  /** Ends every stream, each when it has been given all there is; what does not read is its server's to cut. */
  async close(): Promise<void> {
    this.#closed = true
    this.#forget()
    if (this.#pulse) clearInterval(this.#pulse)
    this.#ring()
    const until = Date.now() + END_GRACE_MS
    while (this.#pulling > 0 && Date.now() < until) await delay(1)
    // What they were told last is on its way out.
    await delay(1)
  }

  #stream(last: number, head: number, allowed: () => Promise<boolean>): ReadableStream<Uint8Array> {
    let next = last + 1
    let pulses = this.#pulses
    let here = true
    const leave = () => {
      if (here) this.#leave()
      here = false
    }
    this.#join()
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          const place = JSON.stringify({ after: last, head: head - 1 })
          controller.enqueue(encoder.encode(`retry: 1000\nid: ${last}\nevent: head\ndata: ${place}\n\n`))
        },
        pull: async (controller) => {
          this.#pulling++
          try {
            for (;;) {
              // Before it is read: what is committed from here on rings it.
              const { promise: wake } = this.#wake
              const chunk = await this.#chunkAt(next)
              if (!here) return
              if (pulses !== this.#pulses && !(await allowed())) {
                leave()
                return controller.close()
              }
              if (chunk !== null || pulses !== this.#pulses) {
                pulses = this.#pulses
                next = chunk?.next ?? next
                return controller.enqueue(chunk?.bytes ?? HEARTBEAT)
              }
              if (this.#closed) {
                leave()
                return controller.close()
              }
              await wake
              if (!here) return
            }
          } catch (error) {
            leave()
            throw error
          } finally {
            this.#pulling--
          }
        },
        cancel: leave,
      },
      // Nothing is made before the socket takes it.
      { highWaterMark: 0 },
    )
  }

  #join(): void {
    this.#readers++
    this.#pulse ??= setInterval(() => {
      this.#pulses++
      this.#ring()
    }, this.#pulseMs).unref()
  }

  #leave(): void {
    if (--this.#readers > 0 || !this.#pulse) return
    clearInterval(this.#pulse)
    this.#pulse = null
  }

  /** What came is told a little later where many listen, with all that came meanwhile. */
  #moved(): void {
    // That there was nothing at a place no longer holds, for whoever comes next.
    if (this.#readers === 0) return this.#reading.clear()
    if (this.#gathering) return
    const ring = () => {
      this.#gathering = null
      this.#ring()
    }
    const gather = this.#readers * GATHER_MS_PER_READER
    this.#gathering = gather < 1 ? setImmediate(ring) : setTimeout(ring, gather)
  }

  #ring(): void {
    this.#reading.clear()
    const { resolve } = this.#wake
    this.#wake = Promise.withResolvers<void>()
    resolve()
  }

  #chunkAt(from: number): Promise<Chunk | null> | Chunk {
    const kept = this.#kept.get(from)
    if (kept) return kept
    const begun = this.#reading.get(from)
    if (begun) return begun
    const reading = this.#read(from)
    this.#reading.set(from, reading)
    return reading
  }

  async #read(from: number): Promise<Chunk | null> {
    const begun = this.#wake
    let chunk: Chunk | null | undefined
    try {
      chunk = chunkOf(await this.#store.read<Line>(nextEvents(from)))
    } finally {
      // That there was nothing holds until something rings; what failed is tried again by whoever asks next.
      if (chunk !== null && begun === this.#wake) this.#reading.delete(from)
    }
    if (chunk === null) return null
    this.#kept.set(from, chunk)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > KEPT_CHUNKS) this.#kept.delete(oldest!)
    return chunk
  }
}

function chunkOf(lines: readonly Line[]): Chunk | null {
  let text = ''
  let next = -1
  for (const { seq, kind, stream, actor, cause, at, body } of lines) {
    const frame = `id: ${seq}\nevent: ledger\ndata: ${JSON.stringify({ seq, kind, stream, actor, cause, at }).slice(0, -1)},"body":${body}}\n\n`
    if (next >= 0 && text.length + frame.length > MAX_CHUNK) break
    text += frame
    next = seq + 1
  }
  return next < 0 ? null : { bytes: encoder.encode(text), next }
}

/** Throws `stream.bad_after`, `stream.future`. */
function position(given: string | undefined, head: number): number {
  if (given === undefined) return head - 1
  const last = /^(-1|\d{1,15})$/.test(given) ? Number(given) : undefined
  if (last === undefined)
    throw new FactotumError(
      'stream.bad_after',
      '"after" is the number of the last event that is known: 0 or more, or -1 for all of them.',
    )
  if (last >= head)
    throw new FactotumError(
      'stream.future',
      `There is no event ${last} yet: ${head === 0 ? 'the ledger is empty' : `the newest is ${head - 1}`}. What was read before is of another ledger: read it all anew.`,
    )
  return last
}
