import { chance, fitWeights } from './confidence.ts'
import { npmEncoder, type Encoder } from '../../lib/sentence-encoder.ts'
import { evidenceOf, type Evidence } from './evidence.ts'
import { trainer } from './linear.ts'
import { place, type Features } from './space.ts'
import { gramsOf, looksEnglish } from './text.ts'
import { pacer, train, type Model } from './train.ts'

/** One decision of the operator's. `id`: of the decision. */
export interface Example {
  readonly id: string
  readonly text: string
  readonly label: string
}

export interface Guess {
  readonly label: string
  /** 0 to 1: how often guesses like this one were right, foretold before they were learned. */
  readonly confidence: number
  /** For the operator. */
  readonly because: string
  /** Ids of the examples of this label that are most like the text, nearest first. */
  readonly nearest: readonly string[]
}

export interface LearnerOptions {
  /** Null: words and n-grams only. Default: the encoder of the optional npm packages, where they are installed. */
  readonly encode?: Encoder | null
  /** The same seed, examples and order give the same guesses. */
  readonly seed?: number
}

interface Kept {
  readonly id: string
  readonly label: string
  readonly features: Features
}

/** The share of new or corrected examples from which the model is trained again; until then each is learned in a few steps. */
const RETRAIN_AT = 0.2
/** With more than this, a few outcomes more change nothing before the next retraining. */
const REWEIGH_BELOW = 500
/** Steps for an example that comes between two retrainings. */
const STEPS = 3
/** A single label is everything that was ever decided: only many say that the next is like them. */
const SINGLE_LABEL_NEEDS = 8
/** Less of a text's words was ever seen: another language, or another world. */
const KNOWN_WORDS = 0.2
/** A text this many times longer than any known one is no case of them. */
const LONGER = 4
const LONG_WORDS = 150
/** Nothing known is nearer than this. */
const FAR = 0.08

/**
 * A classifier over the operator's own past decisions. It runs in this process, keeps nothing outside of it and says null when it
 * does not know. Calls may overlap: what is learned is learned in the order of the calls.
 */
export class Learner {
  readonly #examples = new Map<string, Kept>()
  /** How many examples hold a word. */
  readonly #words = new Map<number, number>()
  readonly #seed: number
  #encode: Promise<Encoder | null> | undefined
  #model: Model | null = null
  #weights: readonly number[] = []
  /** Examples learned since the model was trained. */
  #since = 0
  #longest = 0
  #queue: Promise<void> = Promise.resolve()
  /** Resolves when the model has never seen what was forgotten. */
  #ready: Promise<void> = Promise.resolve()

  constructor(options: LearnerOptions = {}) {
    this.#seed = options.seed ?? 1
    if (options.encode !== undefined) this.#encode = Promise.resolve(options.encode)
  }

  get size(): number {
    return this.#examples.size
  }

  /** Resolves when the next guess knows them. An id that is known is a correction: the new label counts, the old is gone. */
  learn(examples: readonly Example[]): Promise<void> {
    return this.#enqueue(async () => {
      const pause = pacer()
      const retrain = this.#since + examples.length >= RETRAIN_AT * this.#examples.size
      let fits = !retrain
      for (const example of examples) {
        const features = await this.#featuresOf(example.text)
        const corrects = this.#remove(example.id)
        const kept = { id: example.id, label: example.label, features }
        this.#add(kept)
        if (fits) fits = this.#take(kept, corrects)
        await pause()
      }
      if (!fits) return this.#retrain()
      this.#since += examples.length
      if (this.size < REWEIGH_BELOW) this.#weigh()
    })
  }

  /** Gone at once from what votes and is shown; guesses wait until a model is trained that never saw them. */
  forget(ids: readonly string[]): void {
    const known = ids.filter((id) => this.#remove(id)).length
    this.#ready = this.#enqueue(async () => {
      // Those whose learning was still under way when they were to be forgotten.
      const late = ids.filter((id) => this.#remove(id)).length
      if (known + late > 0) await this.#retrain()
    })
    // Whoever guesses next hears of an error.
    this.#ready.catch(() => {})
  }

  /** Null: nothing was learned, too little of one kind, or the text is far from everything that was. */
  async guess(text: string): Promise<Guess | null> {
    await this.#ready
    if (!this.#model) return null
    const features = await this.#featuresOf(text)
    const model = this.#model
    if (model.known.filter((known) => known.length > 0).length < 2 && this.size < SINGLE_LABEL_NEEDS) return null
    if (this.#foreign(features)) return null
    const evidence = evidenceOf(model.linear, model.known, place(model.space, features))
    if (evidence.near < FAR) return null
    return {
      label: model.labels[evidence.label]!,
      confidence: this.#confidence(evidence),
      because: because(evidence, features.sense !== null),
      nearest: evidence.nearest.map((n) => n.known.id),
    }
  }

  /**
   * The confidence from which decisions were right in this share of cases, foretold before they were learned: what to ask of a
   * guess that is to pass without the operator. Null: no confidence was enough.
   */
  threshold(precision: number): number | null {
    const outcomes = [...(this.#model?.outcomes.values() ?? [])]
      .map((outcome) => ({ right: outcome.right, confidence: this.#confidence(outcome) }))
      .sort((a, b) => b.confidence - a.confidence)
    let right = 0
    let threshold: number | null = null
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome.right) right += 1
      if (right / (i + 1) >= precision) threshold = outcome.confidence
    }
    return threshold
  }

  #enqueue(job: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(job)
    this.#queue = done.catch(() => {})
    return done
  }

  async #featuresOf(text: string): Promise<Features> {
    const grams = gramsOf(text)
    if (!looksEnglish(text)) return { grams, sense: null }
    this.#encode ??= npmEncoder()
    const encoder = await this.#encode
    return { grams, sense: encoder ? (await encoder.embed([text]))[0]! : null }
  }

  #add(kept: Kept): void {
    this.#examples.set(kept.id, kept)
    const { words } = kept.features.grams
    this.#longest = Math.max(this.#longest, words.length)
    for (const word of words) this.#words.set(word, (this.#words.get(word) ?? 0) + 1)
  }

  #remove(id: string): boolean {
    const kept = this.#examples.get(id)
    if (!kept) return false
    this.#examples.delete(id)
    for (const word of kept.features.grams.words) {
      const left = this.#words.get(word)! - 1
      if (left > 0) this.#words.set(word, left)
      else this.#words.delete(word)
    }
    this.#model?.outcomes.delete(id)
    for (const known of this.#model?.known ?? []) {
      const at = known.findIndex((example) => example.id === id)
      if (at >= 0) known.splice(at, 1)
    }
    return true
  }

  /** Learns one more in a few steps. False: the model has no room for its label. */
  #take({ id, label, features }: Kept, corrects: boolean): boolean {
    const model = this.#model
    if (!model) return false
    const vector = place(model.space, features)
    let index = model.labels.indexOf(label)
    // Foretold before it is learned. A correction was known already, so it says nothing.
    if (!corrects) {
      const foretold = evidenceOf(model.linear, model.known, vector)
      model.outcomes.set(id, { signs: foretold.signs, like: foretold.like, right: foretold.label === index })
    }
    if (index < 0) {
      if (model.labels.length === model.linear.stride) return false
      index = model.labels.push(label) - 1
      model.known.push([])
    }
    const step = trainer(model.linear, model.labels.length)
    for (let i = 0; i < STEPS; i++) step(vector, index, 1)
    model.known[index]!.push({ id, label: index, vector })
    return true
  }

  async #retrain(): Promise<void> {
    this.#since = 0
    this.#model = this.size === 0 ? null : await train([...this.#examples.values()], this.#seed)
    this.#weigh()
  }

  #weigh(): void {
    this.#weights = fitWeights([...(this.#model?.outcomes.values() ?? [])])
  }

  #foreign({ grams: { words } }: Features): boolean {
    if (words.length === 0 || words.length > Math.max(LONG_WORDS, LONGER * this.#longest)) return true
    let seen = 0
    for (const word of words) if (this.#words.has(word)) seen += 1
    return seen / words.length < KNOWN_WORDS
  }

  #confidence({ signs, like }: Pick<Evidence, 'signs' | 'like'>): number {
    return Math.min(chance(this.#weights, signs), ceiling(like))
  }
}

/** However sure the models are: five that are really like it are needed for 0.8, ten for 0.97. */
function ceiling(like: number): number {
  return like < 5 ? 0.15 * (1 + like) : 1 - 0.2 * (5 / like) ** 3
}

function because({ like, nearest }: Evidence, encoded: boolean): string {
  const ids = nearest.map((n) => n.known.id).join(', ')
  const count = Math.round(like)
  const many = `like ${count} ${count === 1 ? 'decision' : 'decisions'} of yours; nearest: ${ids || 'none'}`
  return encoded ? many : `${many} (by words alone: no sentence encoder is installed)`
}
