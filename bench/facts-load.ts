import { joinConversation } from '../src/context/conversations.ts'
import { attribute, Change, entity, entityCreated, lookupKey, type Voice } from '../src/context/facts.ts'
import { factAsserted } from '../src/context/facts/events.ts'
import { z } from '../src/index.ts'
import type { FakeClock } from '../src/testing.ts'
import type { EventInput, Store } from '../src/store/index.ts'

const text = z.string()
export const Customer = entity('customer', {
  name: text,
  plan: attribute(z.enum(['free', 'pro', 'team']), { review: '180d' }),
  city: text,
  phone: text,
  lastOrder: text,
})

const ATTRIBUTES = ['name', 'plan', 'city', 'phone', 'lastOrder'] as const
/** A started company wakes at every alarm on the way: days would cost more than the facts. */
const LATER_MS = 600_000
/** Commits that wait at the same time: as many as fill groups of the largest size. */
const AT_ONCE = 200
/** One entity of so many is contradicted by somebody who may not replace what is believed. */
const CONFLICT_EVERY = 100

/** The same numbers at each run: mulberry32, public domain. */
export function numbers(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

export const addressOf = (n: number) => `customer${n}@example.org`

function voice(trust: Voice['trust']): Voice {
  const maker = 'workflow:read-mail@1'
  return {
    actor: 'run:bench',
    trust,
    makers: [maker],
    source: null,
    parties: [],
    span: null,
    reason: null,
    cause: null,
  }
}

function valueOf(name: (typeof ATTRIBUTES)[number], n: number, version: number): string {
  if (name === 'plan') return ['free', 'pro', 'team'][(n + version) % 3]!
  if (name === 'phone') return `+44 20 ${String(7_000_000 + ((n * 7 + version) % 900_000))}`
  return `${name} ${(n * 31 + version * 17) % 50_000}`
}

export interface LoadedFacts {
  readonly entities: readonly string[]
  /** Recorded before the second versions, epoch ms. */
  readonly between: number
  readonly from: number
}

/**
 * Customers with two versions of five attributes each, through the write path: the events that `Change` makes of such statements, with
 * the same rows, made here without reading what is believed before each.
 */
export async function loadFacts(store: Store, clock: FakeClock, count: number): Promise<LoadedFacts> {
  const from = clock.now()
  const entities = Array.from({ length: count }, () => store.newId('ent'))
  const first = new Map<string, string>()
  await inGroups(entities, async (id, n) => {
    const lookup = lookupKey(store, addressOf(n))
    const created = entityCreated(
      id,
      { kind: 'customer', lookup },
      { private: { label: addressOf(n) }, actor: 'run:bench' },
    )
    const said = ATTRIBUTES.map((name) => asserted(store, id, name, valueOf(name, n, 1), from, null, first))
    await store.commit({ key: `first ${n}`, events: [created, ...said] })
  })
  clock.advance(LATER_MS)
  const between = clock.now()
  clock.advance(LATER_MS)
  await inGroups(entities, async (id, n) => {
    const said = ATTRIBUTES.map((name) => asserted(store, id, name, valueOf(name, n, 2), clock.now(), from, first))
    await store.commit({ key: `second ${n}`, events: said })
  })
  clock.advance(LATER_MS)
  return { entities, between, from }
}

function asserted(
  store: Store,
  id: string,
  name: string,
  value: string,
  validFrom: number,
  before: number | null,
  first: Map<string, string>,
): EventInput {
  const fact = store.newId('fact')
  const known = first.get(`${id} ${name}`)
  if (known === undefined) first.set(`${id} ${name}`, fact)
  const cut =
    known === undefined || before === null
      ? { closes: [], keeps: [] }
      : { closes: [known], keeps: [{ fact: store.newId('fact'), of: known, from: before, to: validFrom }] }
  return factAsserted(
    id,
    {
      fact,
      attribute: name,
      slot: '',
      validFrom,
      validTo: null,
      trust: 'verified',
      maker: 'workflow:read-mail@1',
      source: null,
      span: null,
      ...cut,
    },
    { actor: 'run:bench', private: { value, reason: null } },
  )
}

/** Contradictions by outsiders of what verified customers said, by the rules. Their gates are left out: nobody answers them here. */
export async function loadConflicts(store: Store, entities: readonly string[]): Promise<number> {
  const some = entities.filter((_, n) => n % CONFLICT_EVERY === 0)
  await inGroups(some, async (id, n) => {
    const change = await begin(store, id, 'outsider')
    await change.assert('city', `elsewhere ${n}`, { from: store.clock.now(), to: null })
    await store.commit({ key: `conflict ${n}`, events: change.events, guards: change.guards })
  })
  return some.length
}

export function begin(store: Store, id: string, trust: Voice['trust']): Promise<Change> {
  return Change.begin(store, { kind: Customer, family: { whole: id, part: id, members: [id] } }, voice(trust))
}

async function inGroups<T>(all: readonly T[], each: (one: T, n: number) => Promise<void>): Promise<void> {
  for (let at = 0; at < all.length; at += AT_ONCE)
    await Promise.all(all.slice(at, at + AT_ONCE).map((one, i) => each(one, at + i)))
}

const STOP =
  'the of and to in a is that it was for on are with as i be at this have from or had by not but what were we'.split(
    ' ',
  )
const VOCABULARY = 50_000

/** Words as often as in mail: what holds sentences together first, then made-up words by the law of Zipf and Mandelbrot. */
export function writer(random: () => number): (words: number) => string {
  const words = [...STOP, ...Array.from({ length: VOCABULARY }, (_, n) => madeUp(n))]
  const upTo = new Float64Array(words.length)
  let total = 0
  for (let i = 0; i < words.length; i++) upTo[i] = total += 1 / (i + 2.7)
  const word = () => {
    const at = random() * total
    let [low, high] = [0, words.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if (upTo[middle]! < at) low = middle + 1
      else high = middle
    }
    return words[low]!
  }
  return (n) => Array.from({ length: n }, word).join(' ')
}

const CONSONANTS = 'bdfgklmnprtvz'
const VOWELS = 'aeiou'

/** Two to four syllables, each number another word. */
function madeUp(n: number): string {
  let word = ''
  for (let left = n + CONSONANTS.length * VOWELS.length; left > 0;) {
    const syllable = left % (CONSONANTS.length * VOWELS.length)
    word += CONSONANTS[syllable % CONSONANTS.length]! + VOWELS[Math.floor(syllable / CONSONANTS.length)]!
    left = Math.floor(left / (CONSONANTS.length * VOWELS.length))
  }
  return word
}

/** Messages of 30 to 80 words, twenty to a conversation; few customers write much, as it is. Answers their texts by id. */
export async function loadMessages(store: Store, count: number, parties: number): Promise<Map<string, string>> {
  const random = numbers(7)
  const write = writer(random)
  const texts = new Map<string, string>()
  const party: number[] = []
  const ids = Array.from({ length: count }, (_, n) => `message ${n}`)
  await inGroups(ids, async (message, n) => {
    const talk = Math.floor(n / 20)
    party[talk] ??= Math.floor(parties * random() ** 2)
    const [subject, body] = [`about ${write(3)}`, write(30 + Math.floor(random() * 50))]
    texts.set(message, `${subject}\n${body}`)
    const { event, guards } = await joinConversation(store, {
      message,
      direction: 'in',
      party: addressOf(party[talk]),
      subject,
      text: body,
      ids: [`talk ${talk}`, message],
    })
    await store.commit({ key: message, events: [event], guards })
  })
  return texts
}
