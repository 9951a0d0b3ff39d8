import { askedDate, asksForDuration, asksForNumber, asksForTime, dateMatch, DURATION, NUMBER, TIME } from './asked.ts'
import type { Candidate, Corpus, Question } from './rank.ts'
import { terms as termsOf } from './terms.ts'
import { bm25, counts, isDialogue, sieve, wordWeights } from './words.ts'

/** What speaks for a passage. Words are shares of what a passage could have at most, so that questions compare. */
export interface Evidence {
  /** BM25 of the question's words, names of speakers left out. */
  readonly words: number
  /** Words with the beginning of a word of the question that the passage lacks. */
  readonly near: number
  /** `words` of the two passages before and the two behind, added up. */
  readonly around: number
  /** `words` of the passage before, where that asks something. */
  readonly asked: number
  /** BM25 of the whole conversation or document. */
  readonly whole: number
  /** 1: the question names who says it. */
  readonly speaker: number
  /** How well its time fits a date that the question names: 0 to 3. */
  readonly date: number
  /** 1: it is a note or a document, written to be recalled. */
  readonly kept: number
  /** Logarithm of its number of words: who says little answers little. What is kept stands alone, however short. */
  readonly length: number
  /** 1: it ends by asking. */
  readonly question: number
  /** How many words of time it has, at most 2, where the question asks when. Where it asks how long: 2 for a length of time, else at most 1. */
  readonly time: number
  /** 1: it has a number, where the question asks how many. */
  readonly number: number
  /** Share of the words that the best passages have in common beyond the question. */
  readonly feedback: number
  /** Cosine to the question above that of the farthest passage that has a vector. */
  readonly meaning: number
  /** `meaning` of the passage before and the one behind, added up. */
  readonly meaningAround: number
}

/** What speaks for a conversation or document as one text, beside its best passage. */
export interface WholeEvidence {
  /** BM25 beside the others, as a share of what one could have at most. */
  readonly words: number
  /** Share of the pairs of words that follow each other in the question and do so in one of its passages too. */
  readonly pairs: number
  /** The most that one of its passages has. */
  readonly meaning: number
}

/** The longest turns of the talks that its weight was fitted to: mails are longer, and nothing is known of what that says. */
const LONGEST = 40
const FEEDBACK_PASSAGES = 6
const FEEDBACK_WORDS = 12

/** The evidence for each candidate, in their order, and that of each whole. */
export function evidenceOf(
  question: Question,
  candidates: readonly Candidate[],
  corpus: Corpus,
  all: ReadonlyMap<string, number>,
): { evidence: Evidence[]; wholes: Map<string, WholeEvidence> } {
  const { names, named } = speakersIn(question, candidates)
  const weights = new Map([...all].filter(([term]) => !names.has(term)))
  const most = Math.max(sum(weights.values()), 1e-9)
  const meanTerms = Math.max(1, corpus.meanTerms)
  const maybe = sieve(weights.keys())
  const tfs = candidates.map((c) => counts(c, weights, maybe))
  const words = candidates.map((c, i) => bm25(tfs[i]!, weights, c.terms.length / meanTerms) / most)
  const nears = nearWords(candidates, weights)
  const near = nears.map((found, i) => {
    let total = 0
    for (const [term, share] of found) if (!tfs[i]!.has(term)) total += weights.get(term)! * share
    return total / most
  })
  const wholeWords = wholeScores(candidates, tfs, nears, [...weights.keys()])
  const places = placesOf(candidates)
  // Who answers does not say again what was asked; a paragraph of a document does say what it is about.
  const beside = (i: number, by: number) => {
    const c = candidates[i]!
    return isDialogue(c) ? places.get(c.doc)!.get(c.n + by) : undefined
  }
  const at = (of: readonly number[], place: number | undefined) => (place === undefined ? 0 : of[place]!)
  const feedback = feedbackOf(candidates, words, weights, names, corpus)
  const date = askedDate(question.text, question.now)
  const when = asksForTime(question.text)
  const long = asksForDuration(question.text)
  const many = asksForNumber(question.text)
  const meaning = meanings(question, candidates)
  const evidence = candidates.map((c, i): Evidence => {
    const before = beside(i, -1)
    const behind = beside(i, 1)
    return {
      words: words[i]!,
      near: near[i]!,
      around: at(words, before) + at(words, behind) + at(words, beside(i, -2)) + at(words, beside(i, 2)),
      asked: before !== undefined && candidates[before]!.text.includes('?') ? words[before]! : 0,
      whole: wholeWords.get(c.doc)!,
      speaker: c.speaker !== null && named.has(c.speaker) ? 1 : 0,
      date: date ? dateMatch(date, c.at) : 0,
      kept: isDialogue(c) ? 0 : 1,
      length: Math.log(1 + (isDialogue(c) ? Math.min(LONGEST, c.terms.length) : LONGEST)),
      question: /\?\s*(?:\(|$)/.test(c.text.slice(-200)) ? 1 : 0,
      time: when ? timesIn(c.text, long) : 0,
      number: many && NUMBER.test(c.text) ? 1 : 0,
      feedback: feedback[i]!,
      meaning: meaning[i]!,
      meaningAround: at(meaning, before) + at(meaning, behind),
    }
  })
  const pairs = pairShares(
    question.terms.filter((term) => !names.has(term)),
    // Where only one of the question's words stands there is no pair.
    candidates.filter((_, i) => tfs[i]!.size > 1),
  )
  const meant = new Map<string, number>()
  for (const [i, { doc }] of candidates.entries()) meant.set(doc, Math.max(meant.get(doc) ?? 0, meaning[i]!))
  const wholes = new Map(
    [...wholeWords].map(([doc, says]) => [doc, { words: says, pairs: pairs.get(doc) ?? 0, meaning: meant.get(doc)! }]),
  )
  return { evidence, wholes }
}

function timesIn(text: string, long: boolean): number {
  if (long && DURATION.test(text)) return 2
  return Math.min(long ? 1 : 2, text.match(TIME)?.length ?? 0)
}

/** The words of the question that are names of who speaks, and who that is. */
function speakersIn({ terms }: Question, candidates: readonly Candidate[]) {
  const asked = new Set(terms)
  const names = new Set<string>()
  const named = new Set<string>()
  for (const speaker of new Set(candidates.map((c) => c.speaker)))
    if (speaker !== null)
      for (const term of termsOf(speaker.replace(/@.*/, '')))
        if (asked.has(term)) {
          names.add(term)
          named.add(speaker)
        }
  return { names, named }
}

/** Of each passage, the question's words that one of its own begins like: at least 4 letters, and 60 % of the longer one. */
function nearWords(candidates: readonly Candidate[], weights: ReadonlyMap<string, number>): Map<string, number>[] {
  const asked = [...weights.keys()].filter((term) => /^\p{L}{4,}$/u.test(term))
  // By the two letters that are compared first.
  const begins = new Set(asked.map(beginning))
  const cache = new Map<string, readonly [string, number] | null>()
  const like = (word: string): readonly [string, number] | null => {
    for (const term of asked) {
      if (beginning(term) !== beginning(word)) continue
      let same = 0
      while (same < word.length && word.charCodeAt(same) === term.charCodeAt(same)) same++
      const share = same / Math.max(word.length, term.length)
      if (same >= 4 && share >= 0.6) return [term, share]
    }
    return null
  }
  return candidates.map((c) => {
    const found = new Map<string, number>()
    for (const word of c.terms) {
      if (word.length < 4 || !begins.has(beginning(word)) || weights.has(word)) continue
      let hit = cache.get(word)
      if (hit === undefined) cache.set(word, (hit = like(word)))
      if (hit && (found.get(hit[0]) ?? 0) < hit[1]) found.set(hit[0], hit[1])
    }
    return found
  })
}

/** The first and the fourth letter as one number. */
function beginning(word: string): number {
  return word.charCodeAt(0) * 65_536 + word.charCodeAt(3)
}

/** Each conversation or document as one text: how much it says of the question beside the others, 0 to about 1. */
function wholeScores(
  candidates: readonly Candidate[],
  tfs: readonly ReadonlyMap<string, number>[],
  nears: readonly ReadonlyMap<string, number>[],
  terms: readonly string[],
): Map<string, number> {
  const wholes = new Map<string, { tf: Map<string, number>; length: number }>()
  for (const [i, c] of candidates.entries()) {
    let whole = wholes.get(c.doc)
    if (!whole) wholes.set(c.doc, (whole = { tf: new Map(), length: 0 }))
    whole.length += c.terms.length
    for (const [term, n] of tfs[i]!) whole.tf.set(term, (whole.tf.get(term) ?? 0) + n)
    for (const [term, share] of nears[i]!)
      if (!tfs[i]!.has(term)) whole.tf.set(term, (whole.tf.get(term) ?? 0) + share / 2)
  }
  const df = new Map<string, number>()
  let total = 0
  for (const { tf, length } of wholes.values()) {
    total += length
    for (const term of tf.keys()) df.set(term, (df.get(term) ?? 0) + 1)
  }
  const weights = wordWeights(terms, { passages: wholes.size, meanTerms: 1, df })
  const most = Math.max(sum(weights.values()), 1e-9)
  const mean = Math.max(1, total / Math.max(1, wholes.size))
  return new Map(
    [...wholes].map(([doc, { tf, length }]) => [doc, bm25(tf, weights, length / mean, 1.2, 0.5) / most] as const),
  )
}

/** Of the conversations and documents that have any: what share of the question's pairs of neighbouring words stands in them. */
function pairShares(asked: readonly string[], candidates: readonly Candidate[]): Map<string, number> {
  const pairs = new Set(asked.slice(1).map((term, i) => `${asked[i]!} ${term}`))
  const firsts = new Set(asked.slice(0, -1))
  const found = new Map<string, Set<string>>()
  for (const { doc, terms } of candidates)
    for (let i = 1; i < terms.length; i++) {
      if (!firsts.has(terms[i - 1]!)) continue
      const pair = `${terms[i - 1]!} ${terms[i]!}`
      if (pairs.has(pair)) found.set(doc, (found.get(doc) ?? new Set()).add(pair))
    }
  return new Map([...found].map(([doc, of]) => [doc, of.size / pairs.size]))
}

function placesOf(candidates: readonly Candidate[]): Map<string, Map<number, number>> {
  const places = new Map<string, Map<number, number>>()
  for (const [i, { doc, n }] of candidates.entries()) {
    let of = places.get(doc)
    if (!of) places.set(doc, (of = new Map()))
    of.set(n, i)
  }
  return places
}

/** What the best passages have beyond the question is likely to be its subject too (Rocchio's feedback, from the question alone). */
function feedbackOf(
  candidates: readonly Candidate[],
  words: readonly number[],
  weights: ReadonlyMap<string, number>,
  names: ReadonlySet<string>,
  { passages }: Corpus,
): number[] {
  const best = [...words.keys()].sort((a, b) => words[b]! - words[a]!).slice(0, FEEDBACK_PASSAGES)
  const found = new Map<string, number>()
  for (const i of best)
    if (words[i]! > 0)
      for (const term of new Set(candidates[i]!.terms))
        if (!weights.has(term) && !names.has(term)) found.set(term, (found.get(term) ?? 0) + words[i]!)
  if (found.size === 0) return words.map(() => 0)
  // How common a word is that was not asked for is known among the candidates alone.
  const seen = new Map([...found.keys()].map((term) => [term, { n: 0, last: -1 }]))
  const maybe = sieve(found.keys())
  for (const [i, { terms }] of candidates.entries())
    for (const term of terms) {
      const of = maybe(term) ? seen.get(term) : undefined
      if (!of || of.last === i) continue
      of.n++
      of.last = i
    }
  const df = new Map([...seen].map(([term, { n }]) => [term, n]))
  const of = Math.min(passages, candidates.length)
  const rare = wordWeights([...found.keys()], { passages: of, meanTerms: 1, df })
  const kept = new Map(
    [...found]
      .map(([term, weight]) => [term, weight * rare.get(term)!] as const)
      .sort((a, b) => b[1] - a[1])
      .slice(0, FEEDBACK_WORDS),
  )
  const most = Math.max(sum(kept.values()), 1e-9)
  const likely = sieve(kept.keys())
  return candidates.map(({ terms }) => {
    let total = 0
    for (const term of new Set(terms.filter((t) => likely(t) && kept.has(t)))) total += kept.get(term)!
    return total / most
  })
}

function meanings({ vector }: Question, candidates: readonly Candidate[]): number[] {
  if (!vector) return candidates.map(() => 0)
  const cosines = candidates.map((c) => (c.vector ? dot(vector, c.vector) : null))
  const least = Math.min(...cosines.filter((cosine) => cosine !== null))
  return cosines.map((cosine) => (cosine === null ? 0 : cosine - least))
}

/** Of vectors of unit length; 0 where one is missing. */
export function cosine(a: Float32Array | null, b: Float32Array | null): number {
  return a && b ? dot(a, b) : 0
}

function dot(a: Float32Array, b: Float32Array): number {
  let total = 0
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!
  return total
}

function sum(values: Iterable<number>): number {
  let total = 0
  for (const value of values) total += value
  return total
}
