import type { Bound } from './sql.ts'

/** A plain object that JSON can hold. Not an index type: interfaces would not fit one. */
export type Body = object

/** The event that led to this one: its `seq`, an earlier event of the same commit by index, or nothing. */
export type Cause = number | { readonly index: number } | null

/** One event as a layer hands it to `commit`. */
export interface EventInput {
  readonly kind: string
  readonly stream: string
  readonly actor: string
  readonly cause: Cause
  /** Ids, states, amounts and hashes: never personal data, for it can never be erased. */
  readonly body: Body
  /** Everything personal. Erasable; the envelope keeps only its salted hash. */
  readonly private: Body | null
  readonly project: Project
}

/** One event as a projection sees it, live or rebuilt. `private` is null when there was none or it was erased. */
export interface ProjectedEvent<B = Body, P = Body> {
  readonly seq: number
  readonly kind: string
  readonly stream: string
  readonly actor: string
  readonly cause: number | null
  readonly at: number
  readonly body: B
  readonly private: P | null
}

/**
 * A projection: a pure function from an event to the SQL that records it. Keyed writes or relative updates that look
 * at nothing else, so that rebuilding from the ledger gives identical rows.
 */
export type Project = (event: ProjectedEvent<never, never>) => readonly Bound[]

export interface EventKind<B = never, P = never> {
  (
    stream: string,
    body: B,
    options?: { readonly private?: P | null; readonly actor?: string; readonly cause?: Cause },
  ): EventInput
  readonly kind: string
  readonly project: Project
}

/** Any kind of event, as a rebuild needs it. */
export interface AnyEventKind {
  readonly kind: string
  readonly project: Project
}

/**
 * Declares an event kind, versioned for ever (`run.started@1`), with its projection. Calling it makes an event:
 * `runStarted(runId, { workflow })`.
 */
export function eventKind<B extends Body, P extends Body = Record<never, never>>(
  kind: `${string}@${number}`,
  project: (event: ProjectedEvent<B, P>) => readonly Bound[],
): EventKind<B, P> {
  const make = (
    stream: string,
    body: B,
    options?: { readonly private?: P | null; readonly actor?: string; readonly cause?: Cause },
  ): EventInput => ({
    kind,
    stream,
    actor: options?.actor ?? 'system',
    cause: options?.cause ?? null,
    body,
    private: options?.private ?? null,
    project: project as Project,
  })
  return Object.assign(make, { kind, project: project as Project })
}

/** One row of the ledger. */
export interface EventRow {
  readonly seq: number
  /** The commit's key, on its first event only. */
  readonly key: string | null
  readonly kind: string
  readonly stream: string
  readonly actor: string
  readonly cause: number | null
  readonly at: number
  /** JSON text, exactly as it was hashed. */
  readonly body: string
  readonly private: string | null
  readonly salt: Uint8Array | null
  readonly private_hash: string | null
  /** RFC 6962 leaf hash, 32 bytes. */
  readonly leaf: Uint8Array
}
