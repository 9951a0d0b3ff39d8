import { blob, readBlob } from '../../context/blobs.ts'
import { partiesOfSignal } from '../../context/conversations.ts'
import {
  nothingKept,
  oldestKept,
  signalById,
  signalIs,
  signalRouted,
  type SignalKind,
  type SignalRow,
  type Word,
} from '../../context/signals.ts'
import { milliseconds, type Duration } from '../../lib/durations.ts'
import { jsonCopy, MAX_JSON_BYTES, type Json } from '../../lib/json.ts'
import { sql, type Bound, type Guard, type Store } from '../../store/index.ts'
import type { Begun } from '../call.ts'
import type { Driver } from '../driver.ts'
import { runCancelled, runStill, type RunRow } from '../events.ts'
import { RunError } from '../errors.ts'
import type { Completion } from '../history.ts'
import { checkRunInput, start } from '../starting.ts'
import type { AnyWorkflow, CallOptions } from '../workflow.ts'
import { hear, wordOf, type Services } from './services.ts'

type StepOptions = { readonly key?: string | number; readonly input?: unknown }
type WaitOptions = CallOptions & { readonly match: string; readonly timeout?: Duration }

/** `step`: runs work of the author's once. Bytes in its result become blobs and come back as bytes. */
export function step(
  { driver, store }: Services,
  name: string,
  work: () => unknown,
  options?: StepOptions,
): Promise<unknown> {
  return driver.call({
    kind: 'step',
    name,
    key: options?.key,
    input: options?.input,
    begin: () => {
      const result = work()
      return isThenable(result)
        ? Promise.resolve(result).then((value) => stepDone(name, value))
        : stepDone(name, result)
    },
    read: (completion) => (completion.refs === 'blobs' ? joinBlobs(store, completion.value) : completion.value),
  })
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function'
}

function stepDone(name: string, value: unknown): Begun {
  const blobs: Bound[] = []
  const split = jsonCopy(value, `The result of "${name}"`, MAX_JSON_BYTES, (bytes) => {
    const { hash, write } = blob(bytes)
    blobs.push(write)
    return { $blob: hash }
  })
  if (blobs.length === 0) return { done: { value: split, copied: true } }
  return { done: { value: split, copied: true, refs: 'blobs' }, also: blobs }
}

async function joinBlobs(store: Store, value: Json): Promise<unknown> {
  if (value === null || typeof value !== 'object') return value
  if ('$blob' in value && typeof value.$blob === 'string') return (await readBlob(store, value.$blob)) ?? null
  if (Array.isArray(value)) return Promise.all((value as Json[]).map((item) => joinBlobs(store, item)))
  const entries = await Promise.all(
    Object.entries(value).map(async ([key, item]) => [key, await joinBlobs(store, item as Json)] as const),
  )
  return Object.fromEntries(entries)
}

export function sleep({ driver }: Services, duration: Duration, options?: CallOptions): Promise<void> {
  const ms = milliseconds(duration)
  return driver.call<void>({
    kind: 'sleep',
    name: options?.name ?? 'sleep',
    key: options?.key,
    input: ms,
    begin: () => ({ wait: { kind: 'timer', subject: null, deadline: driver.from() + ms } }),
    read: () => undefined,
  })
}

/** What an open wait for a signal is found by. */
export function signalSubject(kind: string, match: string): string {
  return `${kind}|${match}`
}

export function waitFor<P>(services: Services, kind: SignalKind<P>, options: WaitOptions): Promise<P | null> {
  const { driver, store } = services
  const match = store.pseudonym(options.match)
  const timeout = options.timeout === undefined ? null : milliseconds(options.timeout)
  return driver.call<P | null>({
    kind: 'waitFor',
    name: options.name ?? kind.signal,
    key: options.key,
    input: [kind.signal, match, timeout],
    begin: async ({ cause }): Promise<Begun> => {
      const early = await store.first<SignalRow>(oldestKept(kind.signal, match))
      if (early) return takeEarly(driver, early, cause)
      const behind =
        driver.run.lane === null ? undefined : await store.first<Behind>(behindUs(driver.run.lane, kind.signal, match))
      if (behind) return takeOver(driver, behind, cause)
      const deadline = timeout === null ? null : driver.from() + timeout
      return {
        wait: { kind: 'signal', subject: signalSubject(kind.signal, match), deadline },
        guards: [nothingKept(kind.signal, match), nobodyBehind(driver.run.lane, kind.signal, match)],
      }
    },
    read: async (completion) => (completion.by === 'timeout' ? null : ((await payloadOf(services, completion)) as P)),
  })
}

function takeEarly(driver: Driver, early: Pick<SignalRow, 'id' | 'state'>, cause: number): Begun {
  const taken = signalRouted(early.id, { state: 'delivered', runs: [driver.run.id] }, { cause })
  return { done: { value: { signal: early.id } }, events: [taken], guards: [signalIs(early.id, early.state)] }
}

type Behind = RunRow & { readonly signal: string }

const BEHIND = `from run r join signal s on s.id = r.signal
  where r.lane = ? and r.ended_at is null and r.state = 'queued' and s.kind = ? and s.match = ?`
const behindUs = sql(`select r.* ${BEHIND} order by r.started_seq limit 1`)
const noneBehind = sql(`select 1 as ok where not exists (select 1 ${BEHIND})`)

/**
 * What we wait for has come already, and started a run that waits behind us in our lane: neither would ever go on. We
 * take its signal, and it ends before it began.
 */
function takeOver(driver: Driver, behind: Behind, cause: number): Begun {
  const { done, events = [], guards = [] } = takeEarly(driver, { id: behind.signal, state: 'routed' }, cause)
  const ended = runCancelled(
    behind.id,
    {},
    { private: { reason: `run ${driver.run.id} waited for its signal` }, cause },
  )
  return { ...(done ? { done } : {}), events: [ended, ...events], guards: [...guards, runStill(behind)] }
}

function nobodyBehind(lane: string | null, kind: string, match: string): Guard {
  return { check: noneBehind(lane, kind, match), code: 'signal.kept', message: 'Such a signal came already.' }
}

async function payloadOf(services: Services, completion: Completion): Promise<unknown> {
  const { store } = services
  const id = (completion.value as { signal?: string } | null)?.signal
  const row = id === undefined ? undefined : await store.first<SignalRow>(signalById(id))
  if (row) {
    hear(services, { trust: row.trust, parties: await partiesOfSignal(store, row.id) })
    if (!services.seen.signals.includes(row.id)) services.seen.signals.push(row.id)
  }
  return row?.payload == null ? null : (JSON.parse(row.payload) as unknown)
}

export function child(
  services: Services,
  workflow: AnyWorkflow,
  input: unknown,
  options?: CallOptions,
): Promise<unknown> {
  const { driver, store } = services
  const word = wordOf(services)
  const checked = checkRunInput(workflow, jsonCopy(input, `The input of "${workflow.workflow}"`))
  return driver.call({
    kind: 'child',
    name: options?.name ?? workflow.workflow,
    key: options?.key,
    input: [workflow.workflow, checked],
    begin: ({ wait, cause }) => {
      const started = start(store, {
        workflow,
        input: checked,
        ...word,
        parent: { run: driver.run.id, wait },
        actor: `run:${driver.run.id}`,
        cause,
      })
      return { wait: { kind: 'child', subject: started.id, deadline: null }, events: [started.event] }
    },
    read: (completion) => {
      // A record from before trust was kept says nothing: it may rest on anything.
      const ended = completion.value as { state: string; result: Json } & Partial<Word>
      hear(services, { ...ended, trust: ended.trust ?? 'outsider' })
      if (ended.state === 'done') return ended.result
      throw new RunError('run.child_ended', `The child run "${workflow.workflow}" was ${ended.state}.`)
    },
  })
}

/** A seeded sequence (mulberry32), so that a run draws the same numbers whenever it is driven. */
export function seededRandom(seed: string): () => number {
  let state = 2_166_136_261
  for (let i = 0; i < seed.length; i++) state = Math.imul(state ^ seed.charCodeAt(i), 16_777_619)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
