import { FactotumError } from '../../lib/errors.ts'
import { shortHash, type Json } from '../../lib/json.ts'
import { sql, type Guard, type Store } from '../../store/index.ts'
import { Change, type Voice } from './change.ts'
import type { EntityKind } from './declare.ts'
import { conflictIsOpen, conflictsAbout, conflictSettled, type ConflictRow } from './disputes.ts'
import { entityMerged, entitySplit, family, familyGuards, getEntity, type Family } from './entities.ts'
import { factVersions, historyOf, originOf, outranks, type FactRow } from './rows.ts'
import { common, type Span } from './spans.ts'

const isMember = sql('select 1 as ok from entity_merge where entity = ? and into_entity = ? and split_seq is null')

/**
 * Two entities are one from now on: `into` goes on as the whole. Every fact stays with the part it was said of, so that
 * a split gives each its own back. Where both say another value for the same time, be it past or to come, the better label
 * counts, then the newer, and the operator is asked. Throws `entity.same`, `entity.other_kind`, `entity.not_found`.
 */
export async function merging(
  store: Store,
  kinds: ReadonlyMap<string, EntityKind>,
  into: string,
  member: string,
  voice: Voice,
): Promise<Change> {
  const [whole, part] = await Promise.all([family(store, into), family(store, member)])
  const [a, b] = await Promise.all([getEntity(store, whole.whole), getEntity(store, part.whole)])
  if (whole.whole === part.whole) throw new FactotumError('entity.same', `${into} and ${member} are one already.`)
  if (a.kind !== b.kind) throw new FactotumError('entity.other_kind', `A ${a.kind} and a ${b.kind} cannot be one.`)
  const kind = kinds.get(a.kind) ?? { entity: a.kind, attributes: {} }
  const change = await Change.begin(store, { kind, family: whole }, voice)
  change.guards.push(...(await familyGuards(store, part)))
  change.events.push(
    entityMerged(whole.whole, { member: part.whole }, { actor: voice.actor, private: { reason: voice.reason } }),
  )
  for (const { shown, rival, span } of await contradictions(store, whole, part)) {
    await change.dispute(
      shown.entity,
      {
        attribute: shown.attribute,
        slot: shown.slot,
        says: 'merge',
        against: [originOf(shown)],
        rival: originOf(rival),
        validFrom: span.from,
        validTo: span.to,
        trust: rival.trust,
        maker: rival.maker ?? rival.actor,
        source: rival.source,
        span: null,
      },
      rival.value === null ? null : (JSON.parse(rival.value) as Json),
      false,
    )
  }
  return change
}

interface Contradiction {
  readonly shown: FactRow
  readonly rival: FactRow
  readonly span: Span
}

/** Each span over which the one says this and the other says that. */
async function contradictions(store: Store, a: Family, b: Family): Promise<Contradiction[]> {
  const [here, there] = await Promise.all([historyOf(store, a.members), historyOf(store, b.members)])
  const found: Contradiction[] = []
  for (const mine of here) {
    for (const other of there) {
      const [x, y] = [mine.row, other.row]
      const span = x.attribute === y.attribute ? common(mine.span, other.span) : undefined
      if (!span || x.value === null || y.value === null) continue
      if (shortHash(JSON.parse(x.value)) === shortHash(JSON.parse(y.value))) continue
      found.push(outranks(x, y) ? { shown: x, rival: y, span } : { shown: y, rival: x, span })
    }
  }
  return found
}

/**
 * They are two after all. `member` leaves what it was merged into, with its own parts; what was asked only because they were
 * one is no question any more. Throws `entity.not_merged`.
 */
export async function splitting(store: Store, member: string, voice: Voice) {
  await getEntity(store, member)
  const into = await store.first<{ into_entity: string }>(intoOf(member))
  if (!into) throw new FactotumError('entity.not_merged', `${member} is not part of another entity.`)
  const guard: Guard = {
    check: isMember(member, into.into_entity),
    code: 'fact.moved',
    message: 'It was split in the meantime.',
  }
  const events = [entitySplit(into.into_entity, { member }, { actor: voice.actor, private: { reason: voice.reason } })]
  const moot = await mootBySplit(store, member)
  return {
    events: [
      ...events,
      ...moot.map(({ entity, id }) =>
        conflictSettled(entity, { conflict: id, outcome: 'split' }, { actor: voice.actor }),
      ),
    ],
    guards: [guard, ...moot.map(({ id }) => conflictIsOpen(id))],
    closes: moot.map(({ gate }) => gate!),
  }
}

/** Open conflicts of a merge whose one side goes with `member` and whose other side stays. */
async function mootBySplit(store: Store, member: string): Promise<ConflictRow[]> {
  const { members } = await family(store, member)
  const leaving = new Set((await store.read<{ id: string }>(partsOf(member))).map(({ id }) => id))
  const conflicts = (await conflictsAbout(store, members)).filter((c) => c.state === 'open' && c.says === 'merge')
  const parted = await Promise.all(
    conflicts.map(async ({ against, rival }) => {
      const sides = await factVersions(store, [...(JSON.parse(against) as string[]), rival!])
      return new Set(sides.map(({ entity }) => leaving.has(entity))).size > 1
    }),
  )
  return conflicts.filter((_, i) => parted[i])
}
const partsOf = sql(
  `with recursive part (id) as (select id from entity where id = ?
     union select m.entity from entity_merge m join part on m.into_entity = part.id where m.split_seq is null)
   select id from part`,
)
const intoOf = sql('select into_entity from entity_merge where entity = ? and split_seq is null')
