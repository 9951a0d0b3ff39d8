import { join } from 'node:path'
import { declaredAttribute } from '../../context/facts.ts'
import { clearAnswers, REQUEST_TABLES } from '../../context/requests.ts'
import { effectById, type EffectRow } from '../../execution/events.ts'
import { personalErased, type ErasureReport } from '../../governance/erasure/events.ts'
import { rowsWithout } from '../../governance/erasure/rows.ts'
import { rangesOf, type Ranges } from '../../governance/ledger/index.ts'
import { errorMessage, FactotumError } from '../../lib/errors.ts'
import { shortHash } from '../../lib/json.ts'
import { ConflictError, erasePrivate, nothingSince, sql, type Bound } from '../../store/index.ts'
import { ALL_EVENTS } from '../events.ts'
import type { OpenCompany } from '../open.ts'
import { GoingBlobs } from './blobs.ts'
import { finishErasure } from './cleaning.ts'
import { copiesOf, dataFolder, filePseudonym, filesIn, nameOf } from './files.ts'
import { goingOf, type Going } from './events.ts'
import { HELD_TABLES, heldCount, heldRemovals } from './held.ts'
import { mentionsOf, needlesOf, type Mention } from './mentions.ts'
import { endThings, openThings, type OpenThing } from './open-things.ts'
import { snapshotsBefore, snapshotsNow, type EarlierSnapshots } from './snapshots.ts'
import { documentsAbout, runsNaming, scopeOf, type Scope, type Thing } from './scope.ts'

/** What `factotum forget` shows, and how it is confirmed: with the plan's `binding`. */
export interface ForgetPlan {
  readonly entities: readonly { readonly id: string; readonly kind: string; readonly label: string | null }[]
  /** How many of each kind of thing lose what is personal; empty: nothing is left. */
  readonly counts: Readonly<Record<string, number>>
  /** Still going on: it has to end first. */
  readonly open: readonly OpenThing[]
  readonly kept: ErasureReport['kept']
  readonly sent: ErasureReport['sent']
  /** Where else she is mentioned: what the operator may add. */
  readonly mentions: readonly Mention[]
  readonly snapshots: EarlierSnapshots
  readonly binding: string
}

export interface Forgotten {
  readonly id: string | null
  readonly counts: Readonly<Record<string, number>>
  readonly kept: ErasureReport['kept']
  readonly sent: ErasureReport['sent']
  /** Why files and free pages could not be cleaned yet: that is done when the company runs. Null: all is done. */
  readonly unfinished: string | null
  /** What a search of everything that is left found. */
  readonly mentions: readonly Mention[]
  readonly snapshots: EarlierSnapshots
}

interface Plan {
  readonly scope: Scope
  readonly going: Going
  readonly files: readonly string[]
  readonly held: number
  readonly open: readonly OpenThing[]
}

const THINGS: readonly Thing[] = [
  'entity',
  'message',
  'signal',
  'run',
  'decision',
  'gate',
  'effect',
  'task',
  'document',
]
const labelsOf = sql(
  'select e.id, e.kind, k.label from entity e left join entity_key k on k.entity = e.id where e.id = ? order by k.lookup',
)
const dropBlob = sql('delete from blob where hash = ?')

async function planOf(c: OpenCompany, target: string, also: readonly string[]): Promise<Plan> {
  const files = also.filter((one) => one.startsWith('data/'))
  const scope = await scopeOf(
    c.store,
    c.signals,
    target,
    also.filter((one) => !one.startsWith('data/')),
  )
  const going = await goingOf(c.store, scope, (kind, attribute) => isPersonal(c, kind, attribute))
  return { scope, going, files, held: await heldCount(c.store, scope), open: await openThings(c, scope, going) }
}

/** As facts.ts declares it now; what it declares no longer may have been personal. */
function isPersonal(c: OpenCompany, kind: string, attribute: string): boolean {
  const declared = c.company.entities.find((one) => one.entity === kind)
  return !declared || !Object.hasOwn(declared.attributes, attribute) || declaredAttribute(declared, attribute).personal
}

function countsOf({ scope, going, files, held }: Plan, blobs: number): Record<string, number> {
  if (going.seqs.size + blobs + files.length + held === 0) return {}
  const counts: Record<string, number> = {}
  for (const thing of THINGS) counts[thing] = scope.all(thing).length
  counts.conversation = [...going.streams].filter((stream) => stream.startsWith('conv_')).length
  return { ...counts, event: going.seqs.size, blob: blobs, file: files.length, row: held }
}

/** What is on the company's side of an effect that left; the other side is not ours to erase. */
const REACHED = new Set(['succeeded', 'uncertain', 'failed', 'undone', 'undo_failed', 'undo_uncertain'])

async function reportOf(
  c: OpenCompany,
  plan: Plan,
  blobs: { readonly going: readonly string[]; readonly shared: readonly string[] },
): Promise<ErasureReport> {
  const { scope, going } = plan
  const sent: { effect: string; action: string }[] = []
  const keys: string[] = []
  for (const id of scope.all('effect')) {
    const effect = await c.store.first<EffectRow>(effectById(id))
    if (!effect) continue
    keys.push(effect.key)
    if (REACHED.has(effect.state) && effect.risk !== 'read') sent.push({ effect: id, action: effect.action })
  }
  const shared = (await documentsAbout(c.store, scope)).filter((one) => one.others).map((one) => one.document)
  const others = (await runsNaming(c.store, scope)).filter((run) => !scope.has('run', run))
  const inboxes = c.company.connectors.filter((one) => one.inbox !== undefined).map((one) => one.name)
  const kept = [
    { what: 'pseudonyms', ids: scope.all('key') },
    { what: 'messages_of_others', ids: going.otherMessages },
    { what: 'runs_about_others', ids: others },
    { what: 'facts_not_personal', ids: going.plainFacts },
    { what: 'documents_about_others', ids: shared.filter((one) => !going.sources.includes(one)) },
    { what: 'files_of_others', ids: blobs.shared },
    { what: 'outside_services', ids: sent.map((one) => one.effect) },
    { what: 'inbox_folders', ids: inboxes },
  ].filter((one) => one.ids.length > 0)
  return {
    entities: scope.all('entity'),
    counts: countsOf(plan, blobs.going.length),
    kept: [
      ...kept,
      { what: 'hashes', ids: [] },
      { what: 'earlier_copies', ids: [] },
      ...(c.store.engine.dialect === 'postgres' ? [{ what: 'postgres_log', ids: [] }] : []),
    ],
    sent,
    keys,
    files: plan.files.map((file) => filePseudonym(c, file)),
    sources: going.sources,
    tables: [],
  }
}

function bindingOf({ scope, going, files, open }: Plan): string {
  return shortHash([rangesOf(going.seqs), scope.streams().sort(), files, open.map((one) => [one.id, one.state])])
}

/** What forgetting somebody would do. Changes nothing. Throws `forget.unknown`. */
export async function forgetPlan(c: OpenCompany, target: string, also: readonly string[] = []): Promise<ForgetPlan> {
  const plan = await planOf(c, target, also)
  await checkFiles(c, plan.files)
  const blobs = new GoingBlobs(c.store)
  const goingBlobs = await blobs.find(plan.going.seqs, await c.store.engine.head())
  const report = await reportOf(c, plan, { going: goingBlobs, shared: blobs.shared })
  const { counts, kept, sent } = report
  const needles = await needlesOf(c.store, plan.scope, target)
  const found = await mentionsOf(c.store, dataFolder(c), needles, plan.going.seqs)
  const copies = (await copiesOf(c, report.keys)).map((path) => nameOf(c, path))
  const goes = new Set([...goingBlobs, ...plan.files, ...copies])
  const indexed = new Set(plan.going.sources.map((source) => source.split('@')[0]))
  const snapshots = await snapshotsNow(c)
  const mentions = besides(c, found, snapshots).filter((m) => {
    if (m.what !== 'row' || m.of === null) return !goes.has(m.where)
    // All of them go, whoever they are about.
    if ((REQUEST_TABLES as readonly string[]).includes(m.kind)) return false
    return !plan.scope.has('run', m.of) && !plan.scope.has('session', m.of) && !indexed.has(m.of)
  })
  const entities: ForgetPlan['entities'][number][] = []
  for (const id of plan.scope.all('entity'))
    entities.push(...(await c.store.read<(typeof entities)[number]>(labelsOf(id))))
  return { entities, counts, open: plan.open, kept, sent, mentions, snapshots, binding: bindingOf(plan) }
}

async function checkFiles(c: OpenCompany, files: readonly string[]): Promise<void> {
  const there = new Set<string>()
  for await (const path of filesIn(dataFolder(c))) there.add(nameOf(c, path))
  const missing = files.find((file) => !there.has(file))
  if (missing !== undefined)
    throw new FactotumError('forget.no_file', `There is no file ${missing} that a connector keeps. Nothing was erased.`)
}

/**
 * Does what `forgetPlan` showed. Throws `forget.changed`, `forget.open` where something is still going on and `end` is not
 * set, `forget.under_way` where it cannot be ended now, `forget.busy`.
 */
export async function forget(
  c: OpenCompany,
  target: string,
  options: {
    readonly also?: readonly string[]
    readonly end?: boolean
    /** Delete the snapshots in reach that were made before. */
    readonly snapshots?: boolean
    readonly binding: string
  },
): Promise<Forgotten> {
  const { also = [], end = false } = options
  const shown = await planOf(c, target, also)
  if (bindingOf(shown) !== options.binding)
    throw new FactotumError('forget.changed', 'Something changed after it was shown. Look again, then forget.')
  await checkFiles(c, shown.files)
  if (shown.open.length > 0 && !end)
    throw new FactotumError(
      'forget.open',
      `${shown.open.length} of what concerns this person still goes on: ${shown.open.map((one) => `${one.what} ${one.id}`).join(', ')}. End it first, or forget with --end.`,
    )
  const needles = await needlesOf(c.store, shown.scope, target)
  if (shown.open.length > 0) await endThings(c, shown.open)
  const erased = await erase(c, target, also)
  const unfinished = erased.id === null ? null : await cleaned(c, erased.id)
  const snapshots = await snapshotsBefore(c, options.snapshots === true)
  const mentions = besides(c, await mentionsOf(c.store, dataFolder(c), needles), snapshots)
  return { ...erased, unfinished, mentions, snapshots }
}

/** Without the snapshots, which are told of by themselves, and go all or none. */
function besides(c: OpenCompany, found: readonly Mention[], { to, names }: EarlierSnapshots): readonly Mention[] {
  const archives = new Set(to === null ? [] : names.map((name) => nameOf(c, join(to, name))))
  return found.filter((m) => m.what !== 'file' || !archives.has(m.where))
}

/** What was erased is erased, whatever becomes of this: null, or why it could not be done now. */
async function cleaned(c: OpenCompany, id: string): Promise<string | null> {
  try {
    await finishErasure(c, id)
    return null
  } catch (error) {
    return errorMessage(error)
  }
}

const MAX_TRIES = 100
/** So that the body of one event stays small. */
const RANGES_PER_EVENT = 20_000

/** All of it in one commit: the record that says so, and what it says. */
async function erase(
  c: OpenCompany,
  target: string,
  also: readonly string[],
): Promise<Omit<Forgotten, 'mentions' | 'unfinished' | 'snapshots'>> {
  const { store } = c
  const blobs = new GoingBlobs(store)
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const head = await store.engine.head()
    const plan = await planOf(c, target, also)
    const { going, scope } = plan
    if (plan.open.length > 0) throw new FactotumError('forget.changed', 'Something new came up meanwhile. Look again.')
    const goingBlobs = await blobs.find(going.seqs, head)
    const report = await reportOf(c, plan, { going: goingBlobs, shared: blobs.shared })
    const { counts, kept, sent } = report
    if (Object.keys(counts).length === 0) return { id: null, counts, kept, sent }
    const rows = await rowsWithout(store, ALL_EVENTS, [...going.streams], going.seqs)
    const id = store.newId('era')
    const ranges = rangesOf(going.seqs)
    const parts: Ranges[] = [ranges.slice(0, RANGES_PER_EVENT)]
    for (let at = RANGES_PER_EVENT; at < ranges.length; at += RANGES_PER_EVENT)
      parts.push(ranges.slice(at, at + RANGES_PER_EVENT))
    const tables = [
      'event',
      ...rows.tables,
      ...(goingBlobs.length > 0 ? ['blob'] : []),
      ...HELD_TABLES,
      ...REQUEST_TABLES,
    ]
    const writes: Bound[] = [
      ...ranges.map(([from, to]) => erasePrivate(from, to)),
      ...rows.writes,
      ...goingBlobs.map((hash) => dropBlob(hash)),
      ...heldRemovals(scope),
      clearAnswers(),
    ]
    try {
      await store.commit({
        key: `forget:${id}`,
        events: parts.map((erased, i) =>
          personalErased(
            id,
            {
              erased,
              count: erased.reduce((n, [from, to]) => n + to - from + 1, 0),
              report: i === 0 ? { ...report, tables } : null,
            },
            { actor: 'operator' },
          ),
        ),
        guards: [nothingSince(head)],
        also: writes,
      })
      return { id, counts, kept, sent }
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error
    }
  }
  throw new FactotumError(
    'forget.busy',
    'The company was never still for a moment. Pause it, then forget. Nothing was erased.',
  )
}
