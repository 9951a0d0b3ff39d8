import type { z } from 'zod'
import { milliseconds, type Duration } from '../lib/durations.ts'
import { FactotumError } from '../lib/errors.ts'
import type { Json } from '../lib/json.ts'
import type { AnySignalKind, Trust } from '../context/signals.ts'
import type { Risk } from '../governance/policy.ts'

/** What an action is given beside its input. */
export interface ActionContext {
  /** The effect's idempotency key: the same for every try. Give it to the service where it takes one. */
  readonly key: string
  /** The sequence token of this try: a number that only grows. */
  readonly token: number
  /** The sequence token of the effect's lane, which grows over all effects of the lane; null without one. */
  readonly laneToken: number | null
  /** When the effect was proposed, epoch ms: the same for every try. */
  readonly proposedAt: number
  /** How long ago the try was made whose outcome is looked for, ms. Only `reconcile` and `reconcileUndo` are told. */
  readonly triedMsAgo?: number
  /** What the connector opened: a transport, a client. The connector's own type. */
  readonly connection: unknown
  /** Aborted when the time-out has passed or the process stops. */
  readonly signal: AbortSignal
}

/** What was found outside about an earlier try whose answer was lost. */
export type Reconciled<O> =
  | { readonly found: 'yes'; readonly output: O }
  /** The service proves absence: nothing happened, and nothing that is still on its way will (see `absentAfter`). */
  | { readonly found: 'no' }
  | { readonly found: 'unknown' }

/**
 * How an action failed, thrown by its `run`:
 * `transient` (certainly nothing happened, it may work later), `domain` (it never will), `uncertain` (nobody knows).
 * Anything else that is thrown counts as uncertain: that is the only safe reading of an unknown error.
 */
export class ActionError extends FactotumError {
  readonly kind: 'transient' | 'domain' | 'uncertain'
  /** Not before so many milliseconds, where the service said so (Retry-After). */
  readonly retryAfterMs: number | null

  constructor(
    kind: 'transient' | 'domain' | 'uncertain',
    code: string,
    message: string,
    options: { readonly cause?: unknown; readonly retryAfterMs?: number } = {},
  ) {
    super(code, message, options)
    this.name = 'ActionError'
    this.kind = kind
    this.retryAfterMs = options.retryAfterMs ?? null
  }
}

export interface ActionOptions<I, O> {
  readonly version?: number
  readonly risk: Risk
  readonly input: z.ZodType<I>
  readonly output: z.ZodType<O>
  /** One sentence for the operator: "Reply to ada@example.org: Re: Order". */
  readonly title: (input: I) => string
  /** What will be sent, in the target system's own terms. Default: the input. */
  readonly preview?: (input: I) => Json
  readonly run: (input: I, ctx: ActionContext) => Promise<O>
  /** Takes it back. The key is a new one, derived from the effect's. */
  readonly undo?: (input: I, output: O, ctx: ActionContext) => Promise<void>
  /** Looks outside for what an earlier try did. */
  readonly reconcile?: (input: I, ctx: ActionContext) => Promise<Reconciled<O>>
  /** Looks outside for what an earlier undo did. */
  readonly reconcileUndo?: (input: I, output: O, ctx: ActionContext) => Promise<Reconciled<null>>
  /**
   * What an approval rests on in the outside world: read when the effect is proposed, shown at its gate, and read again
   * right before it leaves. Where it differs the effect is stale, and is asked again with the difference.
   */
  readonly observe?: (input: I, ctx: ActionContext) => Promise<Json>
  /** What one use costs at most: reserved before it leaves. */
  readonly cost?: (input: I) => Money
  /** Effects of one lane leave one at a time, in the order in which they were proposed. Default: no lane. */
  readonly lane?: (input: I) => string
  /** The service honours the idempotency key: a second try with it does nothing twice. */
  readonly idempotent?: boolean
  /** How long the service remembers the key: a try that may have happened is not repeated with it later. Default 24 h. */
  readonly idempotentFor?: Duration | 'ever'
  /**
   * How long after a try absence begins to prove something: sooner, a call whose answer was lost may still be on its way, and
   * what is not found counts as unknown. Default 1 min; 0 where `reconcile` itself waits, or where nothing can come late.
   */
  readonly absentAfter?: Duration
  /** How long an approved effect waits before it leaves, when the author does not say. Default: 10 s where it cannot be taken back, else not at all. */
  readonly hold?: Duration
  /** How long one try may take. Default 30 s. */
  readonly timeout?: Duration
  /** The message that this effect puts into a conversation, once it has succeeded. No output: only the operator knows. */
  readonly message?: (input: I, output: O | null) => OutgoingMessage
}

/** An amount in millionths of a currency's unit: 12.50 EUR is 12,500,000. */
export interface Money {
  readonly micros: number
  /** ISO 4217. */
  readonly currency: string
}

export interface OutgoingMessage {
  readonly party: string
  readonly subject: string
  readonly text: string
  /** Its own external id and those it refers to. */
  readonly ids: readonly string[]
}

export interface Action<I = never, O = unknown> extends Omit<
  ActionOptions<I, O>,
  'version' | 'hold' | 'timeout' | 'idempotent' | 'idempotentFor' | 'absentAfter'
> {
  /** `connector.verb` */
  readonly action: string
  readonly connector: string
  readonly version: number
  readonly holdMs: number
  readonly timeoutMs: number
  readonly idempotent: boolean
  /** How long the service remembers a key. */
  readonly keyMs: number
  readonly absentAfterMs: number
}

/**
 * Declares an action of a connector: a verb with typed input and output and a risk class.
 *
 *     export const refund = action('billing.refund', { risk: 'compensable', input, output, title, run, undo })
 */
export function action<I, O>(name: string, options: ActionOptions<I, O>): Action<I, O> {
  return {
    ...options,
    action: name,
    connector: name.split('.')[0]!,
    version: options.version ?? 1,
    holdMs: milliseconds(options.hold ?? (options.risk === 'irreversible' ? '10s' : 0)),
    timeoutMs: milliseconds(options.timeout ?? '30s'),
    idempotent: options.idempotent ?? options.risk === 'read',
    keyMs: options.idempotentFor === 'ever' ? Infinity : milliseconds(options.idempotentFor ?? '24h'),
    absentAfterMs: milliseconds(options.absentAfter ?? '1m'),
  }
}

/** Any action, as a registry keeps it: its input is checked by its own schema before it is called. */
export type AnyAction = Pick<
  Action<never, never>,
  'action' | 'connector' | 'version' | 'risk' | 'holdMs' | 'timeoutMs' | 'idempotent' | 'keyMs' | 'absentAfterMs'
> & {
  readonly input: z.ZodType
  readonly output: z.ZodType
  readonly title: (input: never) => string
  readonly preview?: (input: never) => Json
  readonly run: (input: never, ctx: ActionContext) => Promise<unknown>
  readonly undo?: (input: never, output: never, ctx: ActionContext) => Promise<void>
  readonly reconcile?: (input: never, ctx: ActionContext) => Promise<Reconciled<unknown>>
  readonly reconcileUndo?: (input: never, output: never, ctx: ActionContext) => Promise<Reconciled<null>>
  readonly observe?: (input: never, ctx: ActionContext) => Promise<Json>
  readonly cost?: (input: never) => Money
  readonly lane?: (input: never) => string
  readonly message?: (input: never, output: never) => OutgoingMessage
}

/** What a connector is given when it is opened. */
export interface ConnectorEnvironment {
  /** The company's data folder, absolute. */
  readonly dataFolder: string
}

/** One thing from outside, as a connector hands it over: parsed, or with the reason why it could not be. */
export interface Incoming {
  /** What the outside world calls it: it enters once per source and id. */
  readonly externalId: string
  /** Where in the source it was, for messages to the operator. */
  readonly name: string
  readonly payload: Json
  /** What makes two arrivals under one id the same: differences that transport makes are left out. */
  readonly content: string
  readonly trust: Trust
  /** As it came. */
  readonly raw: Uint8Array
  readonly attachments: readonly Uint8Array[]
  /** Why it cannot be used: it is set aside where the operator sees it. */
  readonly defect: string | null
}

/** A part of a source that cannot be read, and why: the rest of it goes on. */
export interface Unreadable {
  readonly name: string
  readonly unreadable: string
}

/** A connector with its settings, as `company.ts` lists it. */
export interface Connector<Connection = unknown> {
  readonly name: string
  /** Where it acts, without secrets and the same at every start: part of what an approval is for. Default: its name. */
  readonly target?: string
  /** How many calls the service takes, in a minute and at once. Default: as many as there are. */
  readonly limits?: { readonly perMinute?: number; readonly concurrent?: number }
  /** Asks the service what it offers, and only looks: a change of the answer is told to the operator. */
  probe?(connection: Connection): Promise<Json>
  readonly actions: readonly AnyAction[]
  readonly signals: readonly AnySignalKind[]
  /**
   * Reads a file or folder that holds what this connector understands; `kind` is the signal each becomes. It throws
   * where the path itself cannot be read, and goes on after a file below it that cannot.
   */
  readonly ingest?: { readonly kind: AnySignalKind; read(path: string): AsyncIterable<Incoming | Unreadable> }
  /** A file or folder (relative to the company's) that is read at every start. */
  readonly inbox?: string
  open(env: ConnectorEnvironment): Promise<Connection>
  close(connection: Connection): Promise<void>
  /**
   * Files in the data folder (absolute paths) that hold copies of what was done under these effects' idempotency keys, whether
   * it is open or not. They are removed, in this order, when the person whom they are about is forgotten.
   */
  copies?(env: ConnectorEnvironment, keys: readonly string[]): Promise<readonly string[]>
  /** One line for `status`: where it sends to. */
  describe(connection: Connection): string
}
