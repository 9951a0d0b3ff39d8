import type { Candidate, Corpus, Question, Ranking } from './rank.ts'
import { terms as termsOf } from './terms.ts'
import { bm25, counts, IN_TITLE, isDialogue, sieve, wordWeights } from './words.ts'

/** A question of more different words tells a story with several needs: it is asked sentence by sentence. */
const STORY = 40
/** The higher, the more one sentence that fits counts beside many that fit a little. Chosen, as the weight below, on the choosing half. */
const POWER = 3
const TITLE = 0.5
const WHOLE = 0.5
/** What scores below this share of the best is about something else. */
const TAIL = 0.2

export function isStory(terms: readonly string[]): boolean {
  return new Set(terms).size > STORY
}

/**
 * A story wants all that bears on any of its sentences: each passage and each document is scored for each sentence, and the scores are
 * joined by a power mean, so that what one sentence is clearly about is not outvoted by what all of them touch. How much of a
 * document's own title the story speaks of comes on top.
 */
export function rankForStory(question: Question, candidates: readonly Candidate[], corpus: Corpus): Ranking {
  const weights = wordWeights(question.terms, corpus)
  const parts = sentences(question.text)
    .map((text) => {
      const of = new Map<string, number>()
      for (const term of termsOf(text)) of.set(term, weights.get(term) ?? 0)
      return of
    })
    .filter((part) => part.size >= 2)
  const lengthOf = (n: number) => n / Math.max(1, corpus.meanTerms)
  const maybe = sieve(weights.keys())
  const own = candidates.map((c) => joined(parts, counts(c, weights, maybe), lengthOf(c.terms.length)))
  const docs = wholesOf(candidates, weights, maybe)
  const titles = titleShares(docs, weights)
  const total = [...docs.values()].reduce((sum, { length }) => sum + length, 0)
  const mean = Math.max(1, total / Math.max(1, docs.size))
  const whole = new Map([...docs].map(([doc, { tf, length }]) => [doc, joined(parts, tf, length / mean)] as const))
  const most = Math.max(1e-9, ...whole.values())
  const mostOwn = Math.max(1e-9, ...own)
  const documents = [...whole]
    .map(([doc, score]) => ({ doc, score: (score / most + TITLE * titles.get(doc)!) / (1 + TITLE) }))
    .sort((a, b) => b.score - a.score)
  const scoreOf = new Map(documents.map(({ doc, score }) => [doc, score]))
  const passages = candidates
    .map(({ id, doc }, i) => ({ id, score: (1 - WHOLE) * (own[i]! / mostOwn) + WHOLE * scoreOf.get(doc)! }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
  const best = own.some((score) => score > 0) ? (passages[0]?.score ?? 0) : 0
  return {
    passages: best > 0 ? passages.filter(({ score }) => score >= TAIL * best) : [],
    documents,
    reason: best > 0 ? null : 'no passage says enough of what was asked',
  }
}

/** Lines, and the sentences of them. */
function sentences(text: string): string[] {
  return text.split(/\n+|(?<=[.!?]["')*]*)\s+/)
}

function joined(
  parts: readonly ReadonlyMap<string, number>[],
  tf: ReadonlyMap<string, number>,
  length: number,
): number {
  let sum = 0
  for (const part of parts) sum += bm25(tf, part, length, 1.2, 0.75) ** POWER
  return sum ** (1 / POWER)
}

interface Whole {
  readonly title: readonly string[]
  readonly tf: Map<string, number>
  length: number
}

/** Each document as one text, its title counted once. */
function wholesOf(
  candidates: readonly Candidate[],
  weights: ReadonlyMap<string, number>,
  maybe: (word: string) => boolean,
): Map<string, Whole> {
  const docs = new Map<string, Whole>()
  for (const c of candidates) {
    let doc = docs.get(c.doc)
    if (!doc) {
      const title = isDialogue(c) ? [] : [...new Set(termsOf(c.heading.split(' / ', 1)[0]!))]
      docs.set(
        c.doc,
        (doc = { title, tf: new Map(title.filter((t) => weights.has(t)).map((t) => [t, IN_TITLE])), length: 0 }),
      )
    }
    doc.length += c.terms.length
    for (const term of c.terms) if (maybe(term) && weights.has(term)) doc.tf.set(term, (doc.tf.get(term) ?? 0) + 1)
  }
  return docs
}

/** How much of each title the question speaks of, 0 to 1: its words weighed by how few of the titles have them. */
function titleShares(docs: ReadonlyMap<string, Whole>, asked: ReadonlyMap<string, number>): Map<string, number> {
  const df = new Map<string, number>()
  for (const { title } of docs.values()) for (const term of title) df.set(term, (df.get(term) ?? 0) + 1)
  const weights = wordWeights([...df.keys()], { passages: docs.size, meanTerms: 1, df })
  return new Map(
    [...docs].map(([doc, { title }]) => {
      let all = 0
      let has = 0
      for (const term of title) {
        all += weights.get(term)!
        if (asked.has(term)) has += weights.get(term)!
      }
      return [doc, all === 0 ? 0 : has / all] as const
    }),
  )
}
