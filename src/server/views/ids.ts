import { FactotumError } from '../../lib/errors.ts'
import { sql, type Store } from '../../store/index.ts'

const find = (ids: string) => ({
  exact: sql(`select id from (${ids}) known where id = ? limit 1`),
  // Reads every id there is.
  part: sql(`select distinct id from (${ids}) known where id like ? escape '!' limit 2`),
})

/** What an id may be of; a record is anything with events of its own. */
const KNOWN = {
  gate: find('select id from gate'),
  run: find('select id from run'),
  effect: find('select id from effect'),
  'run or effect': find('select id from run union all select id from effect'),
  'run, effect or decision': find(
    'select id from run union all select id from effect union all select id from decision',
  ),
  entity: find('select id from entity'),
  decision: find('select id from decision'),
  'decision or gate': find('select id from decision union all select id from gate'),
  'decision or effect': find('select id from decision union all select id from effect'),
  signal: find('select id from signal'),
  conversation: find('select id from conversation'),
  task: find('select id from task'),
  record: find('select stream as id from event'),
} as const
const SHORTEST = 4

/** A whole id, or any part of it (at least four characters) that only one has. Throws `id.not_found`, `id.ambiguous`. */
export async function resolveId(store: Store, of: keyof typeof KNOWN, id: string): Promise<string> {
  if (of === 'record' && /^\d+$/.test(id)) return id
  const plain = /^[\w:.@-]+$/.test(id)
  if (plain && (await store.first(KNOWN[of].exact(id)))) return id
  // What every id of a kind begins with tells none of them apart.
  const part = id
    .replace(/^(run|gate|eff|sig|dec|ent|conv|fact|sch|use|away|dig|prb|task|cpl)(_|$)/, '')
    .replaceAll('_', '')
  if (!plain || part.length < SHORTEST)
    throw new FactotumError(
      'id.not_found',
      `"${id}" is not an id. Give the whole id, or at least ${SHORTEST} characters of it.`,
    )
  const found = await store.read<{ id: string }>(KNOWN[of].part(`%${id.replaceAll('_', '!_')}%`))
  if (found.length === 1) return found[0]!.id
  if (found.length > 1)
    throw new FactotumError('id.ambiguous', `More than one ${of} has "${id}" in its id. Give more of it.`)
  throw new FactotumError('id.not_found', `There is no ${of} "${id}".`)
}
