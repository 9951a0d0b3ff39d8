import type { Company } from '../../src/server/company.ts'
import { openCompany, type OpenCompany } from '../../src/server/open.ts'
import { work, sql } from '../../src/store/index.ts'
import { JumpClock, Life, type Fate } from './life.ts'

/** Everything that goes on around a company, told so that whoever is restarted can tell it again. */
export interface Story {
  readonly folder: string
  /** `postgres://…`; default: SQLite in the folder. */
  readonly url?: string
  /** The company, connected to the world through the process that lives now. */
  readonly company: (life: Life) => Company
  /** What comes in from outside. Each thing enters once, however often it is told. */
  readonly begin: (company: OpenCompany) => Promise<void>
  /** Nobody waits until the company is idle: everything happens while it drives. For stories that have no races. */
  readonly hasty?: boolean
  /** One act of the operator's or of the world's, when the company is idle. False when there is nothing left to do. */
  readonly act: (company: OpenCompany, clock: JumpClock) => Promise<boolean>
}

export interface Ending<T> {
  readonly value: T
  /** The points that the last process passed, with what it was doing. */
  readonly points: readonly string[]
  readonly deaths: readonly string[]
}

/** What is due this soon (a retry) happens before anybody acts, so that a story goes the same way after a restart. */
const SOON_MS = 20 * 60_000
/** A lease of the dead is over after this long, where the store cannot know that they are dead. */
const LEASE_OVER_MS = 31_000
const MAX_ACTS = 400
const MAX_TURNS = 7
const SURVIVES: Fate = { at: -1, single: false }

const nextWork = sql('select min(at) as at from work where at is not null')

/** Lives a story to its end, through as many deaths as there are fates; whoever comes after the last one survives. */
export async function lives<T>(
  story: Story,
  fates: readonly Fate[],
  end: (company: OpenCompany) => Promise<T>,
): Promise<Ending<T>> {
  const clock = new JumpClock()
  const deaths: string[] = []
  for (let n = 0; ; n++) {
    const life = new Life(clock, fates[n] ?? { ...SURVIVES, single: fates[0]?.single ?? false })
    const lived = live(story, life, clock, end)
    // Whoever dies in the middle answers nothing any more; a failure that it could still report is one.
    const result = await Promise.race([lived, life.died.then(() => null)])
    await life.bury()
    if (result) return { value: result.value, points: life.points, deaths }
    deaths.push(life.points.at(-1)!)
    if (story.url) clock.jump(clock.now() + LEASE_OVER_MS)
  }
}

async function live<T>(
  story: Story,
  life: Life,
  clock: JumpClock,
  end: (company: OpenCompany) => Promise<T>,
): Promise<{ value: T }> {
  const errors: unknown[] = []
  const company = await openCompany({
    folder: story.folder,
    company: story.company(life),
    url: story.url ?? `${story.folder}/company.db`,
    clock: life.clock,
    wrapEngine: (engine) => life.wrap(engine),
    onError: (error) => errors.push(error),
  })
  await company.start()
  await story.begin(company)
  for (let acts = 0; ; acts++) {
    if (story.hasty) {
      await moment(acts % MAX_TURNS)
      if (await story.act(company, clock)) continue
    }
    await company.coordinator.idle()
    if (errors.length > 0) throw errors[0]
    if (acts > MAX_ACTS) throw new Error(`The story does not end:\n${await whereItStands(company)}`)
    const next = (await company.store.first<{ at: number | null }>(nextWork()))?.at ?? null
    const soon = next !== null && next <= clock.now() + SOON_MS
    if (!soon && (await story.act(company, clock))) continue
    if (next === null) break
    clock.jump(Math.max(next, clock.now() + 1))
  }
  const value = await end(company)
  await company.close()
  return { value }
}

/** So many turns of the event loop. */
async function moment(turns: number): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
}

const newest = sql('select seq, kind, stream, body from event order by seq desc limit 30')

async function whereItStands(company: OpenCompany): Promise<string> {
  const due = await company.store.first(work.dueNow(company.store.clock.now(), company.store.clock.now()))
  const rows = await company.store.read(newest())
  return [JSON.stringify(due), ...rows.toReversed().map((r) => Object.values(r).join(' '))].join('\n')
}
