import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeFirstResume } from '../../execution/restored.ts'
import { verifyLedger } from '../../governance/verify.ts'
import { errorMessage, FactotumError } from '../../lib/errors.ts'
import { milliseconds, type Duration } from '../../lib/durations.ts'
import { openStore, type EventInput, type Fence } from '../../store/index.ts'
import type { OpenCompany } from '../open.ts'
import {
  newestErasure,
  newestOf,
  SCHEDULE,
  SNAPSHOTS,
  snapshotDrilled,
  snapshotMade,
  snapshotPlanned,
  snapshotRemoved,
} from './events.ts'
import { EXTENSION } from './format.ts'
import { expired } from './retention.ts'
import { restore } from './restore.ts'
import { removeUnfinished, targetAt, type Stored } from './targets.ts'
import { ArchiveWriter } from './write.ts'

const DEFAULT_FOLDER = 'data/snapshots'
/** A snapshot that could not be made is tried again after so long. */
const RETRY_MS = 15 * 60_000

export interface Made {
  readonly name: string
  readonly to: string
  readonly events: number
  readonly bytes: number
  readonly leftOut: readonly (readonly [path: string, why: string])[]
}

export interface Listed extends Stored {
  readonly made: number
  readonly events: number
  /** Personal data was erased after it was made, so that it may still hold it. */
  readonly erasedSince: boolean
}

export interface Drilled {
  readonly name: string
  readonly events: number
  readonly passed: boolean
  readonly problem: string | null
}

/** The snapshots of one company: made, listed, thinned out, tried. */
export class Snapshots {
  readonly #company: OpenCompany
  /** What went wrong the last time that the schedule had its turn. */
  failure: string | null = null
  /** Of the one that is made now. */
  progress: { readonly done: number; readonly events: number } | null = null
  onProgress: (done: number, events: number) => void = () => {}
  #making: Promise<unknown> = Promise.resolve()
  #notBefore = 0

  constructor(company: OpenCompany) {
    this.#company = company
  }

  #target(to: string | undefined) {
    return targetAt(to ?? this.#company.company.snapshots.to ?? DEFAULT_FOLDER, this.#company.folder)
  }

  /** One after another: each reads the whole company. */
  create(options: { readonly to?: string; readonly passphrase?: string } = {}, fence?: Fence): Promise<Made> {
    const made = this.#making.then(() => this.#create(options, fence))
    this.#making = made.catch(() => {})
    return made
  }

  async #create(options: { readonly to?: string; readonly passphrase?: string }, fence?: Fence): Promise<Made> {
    const { store } = this.#company
    const target = await this.#target(options.to)
    if (!target.where.startsWith('s3://')) await removeUnfinished(target.where)
    const writer = new ArchiveWriter(this.#company, {
      ...(options.passphrase === undefined ? {} : { passphrase: options.passphrase }),
      onProgress: (done, events) => {
        this.progress = { done, events }
        this.onProgress(done, events)
      },
    })
    try {
      // The head is part of the name: a listing says how far each reaches.
      const name = nameOf(store.clock.now(), await store.engine.head(), store.companyId)
      const bytes = await target.put(name, writer.bytes())
      const { events, root, leftOut } = writer.manifest!
      await this.#commit(snapshotMade(SNAPSHOTS, { name, to: target.name, events, root, bytes }), fence)
      return { name, to: target.where, events, bytes, leftOut }
    } finally {
      this.progress = null
    }
  }

  /** Newest first. Of this company: several can keep theirs in one place. */
  async list(to?: string): Promise<{ readonly to: string; readonly snapshots: readonly Listed[] }> {
    const target = await this.#target(to)
    const erased = (await this.#company.store.first<{ seq: number }>(newestErasure()))?.seq ?? -1
    const snapshots = (await target.list()).flatMap((stored) => {
      const parsed = parseName(stored.name, this.#company.store.companyId)
      return parsed ? [{ ...stored, ...parsed, erasedSince: parsed.events <= erased }] : []
    })
    return { to: target.where, snapshots: snapshots.reverse() }
  }

  /** Those in reach that were made before the newest erasure, and so may hold what was erased. */
  async heldBeforeErasure(to?: string): Promise<readonly Listed[]> {
    return (await this.list(to)).snapshots.filter((s) => s.erasedSince)
  }

  /** Takes away those that may hold what was erased. Make a new one first: what is taken away is gone. */
  async removeErased(to?: string): Promise<readonly string[]> {
    const held = await this.heldBeforeErasure(to)
    await this.#remove(held, to, 'erasure')
    return held.map((s) => s.name)
  }

  /** Takes away what was killed while it was made or tried: it is in no list, and may hold what was erased. */
  removeKilled(): Promise<void> {
    const removed = this.#making.then(async () => {
      await removeDrills(this.#company.folder, Number.POSITIVE_INFINITY)
      if (this.#company.company.snapshots.to?.startsWith('s3://')) return
      await removeUnfinished((await this.#target(undefined)).where)
    })
    this.#making = removed.catch(() => {})
    return removed
  }

  async #remove(
    snapshots: readonly Listed[],
    to: string | undefined,
    because: 'retention' | 'erasure',
    fence?: Fence,
  ): Promise<void> {
    const target = await this.#target(to)
    for (const { name } of snapshots) {
      await target.remove(name)
      await this.#commit(snapshotRemoved(SNAPSHOTS, { name, to: target.name, because }), fence)
    }
  }

  /** Restores the newest into scratch, verifies and compares, and records how it went. Throws `snapshot.none`. */
  async drill(to?: string, fence?: Fence): Promise<Drilled> {
    const { snapshots, to: where } = await this.list(to)
    const newest = snapshots[0]
    if (!newest)
      throw new FactotumError('snapshot.none', `There is no snapshot in ${where}. Make one: factotum snapshot create`)
    const problem = await this.#try(newest.name, to)
    const passed = problem === null
    const event = snapshotDrilled(
      SNAPSHOTS,
      { name: newest.name, to: (await this.#target(to)).name, events: newest.events, passed },
      passed ? {} : { private: { problem } },
    )
    await this.#commit(event, fence)
    return { name: newest.name, events: newest.events, passed, problem }
  }

  async #try(name: string, to: string | undefined): Promise<string | null> {
    const { store, keys, folder } = this.#company
    await removeDrills(folder, Date.now() - KILLED_MS)
    const scratch = await mkdtemp(join(folder, 'data', DRILL))
    try {
      const target = await this.#target(to)
      const there = join(scratch, 'company')
      await restore({
        archive: target.get(name),
        folder: there,
        keys: { from: 'folder', folder: join(folder, 'data', 'keys') },
        now: store.clock.now(),
        asItWas: true,
      })
      const restored = await openStore({
        url: join(there, 'data', 'company.db'),
        secret: keys.secret,
        clock: store.clock,
      })
      try {
        const report = await verifyLedger(restored, keys.vkey)
        return report.ok ? null : report.problems[0]!.message
      } finally {
        await restored.close()
      }
    } catch (error) {
      return errorMessage(error)
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  }

  /** When the last drill was, and how it went. */
  async lastDrill(): Promise<{ readonly at: number; readonly passed: boolean } | null> {
    const row = await this.#newest(SNAPSHOTS, 'snapshot.drilled@1')
    return row ? { at: row.at, passed: (row.body as { passed: boolean }).passed } : null
  }

  async #newest(stream: string, kind: string): Promise<{ at: number; body: object } | undefined> {
    const row = await this.#company.store.first<{ at: number; body: string }>(newestOf(stream, kind))
    return row && { at: row.at, body: JSON.parse(row.body) as object }
  }

  async #plan(): Promise<Plan | undefined> {
    return (await this.#newest(SCHEDULE, 'snapshot.planned@1'))?.body as Plan | undefined
  }

  /** Brings the recorded schedule in line with what `company.ts` says. */
  async sync(): Promise<void> {
    const ms = (d: Duration | undefined) => (d === undefined ? null : milliseconds(d))
    const { snapshots } = this.#company.company
    const [every, drill] = [ms(snapshots.every), ms(snapshots.drill)]
    const plan = await this.#plan()
    if ((plan?.every ?? null) === every && (plan?.drill ?? null) === drill) return
    const now = this.#company.store.clock.now()
    await this.#commit(
      snapshotPlanned(SCHEDULE, {
        every,
        drill,
        nextAt: every === null ? null : now,
        drillAt: drill === null ? null : now + drill,
      }),
    )
  }

  /** Makes and tries what is due: what was missed, once. Answers a time where it could not. */
  async drive(fence: Fence): Promise<{ readonly at: number } | void> {
    const plan = await this.#plan()
    const now = this.#company.store.clock.now()
    if (!plan) return
    if (now < this.#notBefore) return { at: this.#notBefore }
    // The original keeps its own in the same place: a copy of it must not thin those out.
    if (await beforeFirstResume(this.#company.store)) return { at: now + RETRY_MS }
    try {
      let { nextAt, drillAt } = plan
      if (nextAt !== null && nextAt <= now) {
        await this.create({}, fence)
        const old = expired((await this.list()).snapshots, this.#company.company.snapshots.keep)
        await this.#remove(old, undefined, 'retention', fence)
        nextAt = after(nextAt, plan.every!, now)
      }
      if (drillAt !== null && drillAt <= now) {
        const { passed, problem } = await this.drill(undefined, fence)
        if (!passed) throw new FactotumError('snapshot.drill_failed', `The restore drill failed: ${problem ?? ''}`)
        drillAt = after(drillAt, plan.drill!, now)
      }
      this.failure = null
      if (nextAt !== plan.nextAt || drillAt !== plan.drillAt)
        await this.#commit(snapshotPlanned(SCHEDULE, { ...plan, nextAt, drillAt }), fence)
    } catch (error) {
      this.failure = errorMessage(error)
      this.#notBefore = now + RETRY_MS
      return { at: this.#notBefore }
    }
  }

  async #commit(event: EventInput, fence?: Fence): Promise<void> {
    const { store } = this.#company
    await store.commit({ key: store.newId('snp'), events: [event], ...(fence ? { fence } : {}) })
  }
}

/** A drill is a whole company with its keys: it lies where an erasure finds what is left of one that was killed. */
export const DRILL = 'drill-'
/** No drill takes as long. */
const KILLED_MS = 24 * 60 * 60_000

/** Takes away what drills have left that began before, epoch ms. One that still runs fails, and is tried again. */
async function removeDrills(company: string, before: number): Promise<void> {
  const data = join(company, 'data')
  for (const name of (await readdir(data)).filter((one) => one.startsWith(DRILL))) {
    const { mtimeMs } = await stat(join(data, name)).catch(() => ({ mtimeMs: before }))
    if (mtimeMs <= before) await rm(join(data, name), { recursive: true, force: true })
  }
}

interface Plan {
  readonly every: number | null
  readonly drill: number | null
  readonly nextAt: number | null
  readonly drillAt: number | null
}

/** The first time after now, in step with when it was due. */
function after(due: number, every: number, now: number): number {
  return due + every * (Math.floor((now - due) / every) + 1)
}

/** `2026-11-22T18-30-00.000Z-1234-<company>.factotum`: sorts by time, and says how many events it holds at least. */
function nameOf(made: number, events: number, company: string): string {
  return `${new Date(made).toISOString().replaceAll(':', '-')}-${events}-${company}${EXTENSION}`
}

/** Null for what is no snapshot of this company. */
function parseName(name: string, company: string): { made: number; events: number } | null {
  const parts = /^(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\d\.\d{3}Z)-(\d+)-(\w+)\.factotum$/.exec(name)
  if (parts?.[6] !== company) return null
  const [, day, hour, minute, second, events] = parts
  return { made: Date.parse(`${day!}${hour!}:${minute!}:${second!}`), events: Number(events) }
}
