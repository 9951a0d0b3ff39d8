import { createReadStream } from 'node:fs'
import { splitLines } from '../../governance/ledger/index.ts'
import { parseEventLine } from '../../governance/ledger/export-lines.ts'
import type { LeafEvent } from '../../lib/event-leaf.ts'
import { memoryCopy, replayer, type Bound, type Scratch } from '../../store/index.ts'
import { ALL_EVENTS } from '../events.ts'

/** Of each group of things so many, the newest, are shown one by one and proven; the rest is counted. */
export const SHOWN = 25

/** Things of one kind, behind a number: the streams of the newest of them. */
export interface Group {
  readonly title: string
  readonly total: number
  readonly streams: readonly string[]
}

type Rows<K extends string> = readonly Readonly<Record<K, string | number | null>>[]

/**
 * Every number of a dossier, and what it was counted from. It is read from the redacted ledger and from nothing else, so
 * that whoever has the file gets the same, and nothing personal can be in it. Times are epoch ms, money in millionths,
 * months in UTC.
 */
export interface CompanyRecord {
  readonly events: number
  readonly firstAt: number | null
  readonly lastAt: number | null
  readonly kinds: readonly (readonly [kind: string, n: number])[]
  readonly signals: Rows<'kind' | 'state' | 'n'>
  readonly runs: Rows<'workflow' | 'version' | 'state' | 'n' | 'first_at' | 'last_at'>
  readonly used: Rows<'workflow' | 'action' | 'n'>
  readonly effects: Rows<'action' | 'risk' | 'state' | 'n'>
  readonly gates: Rows<'kind' | 'state' | 'outcome' | 'n'>
  /** How long gates waited for the operator. */
  readonly waits: Rows<'kind' | 'n' | 'median' | 'p90'>
  readonly decisions: Rows<'agent' | 'tier' | 'n' | 'judged' | 'agreed' | 'retracted'>
  /** How much went without the operator: decisions that no person made, effects that no person approved. */
  readonly months: Rows<'month' | 'decisions' | 'automatic' | 'effects' | 'alone' | 'undone'>
  readonly costs: Rows<'month' | 'meter' | 'currency' | 'micros' | 'tokens' | 'uses'>
  readonly spent: Rows<'what' | 'currency' | 'micros' | 'tokens' | 'uses'>
  readonly facts: Rows<'attribute' | 'n' | 'ended' | 'retracted'>
  /** Policies adopted, snapshots, drills, erasures. */
  readonly history: readonly LeafEvent[]
  readonly groups: Readonly<Record<string, Group>>
}

const HISTORY = /^(policy|snapshot|personal)\./

/** The events of a redacted export, in order. The file is verified elsewhere. */
export async function* eventsIn(file: string): AsyncGenerator<LeafEvent & { readonly leaf: Uint8Array }> {
  for await (const line of splitLines(createReadStream(file))) {
    const event = parseEventLine(line, true)
    if (event) yield event
  }
}

/** Reads the record out of a redacted export. Throws `asof.unknown_kind` through the replay of a newer ledger. */
export async function recordIn(file: string): Promise<CompanyRecord> {
  const copy = memoryCopy()
  try {
    const replay = replayer(ALL_EVENTS)
    const kinds = new Map<string, number>()
    const history: LeafEvent[] = []
    let [events, firstAt, lastAt]: [number, number | null, number | null] = [0, null, null]
    let writes: Bound[] = []
    for await (const event of eventsIn(file)) {
      events++
      firstAt ??= event.at
      lastAt = event.at
      kinds.set(event.kind, (kinds.get(event.kind) ?? 0) + 1)
      if (HISTORY.test(event.kind)) history.push(plain(event))
      // A kind that this program does not know is counted, and has no rows.
      writes.push(...(replay({ ...event, private: null, salt: null, private_hash: event.privateHash }) ?? []))
      if (writes.length < 1_000) continue
      await copy.apply(writes)
      writes = []
    }
    await copy.apply(writes)
    return {
      events,
      firstAt,
      lastAt,
      kinds: [...kinds].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)),
      ...(await counted(copy)),
      history,
      groups: await groupsIn(copy),
    }
  } finally {
    await copy.drop()
  }
}

function plain({ seq, key, kind, stream, actor, cause, at, body, privateHash }: LeafEvent): LeafEvent {
  return { seq, key, kind, stream, actor, cause, at, body, privateHash }
}

const OWN = `undoes is null and risk <> 'read'`
/** It left, whatever came of it. */
const LEFT = `state in ('dispatched', 'retrying', 'succeeded', 'failed', 'uncertain', 'undoing', 'undone', 'undo_failed', 'undo_uncertain')`

async function counted(copy: Scratch) {
  const rows = <K extends string>(text: string) => copy.query(text) as unknown as Promise<Rows<K>>
  return {
    signals: await rows<'kind' | 'state' | 'n'>(
      'select kind, state, count(*) as n from signal group by kind, state order by kind, state',
    ),
    runs: await rows<'workflow' | 'version' | 'state' | 'n' | 'first_at' | 'last_at'>(
      `select workflow, version, state, count(*) as n, min(started_at) as first_at, max(started_at) as last_at
       from run group by workflow, version, state order by workflow, version, state`,
    ),
    used: await rows<'workflow' | 'action' | 'n'>(
      `select workflow, action, count(*) as n from effect where undoes is null group by workflow, action
       order by workflow, action`,
    ),
    effects: await rows<'action' | 'risk' | 'state' | 'n'>(
      `select action, risk, state, count(*) as n from effect where undoes is null group by action, risk, state
       order by action, risk, state`,
    ),
    gates: await rows<'kind' | 'state' | 'outcome' | 'n'>(
      `select kind, state, case when state = 'decided' then outcome end as outcome, count(*) as n from gate
       group by 1, 2, 3 order by 1, 2, 3`,
    ),
    waits: waitsOf(
      await rows<'kind' | 'ms'>(
        `select kind, decided_at - opened_at as ms from gate where state = 'decided' order by kind, ms`,
      ),
    ),
    decisions: await rows<'agent' | 'tier' | 'n' | 'judged' | 'agreed' | 'retracted'>(
      `select agent, tier, count(*) as n, count(agreed) as judged, coalesce(sum(agreed), 0) as agreed,
         count(retracted_seq) as retracted from decision group by agent, tier order by agent, tier`,
    ),
    months: monthsOf(
      await rows<'at' | 'tier'>('select decided_at as at, tier from decision'),
      await rows<'at' | 'approved_by' | 'state'>(
        `select proposed_at as at, approved_by, state from effect where ${OWN} and ${LEFT}`,
      ),
    ),
    costs: await rows<'month' | 'meter' | 'currency' | 'micros' | 'tokens' | 'uses'>(
      `select substr(day, 1, 7) as month, meter, currency, sum(micros) as micros, sum(tokens) as tokens, sum(uses) as uses
       from use group by 1, 2, 3 order by 1, 2, 3`,
    ),
    spent: await rows<'what' | 'currency' | 'micros' | 'tokens' | 'uses'>(
      `select coalesce(agent, action) as what, currency, sum(micros) as micros, sum(tokens) as tokens, sum(uses) as uses
       from use group by 1, 2 order by 3 desc, 4 desc, 1, 2`,
    ),
    facts: await rows<'attribute' | 'n' | 'ended' | 'retracted'>(
      `select attribute, count(*) as n, count(ended_seq) as ended, count(retracted_seq) as retracted from fact
       group by attribute order by attribute`,
    ),
  }
}

function waitsOf(rows: Rows<'kind' | 'ms'>): CompanyRecord['waits'] {
  return [...Map.groupBy(rows, (r) => r.kind)].map(([kind, own]) => ({
    kind,
    n: own.length,
    median: own[Math.floor((own.length - 1) / 2)]!.ms,
    p90: own[Math.floor((own.length - 1) * 0.9)]!.ms,
  }))
}

function monthsOf(decided: Rows<'at' | 'tier'>, left: Rows<'at' | 'approved_by' | 'state'>): CompanyRecord['months'] {
  const months = new Map<
    string,
    { decisions: number; automatic: number; effects: number; alone: number; undone: number }
  >()
  const month = (at: unknown) => {
    const name = new Date(Number(at)).toISOString().slice(0, 7)
    const own = months.get(name) ?? { decisions: 0, automatic: 0, effects: 0, alone: 0, undone: 0 }
    months.set(name, own)
    return own
  }
  for (const { at, tier } of decided) {
    const own = month(at)
    own.decisions++
    if (tier !== 'operator') own.automatic++
  }
  for (const { at, approved_by: by, state } of left) {
    const own = month(at)
    own.effects++
    if (by === null) own.alone++
    if (state === 'undone') own.undone++
  }
  return [...months].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, own]) => ({ month: name, ...own }))
}

/** The name of a group, which is that of a file too: one for each kind and name. */
export function groupName(kind: string, name: string | number | null): string {
  return `${kind}-${String(name).replace(/[^\w.-]/gu, (c) => `~${c.codePointAt(0)!.toString(16)}`)}`
}

async function groupsIn(copy: Scratch): Promise<Record<string, Group>> {
  const groups: Record<string, Group> = {}
  const add = async (name: string, title: string, from: string, newest: string, values: (string | null)[] = []) => {
    const total = Number((await copy.query(`select count(*) as n from ${from}`, values))[0]!.n)
    const rows = await copy.query(`select id from ${from} order by ${newest} desc, id limit ${SHOWN}`, values)
    if (total > 0) groups[name] = { title, total, streams: rows.map((r) => String(r.id)) }
  }
  const each = async (column: string, table: string) =>
    (await copy.query(`select distinct ${column} as name from ${table} order by 1`)).map((r) => String(r.name))
  for (const name of await each('workflow', 'run'))
    await add(groupName('runs', name), `Runs of ${name}`, 'run where workflow = ?', 'started_seq', [name])
  for (const name of await each('state', 'effect'))
    await add(
      groupName('effects', name),
      `Effects: ${name.replaceAll('_', ' ')}`,
      'effect where state = ? and undoes is null',
      'proposed_seq',
      [name],
    )
  for (const name of await each('action', 'effect'))
    await add(
      groupName('action', name),
      `Effects of ${name}`,
      'effect where action = ? and undoes is null',
      'proposed_seq',
      [name],
    )
  await add('undos', 'What was taken back', 'effect where undoes is not null', 'proposed_seq')
  for (const name of await each('agent', 'decision'))
    await add(groupName('decisions', name), `Decisions of ${name}`, 'decision where agent = ?', 'decided_seq', [name])
  await add(
    'corrected',
    'Decisions that turned out otherwise',
    'decision where agreed = 0 or retracted_seq is not null',
    'decided_seq',
  )
  for (const name of await each('kind', 'gate'))
    await add(groupName('gates', name), `Gates: ${name.replaceAll('_', ' ')}`, 'gate where kind = ?', 'opened_seq', [
      name,
    ])
  await add('uses', 'What was paid for', 'use', 'reserved_at')
  return groups
}
