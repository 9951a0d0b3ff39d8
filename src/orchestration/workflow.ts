import type { z } from 'zod'
import type { MediaType } from '../context/documents/reading.ts'
import type { RecallKind } from '../context/recall/recall.ts'
import type { AsOf, Attributes, Came, Entity, EntityKind, Instant, Statements } from '../context/facts.ts'
import type { AnySignalKind, SignalKind, Trust } from '../context/signals.ts'
import type { Turn } from '../context/conversations.ts'
import type { Tier } from '../context/decisions.ts'
import type { Precedent } from '../context/precedents.ts'
import type { Assignee, TaskState } from '../context/tasks.ts'
import type { Action } from '../execution/action.ts'
import type { EffectResult } from '../execution/effects.ts'
import type { Duration } from '../lib/durations.ts'
import type { Json } from '../lib/json.ts'
import type { Agent } from './agent.ts'

/** How a call is told from its siblings: by `name`, and in loops and branches by `key`. */
export interface CallOptions {
  readonly name?: string
  readonly key?: string | number
}

/** A choice that was made, with the id under which it is on the record. */
export interface Decided<O> {
  readonly id: string
  readonly value: O
  readonly tier: Tier
  readonly confidence: number | null
  readonly because: string
}

/** What something that is said about an entity rests on. */
export interface Saying extends CallOptions {
  /** The decision or effect that it rests on. Default: the signal that started the run. */
  readonly because?: { readonly id: string }
  /** The words that say so, as they stand in the message that the run is about. */
  readonly quote?: string
  readonly reason?: string
}

/** When: default now. */
export interface Ended {
  readonly at?: Instant
}

/** What came of each statement. */
export type Outcomes<A extends Attributes> = { readonly [K in keyof A]?: Came }

/** One version of a fact, as it was recorded. */
export interface FactVersion {
  readonly id: string
  /** Null: erased. */
  readonly value: Json
  /** When it held, epoch ms; `to` null: it goes on. */
  readonly from: number
  readonly to: number | null
  /** The number of the event that recorded it. */
  readonly recorded: number
  /** Whether it was still believed when it was read. */
  readonly believed: boolean
  readonly trust: Trust
  readonly source: string | null
  /** The version by which it was said; others with the same are what is left of it beside what replaced it. */
  readonly saidBy: string
}

/** A piece of a message or document, with where it stands. */
export interface Passage {
  /** The message or the document; with `version` and the offsets it is a citation. */
  readonly id: string
  /** Of the document; 0 for a message. */
  readonly version: number
  /** UTF-16 offsets in the text of that, the end exclusive. */
  readonly start: number
  readonly end: number
  readonly at: number
  readonly from: 'us' | 'them' | 'operator' | 'document'
  /** Of the message, or the title of the document. */
  readonly subject: string
  readonly text: string
  readonly trust: Trust
  /** How sure it is on the point, 0 to 1. */
  readonly score: number
  /** It was said before: nothing is learned from it as if it were new. */
  readonly recalled: true
  /** It was erased since, and reads as ''. */
  readonly gone?: true
}

/** The passages that were recalled, best first; `facts` that the query named; `nothing`: why there is neither. */
export type Recollection = readonly Passage[] & {
  readonly facts: readonly {
    readonly id: string
    readonly entity: string
    readonly attribute: string
    readonly value: Json
    readonly since: number
    readonly trust: Trust
    /** When it was recalled, somebody had said otherwise, and the operator had not decided yet. */
    readonly disputed: boolean
  }[]
  readonly nothing: string | null
}

export interface RecallOptions extends CallOptions {
  readonly about?: { readonly id: string }
  readonly budget?: number
  /** As it was then, epoch ms: what had been said, in the versions that held. */
  readonly asOf?: number
  /** Nothing that is believed less. */
  readonly trust?: Trust
  readonly kinds?: readonly RecallKind[]
}

/** What a workflow keeps as a document: text, or bytes that text is read from. */
export interface DocumentInput {
  readonly text?: string
  readonly bytes?: Uint8Array
  /** Default: by what the bytes and the name say. */
  readonly mediaType?: MediaType
  readonly title?: string
  /** Under what it is known: the same name again is another version of it. */
  readonly name?: string
  /** Whom it is about. Without any, it may be recalled for everybody. */
  readonly about?: { readonly id: string } | readonly { readonly id: string }[]
  readonly because?: { readonly id: string }
}

/** A message of a conversation, whole. */
export interface SaidMessage {
  readonly id: string
  readonly at: number
  readonly from: 'us' | 'them'
  readonly subject: string
  readonly text: string
}

/** A thread with one party, as it was when it was read. */
export interface Conversation {
  readonly id: string
  readonly state: 'open' | 'closed'
  readonly turn: Turn
  /** Since when it is that turn, epoch ms. */
  readonly since: number
  readonly subject: string
  /** Oldest first. The id of one of ours is the effect that it left by. */
  readonly messages: readonly SaidMessage[]
}

export interface NewTask {
  readonly text: string
  /** When it is due: epoch ms, or so long from now. */
  readonly by: number | Duration
  /** Who is to do it. Default: the operator. */
  readonly for?: Assignee
  readonly why?: string
}

export interface Task {
  readonly id: string
  readonly state: TaskState
  /** Epoch ms. */
  readonly dueAt: number
  readonly for: Assignee
  readonly text: string
  readonly why: string | null
}

export interface EndedTask {
  readonly state: Exclude<TaskState, 'open'>
  readonly note: string | null
}

export interface Question<T> {
  readonly title: string
  /** What the operator is shown: plain data. */
  readonly about?: unknown
  /** The answers that may be given. */
  readonly options?: readonly (T & string)[]
  readonly answer?: z.ZodType<T>
  /** How long to wait. */
  readonly timeout?: Duration
  /** What holds when nobody answers in time. */
  readonly otherwise?: T
}

export interface Compensation {
  /** Effects that were taken back, newest first. */
  readonly undone: readonly string[]
  /** Effects that could not be, and wait for the operator or stay as they are. */
  readonly left: readonly string[]
}

/** One value of a session, without what it is. */
export interface SessionValue {
  readonly name: string
  readonly trust: Trust
  /** Epoch ms. */
  readonly expiresAt: number
}

/**
 * Short-lived state under a key of its own. Each value carries the trust of the run that set it; who reads it is believed no
 * more than that from there on.
 */
export interface Session {
  /**
   * Undefined when there is none. The run keeps what it read until the session's own copy would expire, to read the same
   * when it is driven again; asked for again after that, it is parked. `keep`: the run keeps it until it ends.
   */
  get(name: string, options?: { readonly keep?: boolean }): Promise<unknown>
  /** `ttl`: default 1 day, at most 30. Throws `scratch.too_large`, `scratch.too_many`, `scratch.too_long`. */
  set(name: string, value: unknown, options?: { readonly ttl?: Duration }): Promise<void>
  delete(name: string): Promise<void>
  list(): Promise<readonly SessionValue[]>
}

/** A table of everything that a workflow can do. Each call is a named step: recorded once, returned from the record after. */
export interface Context {
  readonly run: { readonly id: string; readonly workflow: string }
  /** The time of the last thing that happened to this run, epoch ms. */
  now(): number
  /** 0 <= x < 1, the same sequence whenever the run is driven again. */
  random(): number
  /** Runs `work` once and records what it returns (JSON; Uint8Arrays become blobs). */
  step<T>(
    name: string,
    work: () => T | Promise<T>,
    options?: { readonly key?: string | number; readonly input?: unknown },
  ): Promise<T>
  sleep(duration: Duration, options?: CallOptions): Promise<void>
  /** The next signal of a kind (that came early, or comes now); null when the time-out was first. */
  waitFor<P>(
    kind: SignalKind<P>,
    options: CallOptions & { readonly match: string; readonly timeout?: Duration },
  ): Promise<P | null>
  /** Runs another workflow to its end. Throws `run.child_ended` when it was cancelled. */
  child<I, O>(workflow: Workflow<I, O>, input: I, options?: CallOptions): Promise<O>
  readonly facts: {
    /**
     * What is believed about the entity that a key (an address, a customer number) names; with `asOf`, what was. New ones
     * are made.
     */
    about<A extends Attributes>(
      kind: EntityKind<A>,
      lookup: string,
      options?: CallOptions & { readonly asOf?: AsOf },
    ): Promise<Entity<A>>
    /** The same reads, of another time: when it held, and what was recorded until when. */
    asOf(asOf: AsOf): {
      about<A extends Attributes>(kind: EntityKind<A>, lookup: string, options?: CallOptions): Promise<Entity<A>>
    }
    /** Every version of an attribute that was ever recorded, oldest record first. */
    history<A extends Attributes>(
      entity: Entity<A>,
      attribute: keyof A & string,
      options?: CallOptions,
    ): Promise<readonly FactVersion[]>
    /**
     * Records that something is so, from now on or over a span; what it replaces goes on beside it. Answers what came of
     * each: `disputed` means that what was believed stands and the operator is asked. Throws `fact.not_a_writer`,
     * `fact.bad_value`, `fact.quote_not_found`.
     */
    assert<A extends Attributes>(
      entity: Entity<A>,
      statements: Statements<A>,
      options?: Saying & { readonly from?: Instant; readonly until?: Instant },
    ): Promise<Outcomes<A>>
    /** It was recorded wrongly: what is believed (at `at`) had another value, for the same time. Of a set: instead of `was`. */
    correct<A extends Attributes>(
      entity: Entity<A>,
      statements: Statements<A>,
      options: Saying & Ended & { readonly reason: string; readonly was?: unknown },
    ): Promise<Outcomes<A>>
    /** It stopped being true, now or `at`. Of a set: `value`. */
    end<A extends Attributes>(
      entity: Entity<A>,
      attribute: keyof A & string,
      options?: Saying & Ended & { readonly value?: unknown },
    ): Promise<Came>
    /** It was never true: what is believed (at `at`) is taken back, and what it had replaced holds again. */
    retract<A extends Attributes>(
      entity: Entity<A>,
      attribute: keyof A & string,
      options: Saying & Ended & { readonly reason: string; readonly value?: unknown },
    ): Promise<Came>
  }
  /**
   * What was said, written or known before that answers a query, best first, within a budget of tokens (4 characters each,
   * 2,000 by default); empty where nothing is good enough. With `about`, nothing that is about anybody else.
   */
  recall(query: string, options?: RecallOptions): Promise<Recollection>
  readonly documents: {
    /** Keeps a document. The same again adds nothing; other content under the same name is a new version. */
    add(document: DocumentInput, options?: CallOptions): Promise<{ readonly id: string; readonly version: number }>
  }
  /** The conversation of the message that started this run, or the run that this one is a child of. */
  readonly conversation: {
    /** Null where no message started it. */
    read(options?: CallOptions): Promise<Conversation | null>
    /**
     * Nothing more is to be said; the next message opens it again. Answers whether it was closed: false where they wrote
     * something since that this run has not read. Throws `conversation.none`.
     */
    close(reason: string, options?: CallOptions): Promise<boolean>
    /** Says whose turn it is where no message says so. Answers as `close`. Throws `conversation.none`. */
    handOver(turn: Turn, options?: CallOptions & { readonly reason?: string }): Promise<boolean>
  }
  /** What is to be done by a time, by the operator, an agent or a workflow. */
  readonly tasks: {
    /** Throws `task.bad`. */
    add(task: NewTask, options?: CallOptions): Promise<{ readonly id: string }>
    /** Answers how it ended, also where it had ended before. Throws `task.not_found`. */
    done(task: { readonly id: string }, options?: CallOptions & { readonly note?: string }): Promise<EndedTask['state']>
    drop(task: { readonly id: string }, options?: CallOptions & { readonly note?: string }): Promise<EndedTask['state']>
    /** The open ones, those due first; at most 100. */
    list(
      options?: CallOptions & {
        readonly state?: TaskState | 'all'
        readonly overdue?: boolean
        readonly for?: Assignee
      },
    ): Promise<readonly Task[]>
    /** Until a task has ended; null when the time-out was first. */
    ended(
      task: { readonly id: string },
      options?: CallOptions & { readonly timeout?: Duration },
    ): Promise<EndedTask | null>
  }
  /**
   * What was decided before in a case like this, and how it turned out: the nearest first, at most 5. The cases of an agent,
   * or of what the operator was asked under a name (`ctx.ask` with that name). `about`: cases of the same entity first.
   */
  precedents(
    of: { readonly agent: string } | { readonly asked: string },
    input: unknown,
    options?: CallOptions & { readonly about?: { readonly id: string }; readonly limit?: number },
  ): Promise<readonly Precedent[]>
  /**
   * Somebody complained about a decision or an effect: the message that started this run. It becomes part of how that turned
   * out. Throws `complaint.unknown`.
   */
  complain(about: { readonly id: string }, reason: string, options?: CallOptions): Promise<void>
  /**
   * Working state of this run only: gone when the run has ended, or once its time to live is over, whatever the run does.
   * A run that is driven again, and asks for such a value where it got it before, is parked: read it inside the `step` that
   * uses it, or set it without a ttl. At most 64 KiB of JSON a value, 1,000 values. Never truth.
   */
  readonly scratch: {
    /** `ttl`: at most 30 days. Throws `scratch.too_large`, `scratch.too_many`, `scratch.too_long`. */
    set(key: string, value: unknown, options?: { readonly ttl?: Duration }): Promise<void>
    get(key: string): unknown
  }
  /** Working state that runs, the operator and programs share until its time is over: a chat, a sitting at the console. */
  session(key: string): Session
  /** Lets an agent choose. The cheapest tier that is sure decides; the operator is the last. */
  decide<I, O>(agent: Agent<I, O>, input: NoInfer<I>, options?: CallOptions): Promise<Decided<O>>
  /** Lets an agent make something. The same tiers as `decide`. */
  delegate<I, O>(agent: Agent<I, O>, input: NoInfer<I>, options?: CallOptions): Promise<Decided<O>>
  /** Asks the operator something that is not about an effect. Null when nobody answered and there is no `otherwise`. */
  ask<T>(question: Question<T>, options?: CallOptions): Promise<T | null>
  /** Uses an action: policy, gate, hold and retries included. Answers with a value whatever happens. */
  act<I, O>(
    action: Action<I, O>,
    input: NoInfer<I>,
    options?: CallOptions & {
      /** How long it waits, approved, before it leaves. */
      readonly hold?: Duration
      /** Not approved, or not left, by then: it is `expired`, and nothing was done. */
      readonly expires?: Duration
    },
  ): Promise<EffectResult<I, O>>
  /** Takes back what this run did, newest first. */
  compensate(): Promise<Compensation>
}

export interface WorkflowOptions<I> {
  /** The signals that start it. */
  readonly on?: SignalKind<I> | readonly SignalKind<I>[]
  /** What it takes when it is started by hand or by another workflow. */
  readonly input?: z.ZodType<I>
  /** Grows when a change would make runs that are under way do something else. Default 1. */
  readonly version?: number
  /** One run at a time for each value, first in first out. */
  readonly lane?: (input: I) => string
  /** How many runs may be under way (waiting ones included). */
  readonly limit?: number
  readonly schedule?: Schedule
}

export interface Schedule {
  /** Five or six fields. */
  readonly cron: string
  /** IANA name, such as `Europe/Vienna`. Default UTC. */
  readonly zone?: string
  /** What of the ticks that were missed while the process was down runs: none, the latest, or every one. */
  readonly catchUp?: 'none' | 'latest' | 'all'
}

/** What a scheduled run is given. */
export interface Tick {
  readonly scheduledFor: number
}

export interface Workflow<I = never, O = unknown> {
  readonly workflow: string
  readonly version: number
  readonly on: readonly SignalKind<I>[]
  readonly input: z.ZodType<I> | null
  readonly lane: ((input: I) => string) | null
  readonly limit: number | null
  readonly schedule: Schedule | null
  readonly body: (ctx: Context, input: I) => Promise<O>
}

/** Any workflow, as a registry keeps it: its input is checked by its own schema before it is started. */
export interface AnyWorkflow extends Omit<Workflow<never, unknown>, 'on' | 'input'> {
  readonly on: readonly AnySignalKind[]
  readonly input: z.ZodType | null
}

/**
 * Declares a workflow: a named, versioned async function that survives the process. Whatever it awaits must come from
 * `ctx`; anything else it does must be the same each time it is driven with the same records.
 */
export function workflow<I, O>(
  name: string,
  options: WorkflowOptions<I>,
  body: (ctx: Context, input: I) => Promise<O>,
): Workflow<I, O> {
  const { on } = options
  return {
    workflow: name,
    version: options.version ?? 1,
    on: on === undefined ? [] : Array.isArray(on) ? (on as readonly SignalKind<I>[]) : [on as SignalKind<I>],
    input: options.input ?? null,
    lane: options.lane ?? null,
    limit: options.limit ?? null,
    schedule: options.schedule ?? null,
    body,
  }
}
