import { conflict, duplicateOutcome } from './commit.ts'
import type { Built, Guard, Member, Outcome } from './engine.ts'
import { ConflictError } from './errors.ts'
import type { EventRow } from './events.ts'
import { binaryArray, isPassing, StepError, type Link, type Prepared, type Row, type Step } from './postgres-link.ts'
import { numbered, type Statement, type Value } from './sql.ts'
import { checkFence } from './work.ts'

const step = (name: string, text: string): Step => ({ prepared: { name, text }, values: [] })
export const BEGIN = step('begin', 'begin')
export const COMMIT = step('commit', 'commit')
export const ROLLBACK = step('rollback', 'rollback')
const SAVEPOINT = step('savepoint', 'savepoint proven')
const RELEASE = step('release', 'release proven')
const BACK = step('back', 'rollback to proven')
/** Every transaction that writes takes this row first, so they happen one after another, across processes. */
export const LOCK_HEAD: Step = {
  ...step('lock_head', 'select next from ledger_head where id = 1 for update'),
  rows: true,
}

/** Statements that must match a row divide by zero when they do not: the error ends the batch where it stands. */
const must = (name: string, query: string, columns = ''): Prepared => ({
  name,
  text: `select 1 / count(*) as ok${columns} from (${query}) as found`,
})
const ADVANCE_IF = {
  name: 'advance_if',
  text: `with moved as (update ledger_head set next = $1::bigint where id = 1 and next = $2::bigint returning 1)
    select 1 / count(*) as ok from moved`,
}
const ADVANCE = { name: 'advance', text: 'update ledger_head set next = $1 where id = 1' }
const NEW_KEYS = must(
  'new_keys',
  'select 1 where not exists (select 1 from event where key = any($1::text[]) and key is not null)',
)
/** The recorded events of each commit whose key is there, and the one after them. */
const RECORDED = {
  name: 'recorded',
  text: `select f.key as found, e.seq, e.key, e.kind, e.body from unnest($1::text[], $2::bigint[]) as k (key, n)
    join event f on f.key = k.key and f.key is not null join event e on e.seq >= f.seq and e.seq <= f.seq + k.n order by e.seq`,
}
const LEAF_AT = { name: 'leaf_at', text: 'select leaf from event where seq = $1' }
const COLUMNS = {
  seq: 'int8',
  key: 'text',
  kind: 'text',
  stream: 'text',
  actor: 'text',
  cause: 'int8',
  at: 'int8',
  body: 'text',
  private: 'text',
  salt: 'bytea',
  private_hash: 'text',
  leaf: 'bytea',
} as const satisfies Record<keyof EventRow, 'int8' | 'text' | 'bytea'>
const columns = Object.entries(COLUMNS) as [keyof EventRow, 'int8' | 'text' | 'bytea'][]
const INSERT_EVENTS = {
  name: 'insert_events',
  text: `insert into event (${columns.map(([name]) => name).join(', ')})
    select * from unnest(${columns.map(([, type], i) => `$${i + 1}::${type}[]`).join(', ')})`,
}

const plain: (Prepared | undefined)[] = []
const guards: (Prepared | undefined)[] = []

/** PostgreSQL's form of a statement, under a name that is the same on every connection of this process. */
export function statementOf({ id, text }: Statement): Prepared {
  return (plain[id] ??= { name: `s${id}`, text: numbered(text) })
}

function guardOf({ id, text }: Statement): Prepared {
  return (guards[id] ??= must(`g${id}`, `select 1 from (${numbered(text)}) as g limit 1`))
}

const DIVISION_BY_ZERO = '22012'
const FENCE = must('fence', numbered(checkFence().statement.text), ', max(inbox) as inbox')

/** What was sent with a COMMIT. If the answer is lost, `proof` tells whether it happened: no other commit has its leaf. */
export interface Attempt {
  readonly outcomes: Outcome[]
  readonly proof: EventRow | null
}

/** What a process remembers from one group to the next. */
export interface Ledger {
  /** Where the ledger ended after this process's last group; -1 at first and after an error. */
  readonly head: number
  /** Nobody else moved the head between the last two groups, and nothing was refused in the last. */
  readonly alone: boolean
}

export interface Done extends Ledger {
  readonly outcomes: Outcome[]
}

/** Called with what could happen before a COMMIT is sent, and with null when it surely did not. */
export type Sending = (attempt: Attempt | null) => void

type Success = { ok: true; seq: number; duplicate: boolean; inbox: number; built: Built }
type Tried = readonly [index: number, built: Built, outcome: Success]

/** One batch: statements, and for each the member it belongs to. */
class Plan {
  readonly steps: Step[] = []
  readonly #owners: number[] = []
  readonly #checks = new Map<number, 'fence' | Guard>()
  readonly #fences: (readonly [at: number, outcome: Success])[] = []
  #rows: EventRow[] = []

  add(step: Step): number {
    this.#owners.push(-1)
    return this.steps.push(step) - 1
  }

  run(prepared: Prepared, ...values: Value[]): number {
    return this.add({ prepared, values })
  }

  /** Checks before writes, after everything of the members before it. */
  member(index: number, member: Member, built: Built, outcome: Success): void {
    const own = (prepared: Prepared, values: readonly Value[], rows = false): void => {
      this.#owners.push(index)
      this.steps.push({ prepared, values, rows })
    }
    if (member.fence) {
      this.#checks.set(this.steps.length, 'fence')
      this.#fences.push([this.steps.length, outcome])
      own(FENCE, [member.fence.id, member.fence.epoch], true)
    }
    for (const guard of member.guards) {
      this.#checks.set(this.steps.length, guard)
      own(guardOf(guard.check.statement), guard.check.values)
    }
    for (const write of built.writes) own(statementOf(write.statement), write.values)
    for (const write of member.also) own(statementOf(write.statement), write.values)
    for (const row of built.rows) this.#rows.push(row)
  }

  /** The events of the members so far, in one statement; -1 when there are none. */
  insertEvents(): number {
    const rows = this.#rows
    if (rows.length === 0) return -1
    this.#rows = []
    return this.run(
      INSERT_EVENTS,
      ...columns.map(([name, type]) =>
        binaryArray(
          type,
          rows.map((row) => row[name]),
        ),
      ),
    )
  }

  /** Tells the fenced members whose checks ran their inbox versions. */
  settle(got: ReadonlyMap<number, Row[]>): void {
    for (const [at, outcome] of this.#fences) outcome.inbox = Number(got.get(at)?.[0]?.inbox ?? outcome.inbox)
  }

  ownerOf(error: StepError): number {
    return this.#owners[error.index] ?? -1
  }

  refusal(error: StepError, member: Member): Outcome {
    const check = this.#checks.get(error.index)
    if (check === undefined || error.cause.code !== DIVISION_BY_ZERO) return { ok: false, error: error.cause }
    return conflict(member, check, (code, message) => new ConflictError(code, message))
  }
}

/**
 * Runs a group in one transaction. While this process is alone and nothing is refused, that is one round trip: all
 * statements with their checks and the COMMIT. Otherwise it asks first and finds out who is refused, holding the lock.
 */
export async function runGroup(
  link: Link,
  members: readonly Member[],
  ledger: Ledger,
  bell: Step,
  sending: Sending,
): Promise<Done> {
  const done = ledger.alone ? await runAtOnce(link, members, ledger.head, bell, sending) : null
  return done ?? new Trials(link, members, bell, sending).run(ledger.head)
}

/** All or nothing. Null when something did not hold; nothing has happened then. */
async function runAtOnce(
  link: Link,
  members: readonly Member[],
  head: number,
  bell: Step,
  sending: Sending,
): Promise<Done | null> {
  const keys = new Set(members.map((m) => m.key))
  if (keys.size < members.length) return null
  const plan = new Plan()
  const next = members.reduce((n, m) => n + m.content.length, head)
  plan.add(BEGIN)
  plan.run(ADVANCE_IF, next, head)
  plan.run(NEW_KEYS, binaryArray('text', [...keys]))
  const outcomes: Success[] = []
  let seq = head
  for (const [i, member] of members.entries()) {
    const built = tryBuild(member, seq)
    if (built instanceof Error) return null
    outcomes.push(success(seq, built))
    plan.member(i, member, built, outcomes[i]!)
    seq += built.rows.length
  }
  plan.insertEvents()
  plan.add(bell)
  plan.add(COMMIT)
  sending({ outcomes, proof: outcomes[0]!.built.rows[0] ?? null })
  try {
    plan.settle(await link.send(plan.steps))
    return { outcomes, head: next, alone: true }
  } catch (error) {
    if (!(error instanceof StepError)) throw error
    sending(null)
    await link.send([ROLLBACK])
    return null
  }
}

/**
 * Locks, looks the keys up, then runs members on trial behind a savepoint. When one is refused the trial is undone;
 * those before it are known to be good and run again in front of the savepoint, and the trial goes on behind it with
 * half as many. So nobody is run more than a few times, and the state that each is judged by is that of the members
 * before it. A savepoint for each member would cost a third of the rate.
 */
class Trials {
  readonly #link: Link
  readonly #members: readonly Member[]
  readonly #bell: Step
  readonly #sending: Sending
  readonly #outcomes: Outcome[] = []
  readonly #recorded = new Map<string, Recorded[]>()
  /** Good, but undone with the trial in which they ran. */
  #proven: readonly Tried[] = []
  #undo = false
  #first = true
  #limit: number
  #at = 0
  #seq = 0
  #refused = false

  constructor(link: Link, members: readonly Member[], bell: Step, sending: Sending) {
    this.#link = link
    this.#members = members
    this.#bell = bell
    this.#sending = sending
    this.#limit = members.length
  }

  async run(expected: number): Promise<Done> {
    const head = await this.#lock()
    this.#seq = head
    while (!(await this.#trial(head)));
    return { outcomes: this.#outcomes, head: this.#seq, alone: head === expected && !this.#refused }
  }

  async #lock(): Promise<number> {
    const lengths = new Map<string, number>()
    for (const { key, content } of this.#members) lengths.set(key, Math.max(lengths.get(key) ?? 0, content.length))
    const values = [binaryArray('text', [...lengths.keys()]), binaryArray('int8', [...lengths.values()])]
    const got = await this.#link.send([BEGIN, LOCK_HEAD, { prepared: RECORDED, values, rows: true }])
    for (const row of (got.get(2) ?? []) as unknown as Recorded[]) {
      const list = this.#recorded.get(row.found)
      if (list) list.push(row)
      else this.#recorded.set(row.found, [row])
    }
    return Number(got.get(1)![0]!.next)
  }

  /** True once all is committed. */
  async #trial(head: number): Promise<boolean> {
    const plan = new Plan()
    const from = this.#prepare(plan)
    const start = this.#seq
    const [tried, end] = this.#try(plan)
    const insert = plan.insertEvents()
    const last = end === this.#members.length
    if (last) {
      if (this.#seq > head) {
        plan.run(ADVANCE, this.#seq)
        plan.add(this.#bell)
      }
      plan.add(COMMIT)
      const proof = this.#outcomes.find((o) => o.ok && o.built)
      this.#sending({ outcomes: this.#outcomes, proof: (proof?.ok && proof.built?.rows[0]) || null })
    }
    try {
      plan.settle(await this.#link.send(plan.steps))
    } catch (error) {
      if (!(error instanceof StepError)) throw error
      this.#sending(null)
      if (error.index < from || isPassing(error.cause)) throw error
      plan.settle(error.rows)
      this.#refuse(plan, error, tried, error.index === insert, start)
      return false
    }
    this.#keep(this.#proven)
    this.#keep(tried)
    this.#undo = false
    this.#proven = []
    this.#at = end
    this.#limit = Math.min(this.#members.length, this.#limit * 2)
    return last
  }

  /** They stand in front of the savepoint now: nothing but the end of the transaction undoes them. */
  #keep(members: readonly Tried[]): void {
    for (const [, { rows }] of members) {
      const key = rows[0]!.key!
      this.#recorded.set(
        key,
        rows.map((row) => ({ ...row, found: key })),
      )
    }
  }

  /** Goes back to the savepoint, runs the proven again, moves the savepoint behind them. Returns where the trial starts. */
  #prepare(plan: Plan): number {
    if (this.#undo) plan.add(BACK)
    for (const [i, built, outcome] of this.#proven) plan.member(i, this.#members[i]!, built, outcome)
    plan.insertEvents()
    if (!this.#first) plan.add(RELEASE)
    this.#first = false
    return plan.add(SAVEPOINT) + 1
  }

  #try(plan: Plan): [tried: Tried[], end: number] {
    const tried: Tried[] = []
    const keys = new Set(this.#proven.map(([i]) => this.#members[i]!.key))
    let i = this.#at
    for (; i < this.#members.length && tried.length < this.#limit; i++) {
      const member = this.#members[i]!
      if (keys.has(member.key)) break // whether it is a duplicate depends on this batch
      const recorded = this.#recorded.get(member.key)
      const built = recorded ? null : tryBuild(member, this.#seq)
      if (!built || built instanceof Error) {
        this.#outcomes[i] = built ? { ok: false, error: built } : duplicateOutcome(member, recorded!)
        this.#refused = true
        continue
      }
      const outcome = success(this.#seq, built)
      this.#outcomes[i] = outcome
      plan.member(i, member, built, outcome)
      tried.push([i, built, outcome])
      keys.add(member.key)
      this.#seq += built.rows.length
    }
    return [tried, i]
  }

  #refuse(plan: Plan, error: StepError, tried: readonly Tried[], byInsert: boolean, start: number): void {
    this.#keep(this.#proven)
    this.#undo = true
    this.#refused = true
    this.#proven = []
    this.#seq = start
    if (byInsert && tried.length > 1) {
      // Somebody's events were refused, and one statement inserts them all: one at a time.
      this.#limit = 1
      return
    }
    const k = byInsert ? 0 : tried.findIndex(([i]) => i === plan.ownerOf(error))
    const found = tried[k]
    if (!found) throw error
    this.#outcomes[found[0]] = byInsert
      ? { ok: false, error: error.cause }
      : plan.refusal(error, this.#members[found[0]]!)
    this.#proven = tried.slice(0, k)
    this.#seq = found[1].rows[0]!.seq
    this.#at = found[0] + 1
    this.#limit = Math.max(1, this.#limit >> 1)
  }
}

interface Recorded {
  readonly found: string
  readonly seq: number
  readonly key: string | null
  readonly kind: string
  readonly body: string
}

function tryBuild(member: Member, seq: number): Built | Error {
  try {
    return member.build(seq)
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

const success = (seq: number, built: Built): Success => ({ ok: true, seq, duplicate: false, inbox: -1, built })

/** After a COMMIT whose answer was lost: did it happen? Waits for the lock, and so for the lost session to be over. */
export async function landed(link: Link, { proof }: Attempt): Promise<boolean> {
  if (!proof) return false
  const got = await link.send([BEGIN, LOCK_HEAD, { prepared: LEAF_AT, values: [proof.seq], rows: true }, ROLLBACK])
  const leaf = got.get(2)?.[0]?.leaf
  return leaf instanceof Uint8Array && Buffer.compare(leaf, proof.leaf) === 0
}
