import { setImmediate as turn } from 'node:timers/promises'
import { lookupKey } from '../../context/facts.ts'
import type { AnySignalKind } from '../../context/signals.ts'
import { FactotumError } from '../../lib/errors.ts'
import { sql, type Bound, type Store } from '../../store/index.ts'

/**
 * Kinds of things that can concern a person. But for keys, messages and sessions, the id of one is the stream of its events;
 * or, of one version of a document, `<document>@<version>`; or the number of an event.
 */
export type Thing =
  | 'entity'
  | 'key'
  | 'message'
  | 'conversation'
  | 'signal'
  | 'run'
  | 'decision'
  | 'gate'
  | 'effect'
  | 'task'
  | 'document'
  | 'session'
  | 'other'

const MERGED = 'split_seq is null'
const VERSION = `v.document || '@' || v.version as id`
const OF_NOBODY = 'not exists (select 1 from document_about a where a.document = v.document and a.version = v.version)'

/** How one thing leads to others that concern the same person: one line for each table that has such things. */
const LINKS: readonly { readonly from: Thing; readonly to: Thing; readonly ids: (id: string) => Bound }[] = [
  { from: 'entity', to: 'key', ids: sql('select lookup as id from entity_key where entity = ?') },
  // Those that were merged are one person. What was split again is two.
  {
    from: 'entity',
    to: 'entity',
    ids: sql(`select into_entity as id from entity_merge where entity = ? and ${MERGED}`),
  },
  {
    from: 'entity',
    to: 'entity',
    ids: sql(`select entity as id from entity_merge where into_entity = ? and ${MERGED}`),
  },
  { from: 'entity', to: 'gate', ids: sql('select gate as id from conflict where entity = ? and gate is not null') },
  { from: 'key', to: 'entity', ids: sql('select entity as id from entity_key where lookup = ?') },
  { from: 'key', to: 'message', ids: sql('select id from message where party_key = ?') },
  { from: 'message', to: 'signal', ids: sql('select id from signal where id = ?') },
  { from: 'message', to: 'effect', ids: sql('select id from effect where id = ?') },
  { from: 'signal', to: 'run', ids: sql('select id from run where signal = ?') },
  { from: 'signal', to: 'task', ids: sql('select id from task where source = ?') },
  { from: 'signal', to: 'document', ids: sql(`select ${VERSION} from document_version v where source = ?`) },
  // A complaint stands with what it is about, which may be somebody else's.
  {
    from: 'signal',
    to: 'other',
    ids: sql('select distinct cast(seq as text) as id from complaint where signal = ?'),
  },
  { from: 'run', to: 'run', ids: sql('select id from run where parent = ?') },
  { from: 'run', to: 'decision', ids: sql('select id from decision where run = ?') },
  // What the operator was asked and never decided is no decision yet: it was recorded right before its gate.
  {
    from: 'run',
    to: 'decision',
    ids: sql(
      `select a.stream as id from gate g join event a on a.seq = g.opened_seq - 1 and a.kind = 'decision.asked@1'
       where g.run = ? and g.kind = 'decision'`,
    ),
  },
  { from: 'run', to: 'task', ids: sql('select id from task where run = ?') },
  {
    from: 'run',
    to: 'document',
    ids: sql(`select ${VERSION} from document_version v where source = ? and ${OF_NOBODY}`),
  },
  { from: 'run', to: 'effect', ids: sql('select id from effect where run = ?') },
  { from: 'run', to: 'gate', ids: sql('select id from gate where run = ?') },
  { from: 'effect', to: 'gate', ids: sql('select id from gate where subject = ?') },
  {
    from: 'effect',
    to: 'document',
    ids: sql(`select ${VERSION} from document_version v where source = ? and ${OF_NOBODY}`),
  },
  { from: 'effect', to: 'effect', ids: sql('select id from effect where undoes = ?') },
]

const PREFIX: Readonly<Record<string, Thing>> = {
  ent: 'entity',
  conv: 'conversation',
  sig: 'signal',
  run: 'run',
  dec: 'decision',
  gate: 'gate',
  eff: 'effect',
  task: 'task',
  doc: 'document',
}

const NO_STREAM: ReadonlySet<Thing> = new Set(['key', 'message', 'session'])

/** Everything that concerns one person, by kind. */
export class Scope {
  readonly #of = new Map<Thing, Set<string>>()
  readonly #readers = new Map<string, readonly string[]>()

  all(thing: Thing): readonly string[] {
    return [...(this.#of.get(thing) ?? [])]
  }

  has(thing: Thing, id: string): boolean {
    return this.#of.get(thing)?.has(id) ?? false
  }

  /** Takes it in with everything that it leads to. */
  async add(store: Store, thing: Thing, id: string): Promise<void> {
    const todo: (readonly [Thing, string])[] = [[thing, id]]
    for (let next = todo.pop(); next; next = todo.pop()) {
      const [kind, one] = next
      if (this.has(kind, one)) continue
      this.#of.set(kind, (this.#of.get(kind) ?? new Set()).add(one))
      for (const link of LINKS)
        if (link.from === kind)
          for (const row of await store.read<{ id: string }>(link.ids(one))) todo.push([link.to, row.id])
    }
  }

  /** Runs that read facts of an entity: no index says so, and the whole ledger is read for it, once. */
  async readers(store: Store, entity: string): Promise<readonly string[]> {
    const known = this.#readers.get(entity)
    if (known) return known
    const runs = new Set<string>()
    const head = await store.engine.head()
    for (let at = 0; at < head; at += EVENTS_PER_READ) {
      const rows = await store.read<{ stream: string }>(stepsNaming(at, at + EVENTS_PER_READ, `%"entity":"${entity}"%`))
      for (const { stream } of rows) runs.add(stream)
      await turn()
    }
    this.#readers.set(entity, [...runs])
    return [...runs]
  }

  /** Streams of which everything goes. */
  streams(): string[] {
    return [...this.#of].flatMap(([thing, ids]) => (NO_STREAM.has(thing) ? [] : [...ids]))
  }
}

const entityKnown = sql('select id from entity where id = ?')
/**
 * What concerns the person that `target` names: an entity's id, or an address. The rule: her entities with all their keys;
 * those that were merged with them; the messages to and from them; the signals that brought those or would have, with the
 * tasks, documents and complaints that came of them; the runs that these started, with their children; runs
 * that name her and nobody else, with what started them; and everything that these runs recorded of their own: steps,
 * decisions, opinions, gates, effects, tasks, documents. What they recorded about another entity stays with that entity. A
 * run that names others too stays whole, but for the answers it got from what is hers. What is in dispute about her goes,
 * and documents that are about nobody but her; and sessions that were called by an address of hers.
 */
export async function scopeOf(
  store: Store,
  kinds: ReadonlyMap<string, AnySignalKind>,
  target: string,
  also: readonly string[] = [],
): Promise<Scope> {
  const scope = new Scope()
  if (await store.first(entityKnown(target))) await scope.add(store, 'entity', target)
  else await scope.add(store, 'key', lookupKey(store, target))
  for (const session of await sessionsOf(store, scope)) await scope.add(store, 'session', session)
  for (const signal of await setAside(store, kinds, scope)) await scope.add(store, 'signal', signal)
  if (scope.streams().length === 0 && scope.all('session').length === 0)
    throw new FactotumError(
      'forget.unknown',
      `Nothing is known of "${target}". Give an address as it was written, or the id of an entity.`,
    )
  for (const id of also) {
    const thing = PREFIX[id.split('_')[0]!] ?? 'other'
    await scope.add(store, thing, id)
    if (thing === 'run') await addItsSignal(store, scope, id)
  }
  // A run that is found to be hers may have named another of her entities, and so on.
  for (let before = -1; before !== scope.all('run').length + scope.all('signal').length;) {
    before = scope.all('run').length + scope.all('signal').length
    for (const run of await runsNaming(store, scope)) {
      if (scope.has('run', run) || (await namesOthers(store, scope, run))) continue
      await scope.add(store, 'run', run)
      await addItsSignal(store, scope, run)
    }
  }
  for (const { document, others } of await documentsAbout(store, scope))
    if (!others) await scope.add(store, 'document', document)
  return scope
}

const sessions = sql(`select distinct owner, label from ephemeral where owner like 'session:%' and label is not null`)

async function sessionsOf(store: Store, scope: Scope): Promise<string[]> {
  const rows = await store.read<{ owner: string; label: string }>(sessions())
  return rows.filter(({ label }) => scope.has('key', lookupKey(store, label))).map((row) => row.owner)
}

const versionsAbout = sql(`select document, version from document_about where entity = ?`)
const aboutWhom = sql(`select entity from document_about where document = ? and version = ?`)

/** Versions of documents that are about her, `<document>@<version>`, and whether they are about others as well. */
export async function documentsAbout(
  store: Store,
  scope: Scope,
): Promise<{ readonly document: string; readonly others: boolean }[]> {
  const found = new Map<string, boolean>()
  for (const entity of scope.all('entity'))
    for (const { document, version } of await store.read<{ document: string; version: number }>(
      versionsAbout(entity),
    )) {
      const whom = await store.read<{ entity: string }>(aboutWhom(document, version))
      found.set(
        `${document}@${version}`,
        whom.some((one) => !scope.has('entity', one.entity)),
      )
    }
  return [...found].map(([document, others]) => ({ document, others }))
}

const withoutMessage = sql(
  `select id, kind, payload from signal where state in ('new', 'quarantined') and payload is not null and id > ?
     and not exists (select 1 from message where message.id = signal.id) order by id limit 200`,
)

/** Her mails that never became messages: they were set aside, or only just came. */
async function setAside(store: Store, kinds: ReadonlyMap<string, AnySignalKind>, scope: Scope): Promise<string[]> {
  const found: string[] = []
  for (let last = ''; ;) {
    const rows = await store.read<{ id: string; kind: string; payload: string }>(withoutMessage(last))
    if (rows.length === 0) return found
    for (const { id, kind, payload } of rows) {
      const party = partyIn(kinds.get(kind)?.message, payload)
      if (party !== null && scope.has('key', lookupKey(store, party))) found.push(id)
    }
    last = rows.at(-1)!.id
  }
}

/** Null where it does not say: what is set aside may be broken in any way. */
function partyIn(message: AnySignalKind['message'] | undefined, payload: string): string | null {
  try {
    const party: unknown = message?.(JSON.parse(payload) as never).party
    return typeof party === 'string' ? party : null
  } catch {
    return null
  }
}

const actorsOf = sql(`select distinct actor from event where stream = ? and actor like 'run:%'`)
const stepsNaming = sql(
  `select distinct stream from event where seq >= ? and seq < ? and kind = 'step.completed@1' and body like ?`,
)
const EVENTS_PER_READ = 5_000
const routedTo = sql(`select body from event where stream = ? and kind = 'signal.routed@1'`)

/** Runs that read or wrote facts of hers, or were given one of her signals. */
export async function runsNaming(store: Store, scope: Scope): Promise<string[]> {
  const runs = new Set<string>()
  for (const entity of scope.all('entity')) {
    for (const row of await store.read<{ actor: string }>(actorsOf(entity))) runs.add(row.actor.slice('run:'.length))
    for (const run of await scope.readers(store, entity)) runs.add(run)
  }
  for (const signal of scope.all('signal'))
    for (const { body } of await store.read<{ body: string }>(routedTo(signal)))
      for (const run of (JSON.parse(body) as { runs: readonly string[] }).runs) runs.add(run)
  return [...runs]
}

const entitiesRead = sql(
  `select body from event where stream = ? and kind = 'step.completed@1' and body like '%"entity":"%'`,
)
const entitiesWritten = sql('select distinct entity from fact where actor = ?')
const signalsGiven = sql(
  `select signal as id from run where id = ? and signal is not null
   union select s.stream as id from event w join event s on s.seq = w.cause
     where w.stream = ? and w.kind = 'wait.resolved@1' and s.kind = 'signal.routed@1'`,
)
const partyOf = sql(`select party_key from message where id = ?`)
const messagesSent = sql(`select m.party_key from message m join effect e on e.id = m.id where e.run = ?`)

/** Whether a run has to do with anybody else: an entity, or a party that wrote to it or that it wrote to. */
async function namesOthers(store: Store, scope: Scope, run: string): Promise<boolean> {
  const entities = (await store.read<{ entity: string }>(entitiesWritten(`run:${run}`))).map((row) => row.entity)
  for (const { body } of await store.read<{ body: string }>(entitiesRead(run))) {
    const { refs } = JSON.parse(body) as { refs?: { entity?: string } }
    if (refs?.entity !== undefined) entities.push(refs.entity)
  }
  if (entities.some((id) => !scope.has('entity', id))) return true
  const parties = await store.read<{ party_key: string }>(messagesSent(run))
  for (const { id } of await store.read<{ id: string }>(signalsGiven(run, run)))
    parties.push(...(await store.read<{ party_key: string }>(partyOf(id))))
  return parties.some(({ party_key }) => !scope.has('key', party_key))
}

const startedBy = sql('select signal from run where id = ?')
const runsOfSignal = sql('select id from run where signal = ?')

/** What started a run of hers is hers, unless it started something that is not. */
async function addItsSignal(store: Store, scope: Scope, run: string): Promise<void> {
  const signal = (await store.first<{ signal: string | null }>(startedBy(run)))?.signal
  if (signal == null) return
  const runs = await store.read<{ id: string }>(runsOfSignal(signal))
  for (const { id } of runs) if (!scope.has('run', id) && (await namesOthers(store, scope, id))) return
  await scope.add(store, 'signal', signal)
}
