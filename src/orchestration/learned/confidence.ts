/** A decision that was foretold without having been learned, and whether it came out right. */
export interface Outcome {
  readonly signs: readonly number[]
  readonly like: number
  readonly right: boolean
}

/** What the signs weigh before anything is known of this operator. */
const PRIOR: readonly number[] = [-2, 1, 1, 1, 2, 1, 0.5, 0.5]
/** How firmly that is believed: one over the variance of each weight. */
const FIRMNESS = 1

/** Logistic regression of being right on the signs, drawn to the prior: few outcomes change little (a Laplace approximation). */
export function fitWeights(outcomes: readonly Outcome[]): readonly number[] {
  let weights = PRIOR
  for (let turn = 0; turn < 8; turn++) weights = newton(weights, outcomes)
  return weights
}

export function chance(weights: readonly number[], signs: readonly number[]): number {
  let score = 0
  for (let i = 0; i < signs.length; i++) score += weights[i]! * signs[i]!
  return 1 / (1 + Math.exp(-score))
}

function newton(weights: readonly number[], outcomes: readonly Outcome[]): number[] {
  const size = weights.length
  const gradient = weights.map((w, i) => FIRMNESS * (w - PRIOR[i]!))
  const curvature = weights.map((_, i) => weights.map((__, j) => (i === j ? FIRMNESS : 0)))
  for (const { signs, right } of outcomes) {
    const p = chance(weights, signs)
    const spread = p * (1 - p)
    for (let i = 0; i < size; i++) {
      gradient[i]! += (p - (right ? 1 : 0)) * signs[i]!
      for (let j = 0; j < size; j++) curvature[i]![j]! += spread * signs[i]! * signs[j]!
    }
  }
  const step = solve(curvature, gradient)
  return weights.map((w, i) => w - step[i]!)
}

/** Gauss without pivoting: the matrix is positive definite. Changes its arguments. */
function solve(matrix: number[][], right: number[]): number[] {
  const size = right.length
  for (let i = 0; i < size; i++) {
    for (let j = i + 1; j < size; j++) {
      const factor = matrix[j]![i]! / matrix[i]![i]!
      for (let k = i; k < size; k++) matrix[j]![k]! -= factor * matrix[i]![k]!
      right[j]! -= factor * right[i]!
    }
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) right[i]! -= matrix[i]![k]! * right[k]!
    right[i]! /= matrix[i]![i]!
  }
  return right
}
