import { isAtLeast, type Trust } from '../signals.ts'
import type { Store } from '../../store/index.ts'
import { candidateOf, Candidates } from './candidates.ts'
import type { Citation } from './citation.ts'
import type { Encoder } from './encoder.ts'
import { factsFor, scopesOf, type RecalledFact } from './facts.ts'
import { catchUp, indexState, type PassageRow } from './indexing.ts'
import { rank, type Ranking } from './rank.ts'
import { isKnown, isSource, type Role } from './sources.ts'
import { terms } from './terms.ts'
import { Vectors, type EncoderPrice, type Meaning } from './vectors.ts'

export const DEFAULT_BUDGET_TOKENS = 2_000
/** What a token is taken for: exact enough for a budget, and the same for every model. */
export const CHARACTERS_PER_TOKEN = 4
const MAX_QUERY_CHARACTERS = 20_000

export interface Asked {
  readonly query: string
  /** Ids of entities: nothing that is about others is answered. Absent: everything is looked through. */
  readonly about?: readonly string[]
  /** As it was then, epoch ms: what was said by then, in the versions that held. Default: now. */
  readonly asOf?: number
  /** Tokens of 4 characters. Default 2,000. */
  readonly budget?: number
  /** Nothing that is believed less. */
  readonly trust?: Trust
  readonly kinds?: readonly RecallKind[]
  /** Messages and documents that are not looked at: what the question comes from. */
  readonly except?: readonly string[]
}

export type RecallKind = 'message' | 'document' | 'fact'

export interface RecalledPassage {
  readonly citation: Citation
  readonly text: string
  /** Subject, or title and headings. */
  readonly heading: string
  readonly at: number
  readonly role: Role
  readonly speaker: string | null
  readonly trust: Trust
  /** 0 to 1. */
  readonly score: number
}

export interface Recalled {
  readonly passages: readonly RecalledPassage[]
  /** Conversations (their id) and documents ("id@version") that were looked at, best first, whatever fits the budget. */
  readonly documents: Ranking['documents']
  readonly facts: readonly RecalledFact[]
  /** Why there is nothing, where there is nothing. */
  readonly nothing: string | null
  /** The code of what the encoder failed by, where words alone had to do. */
  readonly withoutMeaning: string | null
}

/** Finds again what the company was told and knows. Keeps its index up to date: behind every commit, and when asked. */
export class Recall {
  readonly #store: Store
  /** What counts as known: the store itself, or the company as it was. */
  readonly #known: Store
  readonly #candidates: Candidates
  readonly #vectors: Vectors | null
  #catching: Promise<void> | null = null
  #again = false
  #stopped = false
  #stopListening: (() => void) | null = null

  /** Without an encoder, words alone are looked for. */
  constructor(store: Store, encoder: Encoder | null = null, price: EncoderPrice | null = null, known: Store = store) {
    this.#store = store
    this.#known = known
    this.#vectors = encoder && new Vectors(store, encoder, price)
    this.#candidates = new Candidates(store)
  }

  /** Recall in the company as it was: the index of now is asked, and of what it finds counts what was known then. */
  asOf(then: Store): Recall {
    const { encoder = null, price = null } = this.#vectors ?? {}
    return new Recall(this.#store, encoder, price, then)
  }

  /** Indexes what there is and what comes, in the background. `onError`: it will be tried with the next commit. */
  start(onError: (error: unknown) => void): void {
    const index = () => void this.#catchUp().catch(onError)
    this.#stopListening = this.#store.onCommit((rows) => {
      if (rows.some((row) => isSource(row.kind))) index()
    })
    index()
  }

  /** Ends after what is being written. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#stopListening?.()
    await this.#catching?.catch(() => {})
    await this.#vectors?.settled()
  }

  /** One at a time; who asks meanwhile waits for a look that began after they asked. */
  async #catchUp(): Promise<void> {
    this.#again = true
    while (this.#catching) await this.#catching
    if (!this.#again || this.#stopped) return
    this.#again = false
    this.#catching = catchUp(this.#store, () => this.#stopped).finally(() => {
      this.#catching = null
    })
    await this.#catching
  }

  /** Everything that is committed is indexed when this resolves. */
  async upToDate(): Promise<void> {
    await this.#catchUp()
  }

  async recall(asked: Asked): Promise<Recalled> {
    const { budget = DEFAULT_BUDGET_TOKENS } = asked
    const query = asked.query.slice(0, MAX_QUERY_CHARACTERS)
    const kinds = new Set<RecallKind>(asked.kinds ?? ['message', 'document', 'fact'])
    let left = budget * CHARACTERS_PER_TOKEN
    const facts: RecalledFact[] = []
    if (kinds.has('fact'))
      for (const fact of await factsFor(this.#known, query, asked.about ?? null, asked.asOf ?? null))
        if (isAtLeast(fact.trust, asked.trust) && (left -= costOf(fact)) >= 0) facts.push(fact)
    const ranked = kinds.has('message') || kinds.has('document') ? await this.#rank(query, asked, kinds) : NONE
    const passages: RecalledPassage[] = []
    for (const passage of ranked.passages) {
      if (passage.text.length > left) continue
      left -= passage.text.length
      passages.push(passage)
    }
    const empty = facts.length + passages.length === 0
    const nothing = empty ? (ranked.reason ?? 'nothing that was found fits the budget') : null
    return { facts, passages, documents: ranked.documents, nothing, withoutMeaning: ranked.meaning }
  }

  async #rank(query: string, asked: Asked, kinds: ReadonlySet<RecallKind>): Promise<Ranked> {
    await this.#catchUp()
    const words = terms(query)
    if (words.length === 0) return { ...NONE, reason: 'the question has no words to look for' }
    const corpus = await this.#candidates.corpus(words, await indexState(this.#store))
    const scopes = asked.about ? await this.#scopes(asked.about) : null
    const found = await this.#candidates.find({ scopes, allows: this.#allowing(asked, kinds) }, words, corpus)
    const rows = this.#known === this.#store ? found : await this.#knownThen(found, asked.asOf ?? null)
    const byId = new Map(rows.map((row) => [row.id, row]))
    const order = (meaning: Meaning | null) => {
      const vector = meaning?.question ?? null
      const question = { text: query, terms: words, now: asked.asOf ?? this.#known.clock.now(), vector }
      const seen = rows.map((row) => candidateOf(row, meaning?.byHash.get(row.hash) ?? null))
      const { passages, documents, reason } = rank(question, seen, corpus)
      return {
        passages: passages.map(({ id, score }) => passageOf(byId.get(id)!, score)),
        documents,
        reason,
        ids: passages.map((p) => p.id),
      }
    }
    const lexical = order(null)
    if (!this.#vectors || rows.length === 0) return { ...lexical, meaning: null }
    const first = new Set(lexical.ids)
    const inOrder = [...lexical.ids.map((id) => byId.get(id)!), ...rows.filter((row) => !first.has(row.id))]
    const meaning = await this.#vectors.of(query, inOrder)
    if ('failed' in meaning) return { ...lexical, meaning: meaning.failed }
    const ranked = order(meaning)
    const changed = ranked.ids.slice(0, LOOKED_AT).join() !== lexical.ids.slice(0, LOOKED_AT).join()
    await this.#vectors.used(
      ranked.ids.slice(0, LOOKED_AT).map((id) => byId.get(id)!),
      rows,
      changed,
    )
    return { ...ranked, meaning: null }
  }

  async #scopes(entities: readonly string[]): Promise<string[]> {
    return [...new Set((await Promise.all(entities.map((id) => scopesOf(this.#known, id)))).flat())]
  }

  /** Time, trust, kind and what is left out: what fails one of them is never looked at. */
  #allowing({ asOf, trust, except = [] }: Asked, kinds: ReadonlySet<RecallKind>): (row: PassageRow) => boolean {
    const inPast = this.#known !== this.#store
    const then = Math.min(asOf ?? Infinity, inPast ? this.#known.clock.now() : Infinity)
    const left = new Set(except)
    const holds = (row: PassageRow) =>
      asOf === undefined ? row.until === null : row.until === null || row.until > asOf
    return (row) =>
      kinds.has(row.version > 0 ? 'document' : 'message') &&
      row.at <= then &&
      // Until when it held is not for the index of now to say of then.
      (inPast || holds(row)) &&
      isAtLeast(row.trust, trust) &&
      !left.has(row.source)
  }

  async #knownThen(rows: readonly PassageRow[], asOf: number | null): Promise<PassageRow[]> {
    const sources = new Set(rows.map((row) => `${row.source} ${row.version}`))
    const known = new Set<string>()
    for (const one of sources) {
      const [source = '', version] = one.split(' ')
      if (await isKnown(this.#known, source, Number(version), asOf)) known.add(one)
    }
    return rows.filter((row) => known.has(`${row.source} ${row.version}`))
  }
}

interface Ranked {
  readonly passages: readonly RecalledPassage[]
  readonly documents: Ranking['documents']
  readonly reason: string | null
  readonly meaning: string | null
}

const NONE: Ranked = { passages: [], documents: [], reason: 'no fact is named by the question', meaning: null }

/** Of an answer, so many passages are compared with what words alone would have answered. */
const LOOKED_AT = 10

function passageOf(row: PassageRow, score: number): RecalledPassage {
  const { source, version, begins: start, ends: end, hash, text, heading, at, role, speaker, trust } = row
  return { citation: { source, version, start, end, hash }, text, heading, at, role, speaker, trust, score }
}

function costOf({ attribute, value }: RecalledFact): number {
  return attribute.length + value.length
}
