import type { Layers } from '../../lib/sentence-encoder.ts'
import { COLUMNS, type Grams } from './text.ts'

/** What is known of a text before anything is learned: its n-grams, and what the encoder made of it (null: no encoder). */
export interface Features {
  readonly grams: Grams
  readonly sense: Layers | null
}

/** A text as the models see it: `values` stand at `grams.columns` with length 1. */
export interface Vector {
  /** The layers of the encoder side by side, each of length 1, or empty: not encoded. */
  readonly dense: Float32Array
  /** The first of them: what the encoder was made to say. */
  readonly sense: Float32Array
  readonly columns: Uint16Array
  readonly values: Float32Array
}

/** How features are weighed: learned from all known texts at a retraining, and kept until the next. */
export interface Space {
  readonly dimensions: number
  readonly mean: Float32Array
  readonly rarity: Float32Array
}

/** The mean is trusted as if this many texts at the origin had been seen besides. */
const MEAN_PRIOR = 10

export function fitSpace(known: readonly Features[]): Space {
  const dimensions = known.find((f) => f.sense)?.sense?.reduce((sum, layer) => sum + layer.length, 0) ?? 0
  const mean = new Float32Array(dimensions)
  const rarity = new Float32Array(COLUMNS)
  const encoded = known.filter((f) => f.sense).length
  for (const { sense, grams } of known) {
    let at = 0
    for (const layer of sense ?? []) for (const x of layer) mean[at++]! += x / (encoded + MEAN_PRIOR)
    for (const column of grams.columns) rarity[column]! += 1
  }
  // The root of the usual idf: measured better than idf itself on a held-out fold of Banking77.
  for (let c = 0; c < COLUMNS; c++) rarity[c] = Math.sqrt(Math.log((2 + known.length) / (1 + rarity[c]!)))
  return { dimensions, mean, rarity }
}

export function place(space: Space, { sense, grams }: Features): Vector {
  const dense = new Float32Array(sense ? space.dimensions : 0)
  let at = 0
  for (const layer of sense ?? []) {
    const from = at
    for (const x of layer) dense[at] = x - space.mean[at++]!
    toUnit(dense, from, at)
  }
  const { columns, counts } = grams
  const values = new Float32Array(columns.length)
  for (let i = 0; i < columns.length; i++) values[i] = counts[i]! * space.rarity[columns[i]!]!
  // Words and characters weigh the same, however many of each there are.
  let words = 0
  while (words < columns.length && columns[words]! < COLUMNS / 2) words++
  toUnit(values, 0, words, Math.SQRT1_2)
  toUnit(values, words, values.length, Math.SQRT1_2)
  return { dense, sense: dense.subarray(0, sense?.[0]?.length ?? 0), columns, values }
}

function toUnit(values: Float32Array, from: number, to: number, length = 1): void {
  let square = 0
  for (let i = from; i < to; i++) square += values[i]! ** 2
  if (square === 0) return
  const scale = length / Math.sqrt(square)
  for (let i = from; i < to; i++) values[i]! *= scale
}
