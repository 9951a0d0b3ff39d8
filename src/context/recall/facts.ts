import { conflictsAbout, factsOf, family, isAgainst, keysOfFamily, lookupKey, momentOf } from '../facts.ts'
import type { Trust } from '../signals.ts'
import { sql, type Store } from '../../store/index.ts'
import { terms } from './terms.ts'

/** A fact that a question names: by its attribute, or by its value. */
export interface RecalledFact {
  readonly id: string
  readonly entity: string
  readonly attribute: string
  /** JSON. */
  readonly value: string
  /** From when it holds, epoch ms. */
  readonly since: number
  readonly trust: Trust
  /** Somebody said otherwise, and the operator has not decided yet. */
  readonly disputed: boolean
}

const entitiesWithKey = sql('select entity from entity_key where lookup = ? order by entity limit 10')

/**
 * What a passage about an entity is marked with: its id, and the HMACs of the addresses that it is known by; of all that
 * it was merged with.
 */
export async function scopesOf(store: Store, entity: string): Promise<string[]> {
  const all = await family(store, entity)
  return [...all.members, ...(await keysOfFamily(store, all)).map((k) => k.lookup)]
}

/** The entities that a key names (an address, a customer number), of whatever kind; merged ones as the whole. */
export async function entitiesNamed(store: Store, key: string): Promise<string[]> {
  const found = await store.read<{ entity: string }>(entitiesWithKey(lookupKey(store, key)))
  return [...new Set(await Promise.all(found.map(async ({ entity }) => (await family(store, entity)).whole)))]
}

const MOST_NAMES = 20
const MOST_FACTS = 20

/** Words of a question that may be somebody's key: whole, as they stand. */
function namesIn(query: string): string[] {
  const words = query.match(/[^\s<>()"',;]{3,200}/g) ?? []
  return [...new Set(words.map((w) => w.replace(/[.?!:]+$/, '')))].filter((w) => /[@\d]/.test(w)).slice(0, MOST_NAMES)
}

/**
 * The facts that a question names, of whom it is about or of whom its words name by a key. A fact is named by every word
 * of its attribute (`lastCharge`: last charge), or by every word of its value. `asOf`: what held then, as it was believed then.
 */
export async function factsFor(
  store: Store,
  query: string,
  about: readonly string[] | null,
  asOf: number | null,
): Promise<RecalledFact[]> {
  const entities = new Set(about)
  if (about === null)
    for (const name of namesIn(query)) for (const id of await entitiesNamed(store, name)) entities.add(id)
  const asked = new Set(terms(query))
  const found: RecalledFact[] = []
  const moment = await momentOf(store, asOf === null ? {} : { recorded: asOf })
  const { recorded } = moment
  const wholes = new Map<string, readonly string[]>()
  for (const entity of entities) {
    const { whole, members } = await family(store, entity, recorded)
    wholes.set(whole, members)
  }
  for (const [entity, members] of wholes) {
    const open = (await conflictsAbout(store, members)).filter((c) =>
      recorded === null
        ? c.state === 'open'
        : c.opened_seq <= recorded && (c.settled_seq === null || c.settled_seq > recorded),
    )
    for (const row of await factsOf(store, members, moment)) {
      if (row.value === null || !(names(asked, splitName(row.attribute)) || names(asked, valueText(row.value))))
        continue
      const { id, attribute, value, valid_from: since, trust } = row
      const disputed = open.some((c) => isAgainst(c, row, moment.valid))
      found.push({ id, entity, attribute, value, since, trust, disputed })
    }
  }
  return found.slice(0, MOST_FACTS)
}

function names(asked: ReadonlySet<string>, text: string): boolean {
  const words = terms(text)
  return words.length > 0 && words.length <= 8 && words.every((word) => asked.has(word))
}

function splitName(attribute: string): string {
  return attribute.replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2').replaceAll('_', ' ')
}

/** Numbers and flags alone name nothing: "true" or "2" stands in any question. */
function valueText(value: string): string {
  const parsed = JSON.parse(value) as unknown
  return typeof parsed === 'string' ? parsed : ''
}
