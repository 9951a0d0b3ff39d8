import { askingWords } from './asked.ts'
import { cosine, evidenceOf, type Evidence, type WholeEvidence } from './evidence.ts'
import { isStory, rankForStory } from './story.ts'
import { terms as termsOf } from './terms.ts'
import { wordWeights } from './words.ts'

export { lookedUp } from './words.ts'

/** One passage that a question may be answered by. */
export interface Candidate {
  readonly id: number
  /** The conversation or document that it is read in, and its place there: neighbours are n - 1 and n + 1. */
  readonly doc: string
  readonly n: number
  /** Epoch ms. */
  readonly at: number
  readonly role: 'them' | 'us' | 'operator' | 'document'
  /** Who says it, as written. */
  readonly speaker: string | null
  /** Subject, or title and headings above it. */
  readonly heading: string
  readonly text: string
  readonly headingTerms: readonly string[]
  /** Of the text alone. */
  readonly terms: readonly string[]
  /** Of unit length, by the model that the question's was made by. */
  readonly vector: Float32Array | null
}

/** What is known of all passages: how many, how long, and in how many of them each word of the question stands. */
export interface Corpus {
  readonly passages: number
  readonly meanTerms: number
  readonly df: ReadonlyMap<string, number>
}

export interface Question {
  readonly text: string
  readonly terms: readonly string[]
  /** Epoch ms: what "last week" is counted from. */
  readonly now: number
  readonly vector: Float32Array | null
}

export interface Ranking {
  /** Best first, those worth answering; the score is 0 to 1: how sure it is that the passage is on the point. */
  readonly passages: readonly { readonly id: number; readonly score: number }[]
  /** Every document among the candidates, best first. */
  readonly documents: readonly { readonly doc: string; readonly score: number }[]
  /** Why nothing, where there is nothing. */
  readonly reason: string | null
}

/**
 * A linear model of choice (softmax over the passages of a conversation, L2 of 0.002 on standardised evidence), fitted to the choosing
 * half of the questions that bench/recall.ts describes. What vectors say was fitted after the others were fixed. Those talks have nothing
 * that is `kept`: it counts as much as being named as who says it, which puts the sample company's notes before mails that only ask.
 */
const WEIGHTS: Readonly<Record<keyof Evidence, number>> = {
  words: 4.18,
  near: 5.67,
  around: 1.44,
  asked: 2.47,
  whole: 3.37,
  speaker: 3.38,
  date: 3.4,
  kept: 3.38,
  length: 0.83,
  question: -0.69,
  time: 1.32,
  number: 1.09,
  feedback: 1.71,
  meaning: 6.1,
  meaningAround: 1.17,
}

/**
 * A logistic regression of "is evidence" on the sum of the weighted evidence, over the first ten passages of each of those questions; once
 * more where the question has a vector, for then the sums are higher and one sureness means the same in both.
 */
const BY_WORDS = { slope: 0.28, offset: -5.85 }
const BY_MEANING = { slope: 0.256, offset: -6.14 }
/**
 * Of a whole conversation or document beside the sum of its best passage: the same model, as a choice among the sessions of a conversation.
 * Means, sums and soft maxima of more passages brought nothing on held-out conversations of the choosing half.
 */
const WHOLE: Readonly<Record<keyof WholeEvidence, number>> = { words: 0.59, pairs: 3.09, meaning: 4.5 }

/**
 * Nothing is good enough where the best passage is less sure: 1.5 % of the choosing half's questions are refused wrongly by it (0.8 % with
 * vectors), and 65 % (60 %) of those that are asked about the people of another conversation rightly.
 */
const GOOD_ENOUGH = 0.03
/**
 * Less sure, it is good enough all the same by so large a share of the question's words, or by standing so near to it (the cosine of
 * the offline encoder): a single mail has no neighbours that speak for it.
 */
const BY_ITSELF = 0.4
const NEAR = 0.5
/** What is less sure than this share of the best is not worth its place: on the choosing half it is one of a hundred of what is wanted. */
const TAIL = 0.25

/** Orders the passages that may answer a question, and says how sure it is of each. Pure; a few milliseconds for 600. */
export function rank(asked: Question, candidates: readonly Candidate[], corpus: Corpus): Ranking {
  if (isStory(asked.terms)) return rankForStory(asked, candidates, corpus)
  const question = withoutAsking(asked)
  const { evidence, wholes } = evidenceOf(question, candidates, corpus, wordWeights(question.terms, corpus))
  const { slope, offset } = question.vector ? BY_MEANING : BY_WORDS
  const sureness = (sum: number) => 1 / (1 + Math.exp(-(slope * sum + offset)))
  const sums = evidence.map((e) => KINDS.reduce((sum, kind) => sum + WEIGHTS[kind] * e[kind], 0))
  const bests = new Map<string, number>()
  for (const [i, { doc }] of candidates.entries()) bests.set(doc, Math.max(bests.get(doc) ?? -Infinity, sums[i]!))
  const documents = [...wholes]
    .map(([doc, whole]) => ({
      doc,
      score: sureness(WHOLE_KINDS.reduce((sum, kind) => sum + WHOLE[kind] * whole[kind], bests.get(doc)!)),
    }))
    .sort((a, b) => b.score - a.score)
  const passages = candidates
    .map(({ id, at, vector }, i) => ({ id, at, vector, score: sureness(sums[i]!), e: evidence[i]! }))
    .filter(({ e }) => e.words + e.near + e.around + e.meaning > 0)
    .sort((a, b) => b.score - a.score || b.at - a.at)
  const best = passages[0]
  const good =
    best !== undefined &&
    (best.score >= GOOD_ENOUGH || best.e.words >= BY_ITSELF || cosine(question.vector, best.vector) >= NEAR)
  return {
    passages: good ? passages.filter(worthIt(best.score)).map(({ id, score }) => ({ id, score })) : [],
    documents,
    reason: good ? null : 'no passage says enough of what was asked',
  }
}

/** What is not far behind the best, or says much of what was asked by itself. */
function worthIt(best: number) {
  return ({ score, e }: { readonly score: number; readonly e: Evidence }) =>
    score >= best * TAIL || e.words >= BY_ITSELF
}

function withoutAsking(question: Question): Question {
  const asking = termsOf(askingWords(question.text).join(' '))
  const terms = question.terms.filter((term) => !asking.includes(term))
  return terms.length === 0 || terms.length === question.terms.length ? question : { ...question, terms }
}

const KINDS = Object.keys(WEIGHTS) as (keyof Evidence)[]
const WHOLE_KINDS = Object.keys(WHOLE) as (keyof WholeEvidence)[]
