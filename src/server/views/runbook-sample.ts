import { z } from 'zod'
import type { Json } from '../../lib/json.ts'

type Shape = Readonly<Record<string, Json>>

/** What a text with a pattern or a format is likely to be; the first that fits is taken. */
const TEXTS = [
  'someone@example.org',
  'EUR',
  '2026-01-02',
  '2026-01-02T03:04:05Z',
  'https://example.org/',
  'example',
  'example.txt',
  '1',
  '0'.repeat(64),
]

/** A typical input, made of nothing but its schema: the same each time. Undefined where none could be made. */
export function sampleInput(schema: z.ZodType): Json | undefined {
  const shape = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Shape
  const parsed = schema.safeParse(sample(shape, 'value'))
  return parsed.success ? (parsed.data as Json) : undefined
}

function sample(shape: Shape, name: string): Json {
  if (shape.const !== undefined) return shape.const
  if (shape.default !== undefined) return shape.default
  if (Array.isArray(shape.enum)) return shape.enum[0]!
  const either = shape.anyOf ?? shape.oneOf
  if (Array.isArray(either)) return sample(either[0] as Shape, name)
  switch (Array.isArray(shape.type) ? shape.type[0] : shape.type) {
    case 'object':
      return sampleObject(shape)
    case 'array':
      return Array.from({ length: Number(shape.minItems ?? 0) }, () => sample((shape.items ?? {}) as Shape, name))
    case 'integer':
    case 'number':
      return sampleNumber(shape)
    case 'boolean':
      return false
    case 'string':
      return sampleText(shape, name)
    default:
      return null
  }
}

function sampleObject({ properties = {}, required = [] }: Shape): Json {
  const needed = (required as readonly Json[]).map(String)
  return Object.fromEntries(
    Object.entries(properties as Readonly<Record<string, Shape>>)
      .filter(([name]) => needed.includes(name))
      .map(([name, of]) => [name, sample(of, name)]),
  )
}

function sampleNumber(shape: Shape): number {
  const least = Math.max(1, Number(shape.minimum ?? 1), Number(shape.exclusiveMinimum ?? 0) + 1)
  return Math.min(least, Number(shape.maximum ?? least))
}

function sampleText({ pattern, format, minLength = 0, maxLength = 1_000 }: Shape, name: string): string {
  const fits = (text: string) =>
    text.length >= Number(minLength) &&
    text.length <= Number(maxLength) &&
    (typeof pattern !== 'string' || new RegExp(pattern).test(text))
  const own = `some ${name}`
  return (format === undefined ? [own, ...TEXTS] : TEXTS).find(fits) ?? own
}
