import type { z } from 'zod'
import { allows, callerNow } from '../lib/caller.ts'
import type { Json } from '../lib/json.ts'
import { eventKind, sql, work, type Guard, type Store } from '../store/index.ts'

/** How far content may be believed. What derives from several carries the lowest. */
export type Trust = 'operator' | 'verified' | 'outsider'

const TRUST: readonly Trust[] = ['outsider', 'verified', 'operator']

/** Higher is better. */
export function rank(trust: Trust): number {
  return TRUST.indexOf(trust)
}

/** What derives from both carries the lower label. */
export function lower(a: Trust, b: Trust): Trust {
  return TRUST.indexOf(a) < TRUST.indexOf(b) ? a : b
}

/**
 * The label of what is said in the operator's part. A program that may only propose does not decide what is believed: what it
 * says is somebody's whom the operator knows.
 */
export function ownLabel(): Trust {
  const caller = callerNow()
  return caller === undefined || allows(caller, 'decide') ? 'operator' : 'verified'
}

/** Whether a label is as high as what is asked for, if anything is. */
export function isAtLeast(label: Trust, asked: Trust | undefined): boolean {
  return asked === undefined || TRUST.indexOf(label) >= TRUST.indexOf(asked)
}

/** How far content may be believed, and on whose words it rests. */
export interface Word {
  readonly trust: Trust
  /** Lookup keys (HMACs) of those whose messages it is made of. */
  readonly parties: readonly string[]
}

/** The parties of a word, as an event or a reference carries them: absent where there are none. */
export function partiesIn({ parties }: Pick<Word, 'parties'>): { readonly parties?: readonly string[] } {
  return parties.length === 0 ? {} : { parties }
}

/** What derives from both is no better than either, and rests on the words of all. */
export function both(a: Word, b: { readonly trust: Trust; readonly parties?: readonly string[] | undefined }): Word {
  const more = b.parties?.filter((party) => !a.parties.includes(party)) ?? []
  return { trust: lower(a.trust, b.trust), parties: more.length === 0 ? a.parties : [...a.parties, ...new Set(more)] }
}

const bodyAt = sql('select body from event where seq = ?')

/** Whose words an event was recorded as resting on; undefined in a record that does not say. */
export async function partiesAt(store: Store, seq: number): Promise<readonly string[] | undefined> {
  const event = await store.first<{ body: string }>(bodyAt(seq))
  return event && (JSON.parse(event.body) as Partial<Word>).parties
}

export type SignalState = 'new' | 'routed' | 'delivered' | 'kept' | 'quarantined'

/** A kind of thing that happens to the company: its name, the shape of its payload, and what waits match it by. */
export interface SignalKind<Payload = unknown> {
  readonly signal: string
  readonly payload: z.ZodType<Payload>
  readonly match: (payload: Payload) => string | null
  /** The message it brings into a conversation, if it is one. */
  readonly message: ((payload: Payload) => IncomingMessage) | null
}

/** Any kind of signal, as a registry keeps it: a payload is checked by its own schema before it is used. */
export interface AnySignalKind {
  readonly signal: string
  readonly payload: z.ZodType
  readonly match: (payload: never) => string | null
  readonly message: ((payload: never) => IncomingMessage) | null
}

export interface IncomingMessage {
  readonly party: string
  readonly subject: string
  readonly text: string
  /** External ids of what it refers to, oldest first, then its own. */
  readonly ids: readonly string[]
  /** What came with it; the bytes are among the `attachments` that it was received with. */
  readonly files?: readonly IncomingFile[]
}

export interface IncomingFile {
  readonly name: string
  /** Media type, as the sender claims it. */
  readonly type: string
  /** Bytes. */
  readonly size: number
  /** Of its bytes, in hex. */
  readonly sha256: string
}

/**
 * Declares a kind of signal.
 *
 *     export const paid = signal('invoice.paid', z.object({ invoice: z.string() }), { match: (p) => p.invoice })
 */
export function signal<P>(
  name: string,
  payload: z.ZodType<P>,
  options: { readonly match?: (payload: P) => string | null; readonly message?: (payload: P) => IncomingMessage } = {},
): SignalKind<P> {
  return { signal: name, payload, match: options.match ?? (() => null), message: options.message ?? null }
}

const insertSignal = sql(
  `insert into signal (id, kind, source, state, trust, match, payload, raw, reason, received_at, received_seq)
   values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
)
const setState = sql('update signal set state = ?, reason = ? where id = ?')

interface Received {
  readonly kind: string
  readonly source: string
  readonly trust: Trust
  readonly state: SignalState
  /** HMAC of what waits match on. */
  readonly match: string | null
  /** HMAC of the content: the same external id with other content is not the same signal. */
  readonly digest: string
}

export const signalReceived = eventKind<
  Received,
  { readonly payload: Json; readonly raw: string | null; readonly reason: string | null }
>('signal.received@1', (e) => [
  insertSignal(
    e.stream,
    e.body.kind,
    e.body.source,
    e.body.state,
    e.body.trust,
    e.body.match,
    e.private && JSON.stringify(e.private.payload),
    e.private?.raw,
    e.private?.reason,
    e.at,
    e.seq,
  ),
  ...(e.body.state === 'new' ? [work.addWork(e.stream, 'signal', work.AT_ONCE)] : []),
])

/** What became of a signal: it started runs, answered a wait, is kept until something waits for it, or is set aside. */
export const signalRouted = eventKind<
  { readonly state: SignalState; readonly runs: readonly string[] },
  { readonly reason: string }
>('signal.routed@1', (e) => [setState(e.body.state, e.private?.reason, e.stream), work.endWork(e.stream)])

const release = sql(`update signal set state = 'new', reason = null, match = ? where id = ?`)

/** The operator took in what had been set aside: it is routed as if it had come now. `match`: HMAC of what waits match on. */
export const signalReleased = eventKind<{ readonly match: string | null }, { readonly reason: string | null }>(
  'signal.released@1',
  (e) => [release(e.body.match, e.stream), work.addWork(e.stream, 'signal', work.AT_ONCE)],
)

export interface SignalRow {
  readonly id: string
  readonly kind: string
  readonly source: string
  readonly state: SignalState
  readonly trust: Trust
  readonly match: string | null
  readonly payload: string | null
  readonly raw: string | null
  readonly reason: string | null
  readonly received_at: number
  readonly received_seq: number
}

export const signalById = sql('select * from signal where id = ?')
export const oldestKept = sql(
  `select * from signal where state = 'kept' and kind = ? and match = ? order by received_seq limit 1`,
)

const noneKept = sql(
  `select 1 as ok where not exists (select 1 from signal where state = 'kept' and kind = ? and match = ?)`,
)
const isInState = sql('select 1 as ok from signal where id = ? and state = ?')

/** Refuses to wait for what has come already. */
export function nothingKept(kind: string, match: string): Guard {
  return { check: noneKept(kind, match), code: 'signal.kept', message: 'Such a signal is kept already.' }
}

export function signalIs(id: string, state: SignalState): Guard {
  return { check: isInState(id, state), code: 'signal.moved', message: `Signal ${id} is no longer ${state}.` }
}

export const SIGNAL_EVENTS = [signalReceived, signalRouted, signalReleased]
