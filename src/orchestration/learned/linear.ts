import type { Vector } from './space.ts'
import { COLUMNS } from './text.ts'

/**
 * Two multinomial logistic regressions, one over the encoder's numbers and one over the hashed n-grams, each with its own softmax and
 * its own errors, trained by AdaGrad (Duchi et al. 2011) with one accumulator a feature. Apart they err differently: trained as one,
 * the part that is sooner right leaves the other nothing to learn.
 */
export interface Linear {
  readonly dense: Part
  readonly grams: Part
  /** Labels that fit beside each other. */
  readonly stride: number
}

/** `weights`: of `dense` label by label, because all features move for a few labels; of `grams` feature by feature, because few move. */
interface Part {
  readonly bias: Float32Array
  readonly weights: Float32Array
  readonly spent: Float32Array
}

// Near what did best on a held-out fold of Banking77; the sum of squares a feature has spent starts at 1.
const DENSE_RATE = 60
const GRAM_RATE = 20
const DENSE_SPENDING = 1536
const GRAM_SPENDING = 100
const BIAS_RATE = 0.01
/** An error smaller than this is left alone: most labels of most texts. */
const NEGLIGIBLE = 1e-3

export function newLinear(dimensions: number, stride: number): Linear {
  return { dense: newPart(dimensions, stride), grams: newPart(COLUMNS, stride), stride }
}

function newPart(features: number, stride: number): Part {
  return {
    bias: new Float32Array(stride),
    weights: new Float32Array(features * stride),
    spent: new Float32Array(features).fill(1),
  }
}

/** The probabilities of the first `labels` labels, into `out`: the geometric mean of both parts, or the n-grams alone. */
export function probabilities(model: Linear, vector: Vector, labels: number, out: Float64Array): void {
  gramScores(model, vector, labels, out)
  if (vector.dense.length > 0) {
    const other = new Float64Array(labels)
    denseScores(model, vector, labels, other)
    for (let k = 0; k < labels; k++) out[k] = (out[k]! + other[k]!) / 2
  }
  softmax(out, labels)
}

function denseScores({ dense: { bias, weights } }: Linear, { dense }: Vector, labels: number, out: Float64Array): void {
  for (let k = 0; k < labels; k++) out[k] = bias[k]! + dot(weights, k * dense.length, dense)
}

/** Of `b` with as many numbers of `a` from `at` on. Four sums side by side: one alone waits for itself. */
export function dot(a: Float32Array, at: number, b: Float32Array): number {
  const size = b.length
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  let d = 0
  for (; d + 4 <= size; d += 4) {
    s0 += a[at + d]! * b[d]!
    s1 += a[at + d + 1]! * b[d + 1]!
    s2 += a[at + d + 2]! * b[d + 2]!
    s3 += a[at + d + 3]! * b[d + 3]!
  }
  for (; d < size; d++) s0 += a[at + d]! * b[d]!
  return s0 + s1 + s2 + s3
}

function gramScores({ grams, stride }: Linear, { columns, values }: Vector, labels: number, out: Float64Array): void {
  const { bias, weights } = grams
  for (let k = 0; k < labels; k++) out[k] = bias[k]!
  let i = 0
  // Two rows at a time: the sums are read and written half as often, which is where the time goes.
  for (; i + 2 <= columns.length; i += 2) {
    const a = values[i]!
    const b = values[i + 1]!
    const at = columns[i]! * stride
    const atB = columns[i + 1]! * stride
    for (let k = 0; k < labels; k++) out[k]! += a * weights[at + k]! + b * weights[atB + k]!
  }
  for (; i < columns.length; i++) {
    const at = columns[i]! * stride
    for (let k = 0; k < labels; k++) out[k]! += values[i]! * weights[at + k]!
  }
}

function softmax(scores: Float64Array, length: number): void {
  let most = -Infinity
  for (let k = 0; k < length; k++) most = Math.max(most, scores[k]!)
  let sum = 0
  for (let k = 0; k < length; k++) sum += scores[k] = Math.exp(scores[k]! - most)
  for (let k = 0; k < length; k++) scores[k]! /= sum
}

/** A trainer owns its scratch space, so that a step allocates nothing. */
export function trainer(model: Linear, labels: number): (vector: Vector, label: number, rate: number) => void {
  const { dense, grams, stride } = model
  const errors = new Float64Array(labels)
  const wrong = new Int32Array(labels)
  const steps = new Float32Array(dense.spent.length)
  let count = 0
  /** Turns scores into errors. Returns the sum of their squares. */
  const judge = (label: number, bias: Float32Array): number => {
    softmax(errors, labels)
    errors[label]! -= 1
    count = 0
    let square = 0
    for (let k = 0; k < labels; k++) {
      const error = errors[k]!
      if (Math.abs(error) < NEGLIGIBLE) continue
      wrong[count++] = k
      square += error * error
      bias[k]! -= BIAS_RATE * error
    }
    return square
  }
  const moveDense = (x: Float32Array, rate: number, square: number) => {
    const { spent, weights } = dense
    const size = x.length
    for (let d = 0; d < size; d++) {
      spent[d]! += x[d]! * x[d]! * DENSE_SPENDING * square
      steps[d] = (rate * DENSE_RATE * x[d]!) / Math.sqrt(spent[d]!)
    }
    for (let w = 0; w < count; w++) {
      const at = wrong[w]! * size
      const error = errors[wrong[w]!]!
      for (let d = 0; d < size; d++) weights[at + d]! -= error * steps[d]!
    }
  }
  const moveGrams = ({ columns, values }: Vector, rate: number, square: number) => {
    const { spent, weights } = grams
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i]!
      const x = values[i]!
      spent[column]! += x * x * GRAM_SPENDING * square
      const step = (rate * GRAM_RATE * x) / Math.sqrt(spent[column]!)
      const at = column * stride
      for (let w = 0; w < count; w++) weights[at + wrong[w]!]! -= step * errors[wrong[w]!]!
    }
  }
  return (vector, label, rate) => {
    gramScores(model, vector, labels, errors)
    const square = judge(label, grams.bias)
    if (count > 0) moveGrams(vector, rate, square)
    if (vector.dense.length === 0) return
    denseScores(model, vector, labels, errors)
    const denseSquare = judge(label, dense.bias)
    if (count > 0) moveDense(vector.dense, rate, denseSquare)
  }
}

/** Adds `share` of one model to another: the mean of linear models is the linear model of their mean scores. */
export function addShare(to: Linear, from: Linear, share: number): void {
  for (const which of ['dense', 'grams'] as const) {
    for (const part of ['bias', 'weights', 'spent'] as const) {
      const target = to[which][part]
      const source = from[which][part]
      for (let i = 0; i < target.length; i++) target[i]! += share * source[i]!
    }
  }
}
