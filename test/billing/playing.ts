import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Books } from '../../examples/studio/connectors/billing/books.ts'
import { company as declare } from '../../src/server/company.ts'
import { openCompany, type OpenCompany } from '../../src/server/open.ts'
import { operate } from '../../src/server/operations.ts'
import { sql } from '../../src/store/index.ts'
import { JumpClock, Life } from '../crash/life.ts'
import { dice, type Dice } from './dice.ts'
import { Operator, type Ask } from './operator.ts'
import { books, faults, OUTAGE, POLICY, scene, settle } from './scenes.ts'
import { World } from './world.ts'

/** Real time: what is not answered here is dropped, so that nothing comes to the service after it was looked for there. */
const ANSWER_MS = 10_000
/** A lease of the dead is over after this long, where the store cannot know that they are dead. */
const LEASE_OVER_MS = 31_000
/** So many points (a commit, a call) a process passes at most before it dies: about ten runs take half as many. */
const LONGEST_LIFE = 900
/** After so many minutes in which nothing was decided, what is put off may be what the others wait for. */
const PATIENCE = 30
const MAX_TURNS = 2_000
const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

/** Of what was due and has to wait (for a pause, its lane, its service) the lease says when; that is within a minute. */
const nextWork = sql('select min(at) as at from work where at > ?')
const someRuns = sql('select id from run order by started_seq desc limit 30')
const someEffects = sql(`select id from effect where risk <> 'read' order by proposed_seq desc limit 60`)

export interface Playing {
  readonly seed: number
  readonly runs: number
  readonly folder: string
  readonly url?: string
}

/** One company among faults and deaths, until everything that can end has ended. */
export class Play {
  readonly clock: JumpClock
  readonly world: World
  readonly operator: Operator
  readonly deaths: string[] = []
  started = 0
  readonly #how: Playing
  readonly #seed: Books
  readonly #dice: Dice
  readonly #limited: boolean
  /** So many turns it still goes on. */
  #outage = 0
  /** Turns at the end in which nothing was decided. */
  #inVain = 0

  private constructor(how: Playing, world: World, seed: Books, chance: Dice, clock: JumpClock) {
    this.#how = how
    this.#seed = seed
    this.#dice = chance
    this.clock = clock
    this.world = world
    this.#limited = chance.chance(0.5)
    this.operator = new Operator(() => world.service.books(), chance)
  }

  static async begin(how: Playing): Promise<Play> {
    const chance = dice(how.seed)
    const clock = new JumpClock()
    await mkdir(join(how.folder, 'policies'), { recursive: true })
    await writeFile(join(how.folder, 'policies', 'billing.cedar'), POLICY)
    const seed = books(chance, how.runs)
    const world = await World.start({
      folder: how.folder,
      seed,
      duplicates: chance.chance(0.5) ? 'on' : 'off',
      now: () => clock.now(),
    })
    return new Play(how, world, seed, chance, clock)
  }

  /** Goes on through every death, and ends with what `end` says of the company that survived. */
  async toItsEnd<T>(end: (company: OpenCompany) => Promise<T>): Promise<T> {
    for (;;) {
      const at = this.started < this.#how.runs ? 1 + this.#dice.below(LONGEST_LIFE) : -1
      const life = new Life(this.clock, { at, single: this.#dice.chance(0.3) })
      const lived = this.#live(life, end)
      const result = await Promise.race([lived, life.died.then(() => null)])
      await life.bury()
      await this.world.quiet()
      if (result) return result.value
      this.deaths.push(life.points.at(-1)!)
      if (this.#how.url) this.clock.jump(this.clock.now() + LEASE_OVER_MS)
    }
  }

  async #live<T>(life: Life, end: (company: OpenCompany) => Promise<T>): Promise<{ value: T }> {
    const { folder, url } = this.#how
    const errors: unknown[] = []
    const connector = this.world.connector(life, { answerMs: ANSWER_MS, limited: this.#limited })
    const company = await openCompany({
      folder,
      company: declare({ name: 'Billed', workflows: [settle], connectors: [connector] }),
      url: url ?? join(folder, 'company.db'),
      clock: life.clock,
      wrapEngine: (engine) => life.wrap(engine),
      onError: (error) => errors.push(error),
    })
    await company.loadPolicies()
    await company.start()
    const ask: Ask = <R>(name: string, args: object) => operate(company, name, args) as Promise<R>
    for (let turns = 0; await this.#turn(company, ask); turns++) {
      if (errors.length > 0) throw errors[0]
      if (turns > MAX_TURNS) throw new Error(`It does not end: ${await whatIsLeft(company)}`)
    }
    const value = await end(company)
    await company.close()
    return { value }
  }

  /** False when there is nothing left to do. */
  async #turn(company: OpenCompany, ask: Ask): Promise<boolean> {
    if (this.started >= this.#how.runs) return this.#wentOn(company, ask)
    if (this.#outage > 0) this.#outage--
    else if (this.#dice.chance(0.08)) {
      this.#outage = 4 + this.#dice.below(8)
      this.world.goesWrong(OUTAGE)
    } else this.world.goesWrong(faults(this.#dice))
    for (
      let n = this.#outage > 0 ? this.#dice.below(2) : 1 + this.#dice.below(6);
      n > 0 && this.started < this.#how.runs;
      n--
    ) {
      const input = scene(this.#dice, this.#seed)
      await ask('start', { workflow: settle.workflow, input })
      this.started++
    }
    await this.#pauses(ask, false)
    if (this.#dice.chance(0.3)) await moment(this.#dice.below(40))
    else await company.coordinator.idle()
    await this.operator.decides(ask, 0.8)
    await this.#meddles(company, ask)
    await this.#time(company)
    return true
  }

  /** Nothing new begins and the service is well again: whatever can end ends. */
  async #wentOn(company: OpenCompany, ask: Ask): Promise<boolean> {
    this.world.goesWrong([])
    await this.#pauses(ask, true)
    await company.coordinator.idle()
    if ((await this.operator.decides(ask, 1)) > 0) {
      this.#inVain = 0
      return true
    }
    const { effects } = (await ask<{ effects: Record<string, number> }>('status', {}))!
    if (!['held', 'retrying', 'dispatched'].some((state) => effects[state])) return false
    if (++this.#inVain % PATIENCE === 0) this.operator.putOff.clear()
    await this.#waits(company)
    return true
  }

  /** Pauses now and then, and lets go on. What the dead had not acknowledged may have been done: it is looked up. */
  async #pauses(ask: Ask, ends: boolean): Promise<void> {
    const paused = ((await ask<readonly unknown[]>('pauses', {})) ?? []).length > 0
    if (paused ? ends || this.#dice.chance(0.5) : !ends && this.#dice.chance(0.08))
      await ask(paused ? 'resume' : 'pause', { scope: 'billing' })
  }

  /** The operator changes their mind about something that is under way, or over. */
  async #meddles(company: OpenCompany, ask: Ask): Promise<void> {
    const dice = this.#dice
    const some = dice.chance(0.5) ? someRuns : someEffects
    const ids = await company.store.read<{ id: string }>(some())
    if (ids.length === 0) return
    if (dice.chance(0.3)) await this.operator.takesBack(ask, dice.pick(ids).id)
    if (dice.chance(0.08)) await this.operator.cancels(ask, dice.pick(ids).id)
  }

  async #time(company: OpenCompany): Promise<void> {
    const dice = this.#dice
    if (dice.chance(0.02)) return this.clock.jump(this.clock.now() + (1 + dice.below(3)) * DAY)
    if (dice.chance(0.4)) return this.clock.jump(this.clock.now() + 1 + dice.below(5 * MINUTE))
    await this.#waits(company)
  }

  /** Until the next thing is due, or what was put off is looked at again. */
  async #waits(company: OpenCompany): Promise<void> {
    const now = this.clock.now()
    const at = (await company.store.first<{ at: number | null }>(nextWork(now)))?.at ?? null
    this.clock.jump(Math.min(now + MINUTE, at === null ? now + MINUTE : Number(at)))
  }
}

/** So many turns of the event loop. */
async function moment(turns: number): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
}

const unended = sql(
  `select id, action, state, token, lane, undoes, follows, due_at from effect where state in ('held', 'retrying', 'dispatched', 'undoing', 'gated', 'uncertain')`,
)
const allWork = sql('select w.*, l.* from work w left join lease l on l.id = w.id')

async function whatIsLeft(company: OpenCompany): Promise<string> {
  const rows = [...(await company.store.read(unended())), ...(await company.store.read(allWork()))]
  const status = JSON.stringify(await operate(company, 'status', {}))
  return [`now ${company.store.clock.now()} ${status}`, ...rows.map((row) => JSON.stringify(row))].join('\n')
}
