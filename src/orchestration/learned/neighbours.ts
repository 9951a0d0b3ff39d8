import { dot } from './linear.ts'
import { COLUMNS } from './text.ts'
import type { Vector } from './space.ts'

/** A known example in the space of the model. */
export interface Known {
  readonly id: string
  readonly label: number
  readonly vector: Vector
}

interface Neighbour {
  readonly known: Known
  /** -1 to 1: the mean of the cosines of both kinds of features, or that of the grams, stretched. */
  readonly similarity: number
}

export interface Vote {
  /** Of each label, out of 1. */
  readonly shares: Float64Array
  /** Nearest first. */
  readonly nearest: readonly Neighbour[]
}

const VOTERS = 20
/** How fast a vote fades with distance from the nearest: at this distance to a third. */
const FADING = 0.08
/** So that a label without a vote is unlikely, not impossible. */
const FLOOR = 1e-4
/** The newest of a label that are compared: bounds the time of a guess when there are many decisions and few labels. */
const COMPARED_OF_A_LABEL = 400

/** Without the encoder alike texts have a cosine of 0.1 (median of German and French mails), others 0.03: stretched to 0.25 and 0.08. */
const GRAMS_ALONE = 2.9
/** A scratch column for each gram, filled and cleared by each comparison. */
const scratch = new Float32Array(COLUMNS)

/** Lets the nearest known examples of some labels vote. `except`: the example that is asked about, when it is itself known. */
export function vote(
  known: readonly (readonly Known[])[],
  among: Iterable<number>,
  query: Vector,
  except: Known | null = null,
): Vote {
  const { columns, values } = query
  for (let i = 0; i < columns.length; i++) scratch[columns[i]!] = values[i]!
  const nearest: Neighbour[] = []
  for (const label of among) {
    const examples = known[label] ?? []
    for (let i = Math.max(0, examples.length - COMPARED_OF_A_LABEL); i < examples.length; i++) {
      const example = examples[i]!
      if (example === except) continue
      insert(nearest, example, similarity(query, example.vector))
    }
  }
  for (const column of columns) scratch[column] = 0
  const shares = new Float64Array(known.length).fill(FLOOR)
  const best = nearest[0]?.similarity ?? 0
  let sum = FLOOR * known.length
  for (const { known: voter, similarity: near } of nearest) {
    const weight = Math.exp((near - best) / FADING)
    shares[voter.label]! += weight
    sum += weight
  }
  for (let k = 0; k < shares.length; k++) shares[k]! /= sum
  return { shares, nearest }
}

/** To the text whose grams lie in `scratch`. */
function similarity(query: Vector, { sense, columns, values }: Vector): number {
  let grams = 0
  for (let i = 0; i < columns.length; i++) grams += scratch[columns[i]!]! * values[i]!
  const other = query.sense
  if (sense.length === 0 || other.length === 0) return 1 - Math.exp(-GRAMS_ALONE * grams)
  return (grams + dot(sense, 0, other)) / 2
}

function insert(nearest: Neighbour[], known: Known, near: number): void {
  if (nearest.length === VOTERS && near <= nearest[VOTERS - 1]!.similarity) return
  let at = nearest.length
  while (at > 0 && nearest[at - 1]!.similarity < near) at--
  nearest.splice(at, 0, { known, similarity: near })
  if (nearest.length > VOTERS) nearest.pop()
}
