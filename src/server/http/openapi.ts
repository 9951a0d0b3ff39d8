import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { Operation } from '../operation.ts'
import { OPERATIONS } from '../operations.ts'
import { HTTP_CODES, PROBLEM_JSON } from './problems.ts'
import { textArguments } from './query.ts'
import { AREAS, SUMMARIES } from './summaries.ts'

type Schema = Readonly<Record<string, unknown>>

const PROBLEM = { $ref: '#/components/responses/Problem' }

let made: string | undefined

/** The OpenAPI 3.1 document of this server, as JSON: from the schemas that validate and the types of what is answered. */
export function openApi(): string {
  made ??= JSON.stringify(document())
  return made
}

function document() {
  const results = JSON.parse(readFileSync(new URL('./results.json', import.meta.url), 'utf8')) as {
    readonly operations: Readonly<Record<string, Schema>>
    readonly types: Readonly<Record<string, Schema>>
  }
  const values = new Values()
  const paths: Record<string, object> = {}
  for (const [name, of] of Object.entries(OPERATIONS) as [string, Operation<unknown, unknown>][])
    paths[`/v1/${name}`] = pathOf(name, of, results.operations[name] ?? {}, values)
  return {
    openapi: '3.1.1',
    info: {
      title: 'Factotum',
      version: '1',
      description:
        'What changes nothing is asked with GET and its arguments in the query: text as it is, everything else as JSON. What does something is POST with a JSON body, and takes an Idempotency-Key. Each operation names the scope it takes: read, propose, decide, admin, each including those before it. Within /v1 nothing is taken away or given another meaning; arguments and properties may be added.',
    },
    servers: [{ url: '/' }],
    tags: Object.entries(AREAS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: { ...results.types, ...values.schemas(), Problem: problemSchema() },
      responses: {
        Problem: {
          description: 'It was refused, with a stable code and what to do next.',
          content: { [PROBLEM_JSON]: { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      },
      parameters: {
        AsOf: {
          name: 'as-of',
          in: 'query',
          description:
            'The company as it was: the number of an event, a date or time (2026-03-01T10:00Z), or how long ago (7d).',
          schema: { type: 'string' },
        },
        IdempotencyKey: {
          name: 'Idempotency-Key',
          in: 'header',
          description:
            'Names this request for 24 hours: asked again with the same key it is answered (Idempotency-Replayed: true), not done again.',
          schema: { type: 'string', minLength: 1, maxLength: 200 },
        },
      },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'The token in data/server.json, or one that was made.' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: 'factotum_<company>',
          description: 'A browser that signed in: each company has a cookie of its own.',
        },
      },
    },
  }
}

function pathOf(name: string, { mood, scope, args }: Operation<unknown, unknown>, result: Schema, values: Values) {
  const [area, summary] = SUMMARIES[name] ?? ['overview', name]
  const schema = values.schemaOf(args)
  const common = {
    operationId: name,
    tags: [area],
    summary,
    description: `Scope: ${scope}.${mood === 'now' ? ' It is about what is there now, and has no past.' : ''}`,
    security: [{ token: [scope] }, { session: [scope] }],
  }
  const answer = { description: 'Done.', content: { 'application/json': { schema: result } } }
  if (mood === 'change') {
    const replayed = { description: 'This was answered before.', schema: { type: 'string', const: 'true' } }
    return {
      post: {
        ...common,
        parameters: [{ $ref: '#/components/parameters/IdempotencyKey' }],
        requestBody: { required: true, content: { 'application/json': { schema } } },
        responses: {
          '200': { ...answer, headers: { 'Idempotency-Replayed': replayed } },
          '4XX': PROBLEM,
          '5XX': PROBLEM,
        },
      },
    }
  }
  const stood = {
    description: 'With as-of: how many events had happened, and the moment in epoch ms.',
    schema: { type: 'string' },
  }
  return {
    get: {
      ...common,
      parameters: [
        ...parametersOf(args, schema),
        ...(mood === 'past' ? [{ $ref: '#/components/parameters/AsOf' }] : []),
      ],
      responses: {
        '200': {
          ...answer,
          description: 'The answer.',
          ...(mood === 'past' ? { headers: { 'Factotum-As-Of': stood } } : {}),
        },
        '4XX': PROBLEM,
        '5XX': PROBLEM,
      },
    },
  }
}

/** Text stands in the query as it is; everything else as JSON. */
function parametersOf(args: z.ZodType, schema: Schema): object[] {
  const texts = textArguments(args)
  const required = (schema.required ?? []) as readonly string[]
  return Object.entries((schema.properties ?? {}) as Readonly<Record<string, Schema>>).map(([name, of]) => ({
    name,
    in: 'query',
    ...(required.includes(name) ? { required: true } : {}),
    ...(texts.get(name) === false ? { content: { 'application/json': { schema: of } } } : { schema: of }),
  }))
}

/** Schemas of arguments; what one refers to inside itself is moved to where the document can refer to it. */
class Values {
  readonly #names = new Map<string, string>()

  schemaOf(args: z.ZodType): Schema {
    const { $schema: _, $defs = {}, ...schema } = z.toJSONSchema(args, { io: 'input', unrepresentable: 'any' })
    let text = JSON.stringify(schema)
    for (const [key, def] of Object.entries($defs)) {
      const own = JSON.stringify(def).replaceAll(`"#/$defs/${key}"`, '"#/components/schemas/NAME"')
      const name = this.#names.get(own) ?? `Value${this.#names.size === 0 ? '' : this.#names.size + 1}`
      this.#names.set(own, name)
      text = text.replaceAll(`"#/$defs/${key}"`, `"#/components/schemas/${name}"`)
    }
    return JSON.parse(text) as Schema
  }

  schemas(): Record<string, Schema> {
    return Object.fromEntries(
      [...this.#names].map(([own, name]) => [name, JSON.parse(own.replaceAll('/NAME"', `/${name}"`)) as Schema]),
    )
  }
}

function problemSchema(): Schema {
  const codes = Object.entries(HTTP_CODES).map(([code, status]) => `${code} (${status})`)
  return {
    type: 'object',
    description: 'Problem details (RFC 9457).',
    properties: {
      type: { const: 'about:blank' },
      title: { type: 'string' },
      status: { type: 'integer' },
      code: {
        type: 'string',
        pattern: '^[a-z_]+\\.[a-z0-9_]+$',
        description: `Stable: area.what_happened. Of HTTP itself: ${codes.join(', ')}.`,
      },
      detail: { type: 'string', description: 'What happened and what to do next, for a person.' },
    },
    required: ['code', 'detail', 'status', 'title', 'type'],
  }
}
