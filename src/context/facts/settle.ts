import { FactotumError } from '../../lib/errors.ts'
import { shortHash, type Json } from '../../lib/json.ts'
import type { EventInput, Guard, Store } from '../../store/index.ts'
import { Beliefs } from './beliefs.ts'
import { AT_ANY_TIME, Change, type Voice } from './change.ts'
import { conflictIsOpen, conflictSettled, type ConflictRow } from './disputes.ts'
import type { QuoteSpan } from './events.ts'
import { family, getEntity } from './entities.ts'
import { factVersions, originOf, type FactRow } from './rows.ts'
import { common, type Span } from './spans.ts'

/** `keep` what is believed, `believe` what was said against it, or neither: what is believed ends when that was said. */
export type Outcome = 'keep' | 'believe' | 'end'

/**
 * What the operator's word on a conflict changes, for one commit with that word. What it makes believed is believed on
 * the operator's word. Throws `fact.erased` where nobody knows any more what was said.
 */
export async function settle(
  store: Store,
  conflict: ConflictRow,
  outcome: Outcome,
  by: { readonly actor: string; readonly reason: string | null },
): Promise<{ readonly events: readonly EventInput[]; readonly guards: readonly Guard[] }> {
  const { entity, attribute, slot, says } = conflict
  const voice: Voice = {
    actor: by.actor,
    trust: 'operator',
    makers: ['operator'],
    source: conflict.source,
    parties: [],
    span: conflict.span === null ? null : (JSON.parse(conflict.span) as QuoteSpan),
    reason: by.reason,
    // The decision at its gate comes first in the commit.
    cause: { index: 0 },
  }
  const { kind } = await getEntity(store, entity)
  const whole = await family(store, entity)
  const subject = { kind: { entity: kind, attributes: {} }, family: whole }
  const change = await Change.begin(store, subject, voice)
  const span = { from: conflict.valid_from, to: conflict.valid_to }
  if (outcome === 'end' || (outcome === 'believe' && (says === 'value' || says === 'end')))
    await sidesStand(store, conflict, whole.members, says === 'end' ? { from: span.from, to: null } : span)
  if (says === 'merge') await settleMerge(store, change, conflict, outcome)
  else if (outcome === 'believe' && says === 'value') {
    await undoReplaced(store, change, conflict, whole.members)
    await change.put(entity, attribute, slot, known(conflict.value), span)
  } else if (outcome === 'end' || (outcome === 'believe' && says === 'end')) {
    for (const member of whole.members) {
      const over = { from: conflict.valid_from, to: says === 'end' ? null : conflict.valid_to }
      change.endOver(await Beliefs.read(store, member, attribute, slot, over), over)
    }
  } else if (outcome === 'believe' && says === 'retract') {
    const [origin] = JSON.parse(conflict.against) as string[]
    const [wrong] = await factVersions(store, [origin!])
    if (wrong && wrong.retracted_seq === null)
      await change.takeBack(await Beliefs.read(store, wrong.entity, attribute, wrong.slot, AT_ANY_TIME), origin!)
  }
  const settled = conflictSettled(entity, { conflict: conflict.id, outcome }, { actor: by.actor, cause: { index: 0 } })
  // Causes count from the decision, which stands before these events in its commit.
  const events = change.events.map((event, i) => ({ ...event, cause: { index: i } }))
  return { events: [...events, settled], guards: [...change.guards, conflictIsOpen(conflict.id)] }
}

/** What was said since is on neither side: whoever decided has not been shown it, and does not replace or end it unseen. */
async function sidesStand(store: Store, conflict: ConflictRow, members: readonly string[], span: Span): Promise<void> {
  const { attribute, slot, rival, opened_seq: opened } = conflict
  const shown = await factVersions(store, [...(JSON.parse(conflict.against) as string[]), ...(rival ? [rival] : [])])
  const sides = new Set([...shown.map((row) => row.value), conflict.value].filter((v) => v !== null).map(hashOf))
  for (const member of members)
    for (const { row, said } of (await Beliefs.read(store, member, attribute, slot, span)).held)
      if (said > opened && (row.value === null || !sides.has(hashOf(row.value))))
        throw new FactotumError(
          'fact.sides_moved',
          `What is believed of "${attribute}" has changed since this was asked. Keep what is believed, or keep it here and then say what is so: factotum fact assert.`,
        )
}

function hashOf(value: string): string {
  return shortHash(JSON.parse(value))
}

/** A set's value that was to be corrected to another makes room for it. */
async function undoReplaced(
  store: Store,
  change: Change,
  { against, slot, attribute }: ConflictRow,
  members: readonly string[],
): Promise<void> {
  for (const row of await factVersions(store, JSON.parse(against) as string[]))
    if (row.slot !== slot && members.includes(row.entity)) {
      const beliefs = await Beliefs.read(store, row.entity, attribute, row.slot, AT_ANY_TIME)
      for (const span of beliefs.held.filter((h) => h.origin === row.id)) change.endOver(beliefs, span)
    }
}

/** Both are believed of a part each: the one that is right is said again by the operator for the time in question, and so outranks the other. */
async function settleMerge(store: Store, change: Change, conflict: ConflictRow, outcome: Outcome): Promise<void> {
  const { attribute, slot } = conflict
  const [shown] = JSON.parse(conflict.against) as string[]
  const sides = await factVersions(store, [shown!, conflict.rival!])
  const believed: { row: FactRow; beliefs: Beliefs }[] = []
  for (const row of sides)
    believed.push({ row, beliefs: await Beliefs.read(store, row.entity, attribute, slot, AT_ANY_TIME) })
  const over = { from: conflict.valid_from, to: conflict.valid_to }
  if (outcome === 'end') {
    for (const { beliefs } of believed) change.endOver(beliefs, over)
    return
  }
  const right = believed[outcome === 'keep' ? 0 : 1]
  if (!right) return
  for (const held of right.beliefs.held.filter((h) => h.origin === originOf(right.row))) {
    const span = common(held, over)
    if (span) await change.put(right.row.entity, attribute, slot, known(right.row.value), span)
  }
}

function known(value: string | null): Json {
  if (value === null)
    throw new FactotumError('fact.erased', 'What was said has been erased: it can only be kept out, or ended.')
  return JSON.parse(value) as Json
}
