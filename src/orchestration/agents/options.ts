import type { Option, OpinionRow } from '../../context/decisions.ts'
import { shortHash, type Json } from '../../lib/json.ts'
import type { Given } from './opinions.ts'

/** What else could have been chosen, each once, and never what was. */
function others(chosen: Json, options: readonly Option[]): Option[] {
  const seen = new Set([shortHash(chosen)])
  return options.filter(({ value }) => {
    const hash = shortHash(value)
    if (seen.has(hash)) return false
    seen.add(hash)
    return true
  })
}

/** Where a tier decided: what it weighed itself, and what the tiers before it would have said. */
export function optionsOfTiers(chosen: Json, given: readonly Given[]): Option[] {
  const own = given.flatMap((g) => g.said?.options ?? [])
  const said = given.flatMap(({ opinion, said, reason }) =>
    said === null ? [] : [{ value: said.value, whyNot: reason === null ? null : `${opinion.tier}: ${reason}` }],
  )
  return others(chosen, [...own, ...said])
}

/** Where the operator decided: what the tiers had said, and what else the gate offered. `whyNot`: the operator's reason. */
export function optionsAtGate(
  chosen: Json,
  opinions: readonly OpinionRow[],
  offered: readonly Json[],
  whyNot: string | null,
): Option[] {
  const said = opinions.flatMap((o) => (o.value === null ? [] : [{ value: JSON.parse(o.value) as Json, whyNot }]))
  return others(chosen, [...said, ...offered.map((value) => ({ value, whyNot }))])
}
