import type { Books } from '../../examples/studio/connectors/billing/books.ts'
import type { EffectState } from '../../src/execution/events.ts'
import { sql, type EventRow, type Store } from '../../src/store/index.ts'

interface Entry {
  readonly id: string
  readonly key: string
  readonly amount: number
  readonly currency: string
  readonly what: string
  readonly takenBack: boolean
}

interface Input {
  readonly charge?: string
  readonly supplier?: string
  readonly number?: string
  readonly amount: number
  readonly currency: string
}

/** What the ledger tells of one effect. */
interface Told {
  readonly id: string
  readonly run: string
  key: string
  readonly undo: boolean
  readonly reads: boolean
  input: Input
  state: EffectState
  approved: boolean
  /** Left although nobody had approved it as it was then. */
  escaped: boolean
}

interface Gate {
  readonly id: string
  readonly subject: string
  readonly kind: string
  /** Null while it is open. */
  outcome: string | null
}

export interface Record {
  readonly effects: readonly Told[]
  readonly gates: ReadonlyMap<string, Gate>
}

const told = sql(
  `select * from event where kind like 'effect.%' or kind in ('gate.opened@1', 'gate.decided@1', 'gate.closed@1') order by seq`,
)

/** Folds the ledger's own events, and none of the tables that are made of them. */
export async function readRecord(store: Store): Promise<Record> {
  const effects = new Map<string, Told>()
  const gates = new Map<string, Gate>()
  for (const row of await store.read<EventRow>(told())) {
    const body = JSON.parse(row.body) as { [key: string]: never } & { state: EffectState }
    const shown = (row.private === null ? {} : JSON.parse(row.private)) as { input?: Input }
    if (row.kind === 'effect.proposed@1')
      effects.set(row.stream, {
        id: row.stream,
        run: body.run!,
        key: body.key!,
        undo: body.undoes !== null,
        reads: body.risk === 'read',
        input: shown.input!,
        state: body.state,
        // What does not ask is approved by the policy that let it run.
        approved: body.state === 'held',
        escaped: false,
      })
    else if (row.kind === 'gate.opened@1')
      gates.set(row.stream, { id: row.stream, subject: body.subject!, kind: body.kind!, outcome: null })
    else if (row.kind === 'gate.decided@1') gates.get(row.stream)!.outcome = body.outcome!
    else if (row.kind === 'gate.closed@1') gates.get(row.stream)!.outcome = `closed: ${String(body.because)}`
    else move(effects.get(row.stream)!, row.kind, body, shown.input)
  }
  return { effects: [...effects.values()], gates }
}

function move(
  effect: Told,
  kind: string,
  body: { approved?: boolean; state: EffectState; key?: string },
  input?: Input,
): void {
  if (kind === 'effect.revised@1') {
    effect.input = input!
    effect.key = body.key ?? effect.key
    effect.approved = false
  } else if (kind === 'effect.held@1') {
    effect.state = 'held'
    effect.approved ||= body.approved === true
  } else if (kind === 'effect.stale@1') {
    effect.state = 'gated'
    effect.approved = false
  } else if (kind === 'effect.dispatched@1') {
    effect.state = 'dispatched'
    effect.escaped ||= !effect.approved
  } else effect.state = kind === 'effect.retrying@1' ? 'retrying' : body.state
}

function entriesOf({ refunds, filed }: Books): Entry[] {
  return [
    ...refunds.map((r) => ({ ...r, what: r.charge, takenBack: r.reversedAt !== null })),
    ...filed.map((f) => ({ ...f, what: `${f.supplier} ${f.number}`, takenBack: f.withdrawnAt !== null })),
  ]
}

const whatOf = ({ charge, supplier, number }: Input) => charge ?? `${supplier} ${number}`

/** What the books must say of an effect in each state: how many entries, and whether they are taken back. */
const MUST: { readonly [state in EffectState]?: { readonly entries: 0 | 1 | 'either'; readonly takenBack?: boolean } } =
  {
    refused: { entries: 0 },
    gated: { entries: 0 },
    rejected: { entries: 0 },
    expired: { entries: 0 },
    cancelled: { entries: 0 },
    failed: { entries: 0 },
    uncertain: { entries: 'either', takenBack: false },
    succeeded: { entries: 1, takenBack: false },
    undone: { entries: 1, takenBack: true },
    undo_failed: { entries: 1, takenBack: false },
    undo_uncertain: { entries: 1 },
  }

/** What is wrong, and with which effect, where there is one. */
export interface Problem {
  readonly text: string
  readonly effect: string | null
}

/** Compares the service's books with the ledger's record, both ways. Answers what is wrong. */
export function audit(books: Books, { effects, gates }: Record): Problem[] {
  const problems: Problem[] = []
  const entries = Map.groupBy(entriesOf(books), (entry) => entry.key)
  const writes = effects.filter((e) => !e.reads && !e.undo)
  const open = new Set([...gates.values()].filter((g) => g.outcome === null).map((g) => g.subject))
  for (const effect of effects) {
    const wrong = (text: string) =>
      problems.push({ text: `${effect.id} (${effect.state}): ${text}`, effect: effect.id })
    if (effect.escaped) wrong('it left and was not approved')
    if (effect.state === 'uncertain' && !open.has(effect.id)) wrong('it is with nobody')
  }
  for (const effect of writes) {
    const found = entries.get(effect.key) ?? []
    for (const text of compare(effect, found))
      problems.push({ text: `${effect.id} (${effect.state}): ${text}`, effect: effect.id })
    entries.delete(effect.key)
  }
  for (const entry of [...entries.values()].flat()) {
    // An effect that was edited after a try has another key than its first, which is its id.
    const effect = writes.find((e) => e.id === entry.key.split(':')[0])?.id ?? null
    problems.push({ text: `${JSON.stringify(entry)} in the books is under no effect's key`, effect })
  }
  return [...problems, ...sums(books, writes)]
}

function compare({ state, input }: Told, found: readonly Entry[]): string[] {
  const must = MUST[state]
  if (!must) return ['it has not ended']
  const least = must.entries === 'either' ? 0 : must.entries
  const most = must.entries === 'either' ? 1 : must.entries
  const said: string[] = []
  if (found.length < least || found.length > most) said.push(`the books have ${found.length} entries of it`)
  for (const entry of found) {
    if (entry.amount !== input.amount || entry.currency !== input.currency || entry.what !== whatOf(input))
      said.push(`approved was ${JSON.stringify(input)}, done was ${JSON.stringify(entry)}`)
    if (must.takenBack !== undefined && entry.takenBack !== must.takenBack)
      said.push(`in the books it is ${entry.takenBack ? '' : 'not '}taken back`)
  }
  return said
}

/** What was given back of each charge is what the ledger says, and never more than was charged. */
function sums(books: Books, writes: readonly Told[]): Problem[] {
  const keys = new Set(books.refunds.map((r) => r.key))
  const backed = new Set(books.refunds.filter((r) => r.reversedAt !== null).map((r) => r.key))
  const given = new Map<string, number>()
  for (const { state, key, input } of writes) {
    const done =
      state === 'succeeded' ||
      state === 'undo_failed' ||
      (state === 'uncertain' && keys.has(key)) ||
      (state === 'undo_uncertain' && !backed.has(key))
    if (done && input.charge) given.set(input.charge, (given.get(input.charge) ?? 0) + input.amount)
  }
  return books.charges.flatMap(({ id, amount }) => {
    const now = books.refunds.filter((r) => r.charge === id && r.reversedAt === null).reduce((n, r) => n + r.amount, 0)
    const said = given.get(id) ?? 0
    return now === said && now <= amount
      ? []
      : [{ text: `of ${id} (${amount}) the books gave back ${now}, the ledger ${said}`, effect: null }]
  })
}
