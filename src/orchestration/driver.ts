import { errorCode, errorMessage } from '../lib/errors.ts'
import { jsonCopy, type Json } from '../lib/json.ts'
import {
  ConflictError,
  stillOpen,
  StoreError,
  waitOpened,
  waitResolved,
  work,
  type CommitResult,
  type EventInput,
  type Fence,
  type Guard,
  type Store,
} from '../store/index.ts'
import { gateClosed, gateStillOpen } from '../governance/gates.ts'
import { callHash, stepRecord, unwatched, type Begun, type Call, type Pending } from './call.ts'
import { RunError, StepError } from './errors.ts'
import { runSuspended, type RunRow } from './events.ts'
import { readArrivals, readHistory, type Completion, type History, type OpenedWait } from './history.ts'
import type { Turns } from './turns.ts'

/** A run that calls more often than this is an endless loop, or should be split into children. */
const MAX_CALLS = 10_000
/** A name is part of keys and ids, which PostgreSQL indexes up to 2,700 bytes. */
const MAX_OP_CHARS = 500
/** What the store says when this driver or this process no longer counts. Anything else it refuses is about the call. */
const LET_GO = new Set(['store.fenced', 'store.closed', 'store.broken', 'store.unreachable'])

const PLAIN_KEY = /^[\w.#-]{1,64}$/
const NONE: readonly never[] = []

export type DriveEnd =
  | { readonly end: 'returned'; readonly value: Json }
  | { readonly end: 'threw'; readonly op: string | null; readonly error: unknown }
  | { readonly end: 'mismatch'; readonly op: string; readonly message: string; readonly code?: string }
  | { readonly end: 'suspended' }
  | { readonly end: 'released'; readonly error: unknown }

/**
 * Drives one run once: replays its record, goes on live, and ends when the workflow returned, threw or only waits.
 *
 * What must stay true: completions reach the workflow in ledger order, one a turn, live and on replay. A result of
 * our own is held back while anything that was committed before it has not been read (`inbox` tells).
 */
export class Driver {
  readonly run: RunRow
  readonly store: Store
  readonly fence: Fence
  readonly #turns: Turns
  readonly #pending = new Map<string, Pending>()
  readonly #queue: Completion[] = []
  readonly #unstarted: Pending[] = []
  #history!: History
  #inbox: number
  #seen = new Set<string>()
  #working = 0
  #holds = 0
  #inTurn = true
  #live = false
  #closing = false
  #finished: { value: unknown } | { error: unknown } | null = null
  #lastOp: string | null = null
  #ended = false
  /** Until the history is read there is nobody to end: a release that comes so early waits for `drive`. */
  #end: (end: DriveEnd) => void = (end) => void (this.#early ??= end)
  #early: DriveEnd | null = null
  #reading = true
  #catching: Promise<void> | null = null
  #bellAgain = false
  /** The time and `seq` of the last thing delivered. */
  now: number
  cause: number

  /** `inbox`: how much had arrived for the run before its history is read. */
  constructor(store: Store, turns: Turns, run: RunRow, fence: Fence, inbox: number) {
    this.store = store
    this.run = run
    this.fence = fence
    this.#turns = turns
    this.#inbox = inbox
    this.now = run.started_at
    this.cause = run.started_seq
  }

  /** What a deadline is counted from: a run that lay stuck or waited for its lane starts to wait now. */
  from(): number {
    return Math.max(this.now, this.store.clock.now())
  }

  get history(): History {
    return this.#history
  }

  /** Whether what is called now is done for the first time: the record is used up. */
  get live(): boolean {
    return this.#live
  }

  /** The run cannot go on as it went before: it stops here, whatever the workflow does with the error. */
  park(op: string, code: string, message: string): void {
    this.#end({ end: 'mismatch', op, code, message })
  }

  async drive(body: () => Promise<unknown>): Promise<DriveEnd> {
    this.#history = await readHistory(this.store, this.run.id)
    this.#queue.push(...this.#history.completions.splice(0))
    if (this.#early) return this.#early
    this.#reading = false
    return new Promise((resolve) => {
      this.#end = (end) => {
        if (this.#ended) return
        this.#ended = true
        resolve(end)
      }
      Promise.resolve()
        .then(body)
        .then(
          (value) => (this.#finished = { value }),
          (error: unknown) => (this.#finished = { error }),
        )
      this.#turns.atEnd(() => this.#turnEnded())
    })
  }

  /** Something arrived for this run while it is driven. */
  bell(): void {
    // While the history is read, what arrives is in it, or is missed by the next commit: it tells the inbox.
    if (!this.#ended && !this.#reading) this.#catchUp()
  }

  /** Another driver has the run, or the process stops: nothing of this one counts any more. */
  release(error: unknown): void {
    this.#end({ end: 'released', error })
  }

  /** Makes one call of the workflow: from the record, or for the first time. */
  call<T>(call: Call<T>): Promise<T> {
    const op = call.key === undefined ? call.name : `${call.name}:${this.#plain(String(call.key))}`
    if (this.#ended || this.#finished)
      return unwatched(
        Promise.reject(
          new RunError(
            'run.context_released',
            `"${op}" was called after its run had been let go. Await every call of ctx before the workflow returns.`,
          ),
        ),
      )
    let hash: string
    try {
      hash = this.#enter(op, call)
    } catch (error) {
      return unwatched(Promise.reject(error as Error))
    }
    const recorded = this.#history.recorded.get(op)
    if (recorded !== undefined && recorded.hash !== hash) {
      this.#mismatch(op, `The record of "${op}" was made with another kind of call or other input.`)
      return new Promise(() => {})
    }
    return unwatched(
      new Promise<T>((resolve, reject) => {
        const pending: Pending = {
          op,
          call: call as Call<unknown>,
          hash,
          resolve: resolve as (value: unknown) => void,
          reject,
          cause: this.cause,
          state: 'new',
        }
        this.#pending.set(op, pending)
        if (recorded !== undefined) pending.state = 'waiting'
        else if (this.#live) void this.#begin(pending)
        else this.#unstarted.push(pending)
      }),
    )
  }

  /** Takes a call in and answers its hash. Throws what is wrong with it. */
  #enter(op: string, call: Pick<Call<unknown>, 'kind' | 'input'>): string {
    if (op.length > MAX_OP_CHARS || !op.isWellFormed() || op.includes('\0'))
      throw new RunError(
        'run.bad_name',
        `A call is named ${JSON.stringify(op.slice(0, 60))} (${op.length} characters). Names and keys are plain text of at most ${MAX_OP_CHARS} characters: hash what comes from outside.`,
      )
    if (this.#seen.has(op))
      throw new RunError(
        'run.duplicate_step',
        `"${op}" was called twice in one run. Give each call in a loop or branch its own key.`,
      )
    if (this.#seen.size >= MAX_CALLS)
      throw new RunError(
        'run.too_many_steps',
        `This run made ${MAX_CALLS} calls and "${op}" is one more. Is it an endless loop? Split long work into children.`,
      )
    this.#seen.add(op)
    const hash = callHash(op, call)
    // Under the company's secret: nobody can tell from it what a short input was once that is erased.
    return call.input === undefined ? hash : this.store.pseudonym(hash)
  }

  /** A key stands in the ledger for ever: one that could be somebody's address is kept as its HMAC. */
  #plain(key: string): string {
    return PLAIN_KEY.test(key) ? key : `~${this.store.pseudonym(key)}`
  }

  /** The waits that are open as the run ends or is left. */
  openWaits(): OpenedWait[] {
    return [...this.#history.waits.values()].filter((w) => !w.resolved)
  }

  inboxGuard(): Guard {
    return {
      check: work.inboxIs(this.run.id, this.#inbox),
      code: 'run.inbox_moved',
      message: 'Something arrived for this run.',
    }
  }

  // --- live calls ---------------------------------------------------------------------------------------------

  async #begin(pending: Pending): Promise<void> {
    pending.state = 'working'
    this.#working++
    const wait = `${this.run.id}:${this.run.generation}:${pending.op}`
    const { cause } = pending
    try {
      for (;;) {
        let begun: Begun
        try {
          const beginning = pending.call.begin({ op: pending.op, wait, cause })
          begun = beginning instanceof Promise ? await beginning : beginning
        } catch (error) {
          if (error instanceof StoreError) throw error
          begun = { done: { value: error instanceof Error ? error : new Error(String(error)) } }
        }
        if (this.#ended) return
        try {
          return await this.#record(pending, begun, wait, cause)
        } catch (error) {
          // What it read had changed when it was to be recorded: look again.
          if (error instanceof ConflictError) continue
          throw error
        }
      }
    } catch (error) {
      this.#broken(pending, error)
    } finally {
      this.#working--
      if (!this.#inTurn) this.#turns.atEnd(() => this.#quiet())
    }
  }

  /** Something that no record can be made of: the store refused, or a verb of ours is wrong. */
  #broken(pending: Pending, error: unknown): void {
    if (error instanceof StoreError && LET_GO.has(error.code)) return this.release(error)
    this.#end({ end: 'threw', op: pending.op, error })
  }

  async #record(pending: Pending, begun: Begun, wait: string, cause: number): Promise<void> {
    const { op, hash } = pending
    const extra = begun.events ?? []
    const by = { actor: `run:${this.run.id}`, cause }
    if (begun.wait) {
      const { kind, subject, deadline, otherwise } = begun.wait
      const secret = otherwise === undefined ? {} : { private: { otherwise } }
      const opened = waitOpened(this.run.id, { wait, op, hash, kind, subject, deadline }, { ...by, ...secret })
      const result = await this.#commit(`${wait}:open`, [...extra, opened], begun)
      this.#history.waits.set(op, { wait, op, kind, subject, deadline, otherwise: otherwise ?? null, resolved: false })
      pending.state = 'waiting'
      if (result.inbox !== this.#inbox) this.#catchUp()
      return
    }
    // Through the decision or the fact that the step recorded, so that "why" passes them.
    const after = extra.length > 0 ? { ...by, cause: { index: extra.length - 1 } } : by
    const event = stepRecord(this.run.id, pending, begun.done, after)
    const result = await this.#commit(wait, extra.length > 0 ? [...extra, event.input] : [event.input], begun)
    const seq = result.seq + extra.length
    this.#arrived(
      { seq, at: result.at, op, by: 'answer', refs: begun.done?.refs ?? null, ...event.completion },
      result.inbox,
    )
  }

  #commit(key: string, events: readonly EventInput[], begun: Begun): Promise<CommitResult> {
    return this.store.commit({ key, events, fence: this.fence, guards: begun.guards ?? NONE, also: begun.also ?? NONE })
  }

  // --- deliveries, in ledger order ------------------------------------------------------------------------------

  #arrived(completion: Completion, inbox: number): void {
    this.#enqueue(completion)
    if (inbox === this.#inbox) this.#deliver()
    else this.#catchUp()
  }

  #enqueue(completion: Completion): void {
    let at = this.#queue.length
    while (at > 0 && this.#queue[at - 1]!.seq > completion.seq) at--
    this.#queue.splice(at, 0, completion)
  }

  /** Reads what others committed for this run. Deliveries are held back until it is known. */
  #catchUp(): void {
    if (this.#catching) {
      this.#bellAgain = true
      return
    }
    this.#holds++
    this.#catching = this.#readNew()
      .catch((error: unknown) => this.release(error))
      .then(() => {
        this.#catching = null
        this.#holds--
        if (this.#bellAgain) {
          this.#bellAgain = false
          return this.#catchUp()
        }
        this.#deliver()
        if (!this.#inTurn) this.#turns.atEnd(() => this.#quiet())
      })
  }

  async #readNew(): Promise<void> {
    // In this order: an arrival between the two reads is seen again, never missed.
    const inbox = await this.#readInbox()
    for (const arrival of await readArrivals(this.store, this.run.id, this.#history)) this.#enqueue(arrival)
    this.#inbox = inbox
  }

  async #readInbox(): Promise<number> {
    return (await this.store.first<{ inbox: number }>(work.kindOf(this.run.id)))?.inbox ?? -1
  }

  #deliver(): void {
    if (this.#inTurn || this.#holds > 0 || this.#closing || this.#ended || this.#finished) return
    const next = this.#queue.shift()
    if (!next) return
    const pending = this.#pending.get(next.op)
    if (!pending) {
      return this.#mismatch(
        next.op,
        `"${next.op}" is on the record at this point, and the workflow no longer asks for it.`,
      )
    }
    this.#inTurn = true
    this.now = next.at
    this.cause = next.seq
    this.#lastOp = next.op
    this.#pending.delete(next.op)
    if (!next.ok) {
      pending.reject(new StepError(next.op, next.code, typeof next.value === 'string' ? next.value : ''))
    } else if (pending.call.read) {
      return this.#deliverRead(pending, next, pending.call.read)
    } else {
      pending.resolve(next.value)
    }
    this.#turns.atEnd(() => this.#turnEnded())
  }

  #deliverRead(pending: Pending, completion: Completion, read: (c: Completion) => unknown): void {
    const end = () => this.#turns.atEnd(() => this.#turnEnded())
    const fail = (error: unknown) => {
      if (error instanceof StoreError) return this.release(error)
      pending.reject(new StepError(pending.op, errorCode(error), errorMessage(error)))
      end()
    }
    const give = (value: unknown) => {
      pending.resolve(value)
      end()
    }
    try {
      const value = read(completion)
      if (value instanceof Promise) value.then(give, fail)
      else give(value)
    } catch (error) {
      fail(error)
    }
  }

  #turnEnded(): void {
    this.#inTurn = false
    this.#quiet()
  }

  // --- ends -----------------------------------------------------------------------------------------------------

  /** The workflow has gone as far as it can. Is it over, at work, waiting, or lost? */
  #quiet(): void {
    if (this.#ended || this.#inTurn || this.#holds > 0) return
    if (!this.#finished && this.#queue.length > 0) return this.#deliver()
    if (!this.#live) this.#goLive()
    if (this.#working > 0 || this.#closing) return
    // A call that nobody awaited was recorded all the same before the run ends.
    if (this.#finished) return this.#finish(this.#finished)
    if (this.#pending.size === 0) {
      const error = new RunError(
        'run.foreign_await',
        `The workflow waits for something that is not a call of ctx${this.#lastOp ? ` (after "${this.#lastOp}")` : ''}. Put it into ctx.step, so that its result is recorded.`,
      )
      return this.#end({ end: 'threw', op: null, error })
    }
    this.#closing = true
    void this.#suspend().then(
      (done) => {
        this.#closing = false
        if (done) this.#end({ end: 'suspended' })
        else this.#turns.atEnd(() => this.#quiet())
      },
      (error: unknown) => this.release(error),
    )
  }

  /** The record is used up: what was called and has none begins now. */
  #goLive(): void {
    const left = this.#finished && this.#queue.find((c) => !this.#pending.has(c.op))
    if (left)
      return this.#mismatch(left.op, `"${left.op}" is on the record, and the workflow ended without asking for it.`)
    this.#live = true
    for (const pending of this.#unstarted.splice(0)) void this.#begin(pending)
  }

  #finish(finished: { value: unknown } | { error: unknown }): void {
    // What is thrown between calls is no step's fault: the calls before it succeeded and keep their records.
    if ('error' in finished)
      return this.#end({
        end: 'threw',
        op: finished.error instanceof StepError ? finished.error.step : null,
        error: finished.error,
      })
    try {
      this.#end({ end: 'returned', value: jsonCopy(finished.value, 'The result of the workflow') })
    } catch (error) {
      this.#end({ end: 'threw', op: null, error })
    }
  }

  /** Lets the run go until something comes. True when it is recorded; false when something came in the meantime. */
  async #suspend(): Promise<boolean> {
    const open = this.openWaits()
    const now = this.store.clock.now()
    const timed = open
      .filter((w): w is OpenedWait & { deadline: number } => w.deadline !== null)
      .sort((a, b) => a.deadline - b.deadline)
    const due = timed.filter((w) => w.deadline <= now)
    if (due.length > 0) {
      // In the order in which they came due, also when the process was down meanwhile: a race keeps its winner.
      await Promise.all(due.map((w) => this.#timeOut(w)))
      this.#catchUp()
      return false
    }
    const wakeAt = timed[0]?.deadline ?? null
    try {
      await this.store.commit({
        // Not the epoch: a restored company counts leases from the start again, and the fence sees to it that this is done once.
        key: `${this.run.id}:suspend:${this.store.newId('key')}`,
        events: [runSuspended(this.run.id, { on: open.map((w) => w.op), wakeAt }, { cause: this.cause })],
        guards: [this.inboxGuard()],
        fence: this.fence,
        also: [work.revokeLease(this.run.id)],
      })
      return true
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error
      this.#catchUp()
      return false
    }
  }

  /** The first commit wins: an answer that was quicker refuses this one. */
  async #timeOut(wait: OpenedWait): Promise<void> {
    try {
      const gate = wait.kind === 'gate' && wait.subject !== null ? wait.subject : null
      const resolved = waitResolved(
        this.run.id,
        { wait: wait.wait, op: wait.op, by: 'timeout', subject: wait.subject },
        { private: { value: wait.otherwise }, cause: this.cause },
      )
      await this.store.commit({
        key: `${wait.wait}:timeout`,
        events:
          gate === null
            ? [resolved]
            : [resolved, gateClosed(gate, { because: 'nobody answered in time' }, { cause: { index: 0 } })],
        guards: gate === null ? [stillOpen(wait.wait)] : [stillOpen(wait.wait), gateStillOpen(gate)],
        fence: this.fence,
      })
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error
    }
  }

  #mismatch(op: string, message: string): void {
    this.#end({ end: 'mismatch', op, message })
  }
}
