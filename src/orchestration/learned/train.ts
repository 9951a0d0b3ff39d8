import { setImmediate } from 'node:timers/promises'
import { evidenceOf } from './evidence.ts'
import type { Outcome } from './confidence.ts'
import { addShare, newLinear, trainer, type Linear } from './linear.ts'
import type { Known } from './neighbours.ts'
import { fitSpace, place, type Features, type Space } from './space.ts'

/** A learned state: everything a guess needs. Small changes are made in place, until the next retraining makes a new one. */
export interface Model {
  readonly labels: string[]
  readonly space: Space
  readonly linear: Linear
  /** By label: the order of `labels`. */
  readonly known: Known[][]
  /** By example: what was foretold of it by a model that had not learned it. */
  readonly outcomes: Map<string, Outcome>
}

interface Sample {
  readonly id: string
  readonly label: string
  readonly features: Features
}

/** An example is foretold by the fold that it is not in. The model is the mean of the folds. */
const FOLDS = 5
/** A turn of the event loop is given up this often. */
const SLICE_MS = 10

/** Trains from the start. Other work of the process goes on in between. */
export async function train(samples: readonly Sample[], seed: number): Promise<Model> {
  const pause = pacer()
  const labels = [...new Set(samples.map((s) => s.label))].sort()
  const index = new Map(labels.map((label, k) => [label, k]))
  const space = fitSpace(samples.map((s) => s.features))
  const known: Known[][] = labels.map(() => [])
  const all: Known[] = []
  for (const { id, label, features } of samples) {
    const example = { id, label: index.get(label)!, vector: place(space, features) }
    known[example.label]!.push(example)
    all.push(example)
    await pause()
  }
  const random = mulberry32(seed)
  const order = shuffle([...all], random)
  // Room for a few new labels, so that one more needs no retraining.
  const stride = Math.ceil((labels.length + 3) / 8) * 8
  const linear = newLinear(space.dimensions, stride)
  linear.dense.spent.fill(0)
  linear.grams.spent.fill(0)
  const outcomes = new Map<string, Outcome>()
  const folds = Math.min(FOLDS, all.length)
  for (let fold = 0; fold < folds; fold++) {
    const inside = order.filter((_, i) => folds === 1 || i % folds !== fold)
    const member = newLinear(space.dimensions, stride)
    await fit(member, inside, labels.length, random, pause)
    for (const example of order.filter((_, i) => i % folds === fold)) {
      const { label, signs, like } = evidenceOf(member, known, example.vector, example)
      outcomes.set(example.id, { signs, like, right: label === example.label })
      await pause()
    }
    addShare(linear, member, 1 / folds)
    await pause()
  }
  return { labels, space, linear, known, outcomes }
}

async function fit(
  linear: Linear,
  examples: Known[],
  labels: number,
  random: () => number,
  pause: () => Promise<void> | void,
): Promise<void> {
  const step = trainer(linear, labels)
  const epochs = epochsFor(examples.length)
  for (let epoch = 0; epoch < epochs; epoch++) {
    const rate = 1 - (0.9 * epoch) / epochs
    for (const { vector, label } of shuffle(examples, random)) {
      step(vector, label, rate)
      await pause()
    }
  }
}

/** Enough steps for few examples, no more than needed for many. */
function epochsFor(examples: number): number {
  return Math.max(4, Math.min(20, Math.round(10_000 / examples)))
}

/** Waits for the other work of the process when it has held the event loop for long enough. */
export function pacer(): () => Promise<void> | void {
  let since = performance.now()
  return () => {
    if (performance.now() - since < SLICE_MS) return
    return setImmediate().then(() => {
      since = performance.now()
    })
  }
}

function shuffle<T>(items: T[], random: () => number): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[items[i], items[j]] = [items[j]!, items[i]!]
  }
  return items
}

/** A small seeded generator: the same seed gives the same model. */
function mulberry32(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
