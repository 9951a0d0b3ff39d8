import { z } from 'zod'
import type { AnyAction } from '../../execution/action.ts'
import { titleOf } from '../../execution/proposal.ts'
import type { Json } from '../../lib/json.ts'
import type { AnyAgent } from '../agent.ts'
import { inShort, jsonSchema, type Schema } from '../agents/schema.ts'
import type { AnyWorkflow } from '../workflow.ts'

/** What a plan may name. */
export interface Registry {
  readonly actions: ReadonlyMap<string, AnyAction>
  /** Those that take an input: others start from signals or by the clock. */
  readonly workflows: ReadonlyMap<string, AnyWorkflow>
  readonly agents: ReadonlyMap<string, AnyAgent>
  /** IANA name: whose day `today` is. */
  readonly zone: string
}

const MAX_SCHEMA_BYTES = 4_096
const MAX_CATALOGUE_BYTES = 60_000
const MAX_INSTRUCTIONS = 500

interface Entry {
  readonly name: string
  readonly [more: string]: Json
}

/** What is registered, as a planner is shown it: the same for the same company, and of a bounded size. */
export function catalogueOf(registry: Registry): Json {
  const sections = {
    actions: sorted(registry.actions).map(([name, action]): Entry => {
      const input = jsonSchema(action.input)
      return {
        name,
        risk: action.risk,
        undo: action.undo !== undefined,
        title: sampleTitle(action, input),
        input,
        output: outputOf(action.output),
      }
    }),
    workflows: sorted(registry.workflows).map(([name, { input }]): Entry => ({ name, input: jsonSchema(input!) })),
    agents: sorted(registry.agents).map(([name, agent]): Entry => ({
      name,
      does: (agent.instructions ?? '').slice(0, MAX_INSTRUCTIONS),
      tiers: agent.tiers.map((tier) =>
        typeof tier === 'string' ? tier : typeof tier === 'function' ? 'rule' : tier.tier,
      ),
      input: agent.input && schemaOf(agent.input),
      output: agent.outputs && schemaOf(agent.outputs),
    })),
  }
  let left = MAX_CATALOGUE_BYTES
  const fitted = Object.entries(sections).map(([section, entries]) => {
    const kept: Entry[] = []
    for (const entry of entries) {
      const short = shortened(entry)
      const size = Buffer.byteLength(JSON.stringify(short))
      // A name can still be planned with, and costs little.
      kept.push(size <= left ? short : { name: entry.name })
      left -= Math.min(size, left)
    }
    return [section, kept]
  })
  return Object.fromEntries(fitted) as Json
}

function sorted<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

/** Long schemas in a few words. */
function shortened(entry: Entry): Entry {
  const short = (schema: Json | undefined) =>
    Buffer.byteLength(JSON.stringify(schema ?? null)) > MAX_SCHEMA_BYTES
      ? inShort(schema!).slice(0, MAX_SCHEMA_BYTES)
      : schema!
  return {
    ...entry,
    ...('input' in entry ? { input: short(entry.input) } : {}),
    ...('output' in entry ? { output: short(entry.output) } : {}),
  }
}

/** Null where the library that made it cannot say it. */
export function schemaOf(schema: Schema<unknown>): Json {
  try {
    return jsonSchema(schema)
  } catch {
    return null
  }
}

export function outputOf(schema: z.ZodType): Json {
  return z.toJSONSchema(schema, { unrepresentable: 'any', io: 'output' }) as Json
}

/** A title says best what an action does; one that cannot be made from made-up input says nothing. */
function sampleTitle(action: AnyAction, input: Json): Json {
  try {
    return titleOf(action, sampleOf(input, 'input')).slice(0, 200)
  } catch {
    return null
  }
}

function sampleOf(schema: Json | undefined, name: string): Json {
  const { type, properties, items, enum: values, anyOf } = (schema ?? {}) as Readonly<Record<string, Json>>
  if (Array.isArray(values)) return (values as readonly Json[])[0] ?? null
  if (Array.isArray(anyOf)) return sampleOf((anyOf as readonly Json[])[0], name)
  if (type === 'object')
    return Object.fromEntries(Object.entries(properties ?? {}).map(([of, shape]) => [of, sampleOf(shape as Json, of)]))
  if (type === 'array') return [sampleOf(items, name)]
  if (type === 'number' || type === 'integer') return 1
  return type === 'boolean' ? true : `<${name}>`
}
