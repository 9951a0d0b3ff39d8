/** One passage that a question may be answered by. */
export interface Candidate {
  readonly id: number
  /** The conversation or document that it is read in, and its place there. */
  readonly doc: string
  readonly n: number
  /** Epoch ms. */
  readonly at: number
  readonly role: 'them' | 'us' | 'operator' | 'document'
  readonly speaker: string | null
  readonly heading: string
  readonly text: string
  readonly headingTerms: readonly string[]
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
  readonly now: number
  readonly vector: Float32Array | null
}

export interface Ranking {
  /** Best first, those worth answering; the score is 0 to 1. */
  readonly passages: readonly { readonly id: number; readonly score: number }[]
  readonly documents: readonly { readonly doc: string; readonly score: number }[]
  /** Why nothing, where there is nothing. */
  readonly reason: string | null
}

const K = 1.2
const B = 0.75

/** Orders candidates by BM25, newest first among equals. */
export function rank(question: Question, candidates: readonly Candidate[], corpus: Corpus): Ranking {
  const weights = new Map<string, number>()
  for (const term of question.terms) {
    const df = corpus.df.get(term) ?? 0
    weights.set(term, Math.log(1 + (corpus.passages - df + 0.5) / (df + 0.5)))
  }
  const most = [...weights.values()].reduce((a, b) => a + b, 0) * (K + 1)
  const scored = candidates
    .map((c) => ({ c, score: most === 0 ? 0 : bm25(c, weights, corpus) / most }))
    .filter(({ score }) => score > 0.05)
    .sort((a, b) => b.score - a.score || b.c.at - a.c.at)
  return {
    passages: scored.map(({ c, score }) => ({ id: c.id, score })),
    documents: [],
    reason: scored.length === 0 ? 'no passage says enough of what was asked' : null,
  }
}

function bm25(c: Candidate, weights: ReadonlyMap<string, number>, { meanTerms }: Corpus): number {
  const tf = new Map<string, number>()
  for (const list of [c.terms, c.headingTerms])
    for (const term of list) if (weights.has(term)) tf.set(term, (tf.get(term) ?? 0) + 1)
  const length = K * (1 - B + (B * c.terms.length) / Math.max(1, meanTerms))
  let sum = 0
  for (const [term, n] of tf) sum += (weights.get(term)! * n * (K + 1)) / (n + length)
  return sum
}
