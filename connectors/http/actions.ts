import { setTimeout as delay } from 'node:timers/promises'
import type { z } from 'zod'
import { action, ActionError, type Action, type ActionContext, type Json, type Money } from '../../src/connector.ts'
import { callService, misunderstood, urlOf, type HttpConnection, type Request, type Response } from './call.ts'

/** What an author's functions are given beside the input. */
export interface Given {
  /** The effect's idempotency key: the same for every try. */
  readonly key: string
}

/** How to look for what an earlier try did. */
export interface Find<I, O> {
  /** A GET. */
  readonly request: (input: I, given: Given) => Request
  /** What is there, as the output of the action; null where it is not. Called for 2xx, 404 and 410. */
  readonly found: (response: Response, given: Given) => O | null
  /**
   * What is not found so many milliseconds after the call ended was certainly not done, and never will be: longer than
   * the service works on one request, for it may go on when nobody hears its answer. Default: nobody knows.
   */
  readonly absentAfterMs?: number
}

export interface Undo<I, O> {
  readonly request: (input: I, output: O, given: Given) => Request
  /** A GET that tells whether it was taken back; `undone` is called for 2xx, 404 and 410. */
  readonly find?: {
    readonly request: (input: I, output: O, given: Given) => Request
    readonly undone: (response: Response, given: Given) => boolean
  }
}

/** What reads and writes have in common. */
interface Shared<I, O> {
  readonly version?: number
  readonly input: z.ZodType<I>
  /** What the service answers, checked: a body that does not fit is one that nobody understands. */
  readonly output: z.ZodType<O>
  /** One sentence for the operator. */
  readonly title: (input: I) => string
  readonly request: (input: I, given: Given) => Request
  /** Picks the output out of the body. Default: the body. */
  readonly pick?: (body: Json) => unknown
  readonly cost?: (input: I) => Money
}

export interface Read<I, O> extends Shared<I, O> {
  readonly risk: 'read'
}

export interface Write<I, O> extends Shared<I, O> {
  readonly risk: 'reversible' | 'compensable' | 'irreversible'
  /** The service does nothing twice that comes with the same key. */
  readonly honoursKey?: boolean
  readonly find?: Find<I, O>
  readonly undo?: Undo<I, O>
  /** A GET whose answer an approval rests on: where it has changed, the operator is asked again. */
  readonly observe?: (input: I) => Request
  /** Effects of one lane leave one at a time, in the order in which they were proposed. */
  readonly lane?: (input: I) => string
  /** How long an approved effect waits before it leaves, in milliseconds. */
  readonly hold?: number
}

/** Any call, as a service lists it. */
export type AnyCall = Omit<Write<never, never>, 'risk' | 'input' | 'output' | 'find'> & {
  readonly risk: Read<never, never>['risk'] | Write<never, never>['risk']
  readonly input: z.ZodType
  readonly output: z.ZodType
  readonly find?: Omit<Find<never, never>, 'found'> & {
    readonly found: (response: Response, given: Given) => unknown
  }
}

export interface ServiceOf {
  readonly base: URL
  readonly keyHeader: string
  readonly answerMs: number
}

/** Longer than the service may take, so that a call ends with its own finding. */
const GRACE_MS = 5_000

/** Makes an action of a call. What the types of `call` promised, its schemas check. */
export function actionOf(name: string, call: AnyCall, service: ServiceOf): Action<unknown, unknown> {
  const c = call as unknown as Write<unknown, unknown>
  const read = call.risk === 'read'
  const { undo, find, observe } = c
  const honours = c.honoursKey ?? false
  const send = (request: Request, ctx: ActionContext, how: { readonly read: boolean; readonly accept?: number[] }) => {
    if (how.read && (request.method ?? 'GET') !== 'GET')
      throw new ActionError(
        'domain',
        'http.not_a_read',
        `${name} looks with ${request.method}. Use a GET, or http.write.`,
      )
    return callService(request, {
      connection: ctx.connection as HttpConnection,
      signal: ctx.signal,
      key: how.read ? null : [service.keyHeader, ctx.key],
      read: how.read,
      repeated: honours && ctx.token > 1,
      accept: how.accept ?? [],
    })
  }
  const look = (request: Request, ctx: ActionContext) => send(request, ctx, { read: true, accept: [404, 410] })

  return action<unknown, unknown>(name, {
    ...(c.version === undefined ? {} : { version: c.version }),
    risk: call.risk,
    input: c.input,
    output: c.output,
    title: c.title,
    idempotent: read || honours,
    // A search may look twice.
    timeout: 2 * service.answerMs + (find?.absentAfterMs ?? 0) + GRACE_MS,
    absentAfter: 0,
    ...(c.hold === undefined ? {} : { hold: c.hold }),
    ...(c.cost ? { cost: c.cost } : {}),
    ...(c.lane ? { lane: c.lane } : {}),
    preview: (input) => previewOf(c.request(input, { key: '(the effect’s key)' }), service.base),
    run: async (input, ctx) => {
      const { body } = await send(c.request(input, ctx), ctx, { read })
      const output = c.output.safeParse(c.pick ? pickFrom(c.pick, body) : body)
      if (output.success) return output.data
      const where = output.error.issues[0]?.path.join('.') || 'the top'
      throw misunderstood(name, read, `what its output schema does not take, at ${where}`)
    },
    ...(undo
      ? {
          undo: async (input, output, ctx) => {
            const request = undo.request(input, output, ctx)
            // What is not there any more does not need to be deleted.
            await send(request, ctx, { read: false, accept: request.method === 'DELETE' ? [404, 410] : [] })
          },
        }
      : {}),
    ...(undo?.find
      ? {
          reconcileUndo: async (input, output, ctx) => {
            const answer = await look(undo.find!.request(input, output, ctx), ctx)
            return undo.find!.undone(answer, ctx) ? { found: 'yes', output: null } : { found: 'unknown' }
          },
        }
      : {}),
    ...(find
      ? {
          reconcile: async (input, ctx) => {
            const found = async () => find.found(await look(find.request(input, ctx), ctx), ctx)
            let output = await found()
            if (output === null && find.absentAfterMs !== undefined) {
              await delay(find.absentAfterMs, undefined, { signal: ctx.signal, ref: false })
              output = await found()
            }
            if (output !== null) return { found: 'yes', output: c.output.parse(output) }
            return { found: find.absentAfterMs === undefined ? 'unknown' : 'no' }
          },
        }
      : {}),
    ...(observe ? { observe: async (input, ctx) => ({ ...(await look(observe(input), ctx)) }) } : {}),
  })
}

/** An author's function that does not find what it looks for: the body is not what it was written for. */
function pickFrom(pick: (body: Json) => unknown, body: Json): unknown {
  try {
    return pick(body)
  } catch {
    return undefined
  }
}

function previewOf(request: Request, base: URL): Json {
  const url = urlOf(base, request).href
  return { method: request.method ?? 'GET', url, ...(request.body === undefined ? {} : { body: request.body }) }
}
