import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { agent, attribute, entity, signal, workflow, z } from '../../src/index.ts'
import { app } from '../../src/server/http/app.ts'
import { SUMMARIES } from '../../src/server/http/summaries.ts'
import type { Operation } from '../../src/server/operation.ts'
import { operate, OPERATIONS } from '../../src/server/operations.ts'
import { sql } from '../../src/store/index.ts'
import { testCompany, type TestCompany } from '../../src/testing.ts'
import { fails, policyFolder, Shop } from '../shop.ts'
import { resultSchemas, type ResultSchemas } from './result-schemas.ts'
import { against } from './schema-check.ts'

const RESULTS = new URL('../../src/server/http/results.json', import.meta.url)
const committed = async () => JSON.parse(await readFile(RESULTS, 'utf8')) as ResultSchemas

test('the schemas of answers are those of the types', async () => {
  const made = JSON.parse(JSON.stringify(resultSchemas())) as ResultSchemas
  assert.deepEqual(await committed(), made, 'run: node --conditions=factotum-source scripts/api-schemas.ts')
})

const Asked = z.object({ from: z.string(), text: z.string() })
const asked = signal('test.asked', Asked, {
  message: (m) => ({ party: m.from, subject: 'asked', text: m.text, ids: [m.text] }),
})
const Customer = entity('customer', { plan: attribute(z.string(), { review: '1m' }), since: z.string() })
const triage = agent('triage', {
  input: Asked,
  output: z.enum(['refund', 'question']),
  tiers: [({ text }) => (text === 'hm' ? null : { value: 'question', confidence: 0.9, because: 'always' }), 'operator'],
})

async function company(shop: Shop): Promise<TestCompany> {
  const desk = workflow('desk', { on: asked }, async (ctx, message) => {
    const customer = await ctx.facts.about(Customer, message.from)
    const { id } = await ctx.decide(triage, message)
    await ctx.facts.assert(customer, { plan: message.text, since: 'today' }, { because: { id } })
    await ctx.scratch.set('at', { step: 1 })
    await ctx.tasks.add({ text: `call ${message.from}`, by: '4h' })
    const { state } = await ctx.act(shop.order(), { item: message.text, amount: 1 })
    if (state !== 'succeeded') throw new Error('It was not bought.')
    await ctx.ask({ title: 'Go on?', options: ['yes', 'no'] })
  })
  const c = await testCompany({
    workflows: [desk],
    connectors: [shop.connector()],
    agents: [triage],
    entities: [Customer],
    folder: await policyFolder('@id("all") permit (principal, action, resource);'),
  })
  shop.script = [fails('domain', 'shop.closed')]
  for (const [n, text] of ['plan a', 'plan b', 'hm'].entries())
    await c.send(asked, { from: `c${n}@x.example`, text }, { id: `s${n}` })
  await c.send(asked, { from: 'c1@x.example', text: 'again' }, { id: 'again' })
  await c.ask('remember', { text: 'a note', about: ['c0@x.example'] })
  await c.ask('sessionSet', { session: 's', name: 'x', value: [1, null] })
  await c.ask('leave', { until: '2026-12-01', reason: 'away' })
  await c.advance('5h')
  return c
}

const ids = sql(
  `select id from (select id from gate union all select id from run union all select id from effect
     union all select id from decision union all select id from signal union all select id from entity
     union all select id from conversation union all select id from task union all select id from document) known order by id`,
)
const USUAL: readonly object[] = [
  {},
  { name: 'triage' },
  { of: 'plan a', agent: 'triage' },
  { query: 'a note' },
  { session: 's', name: 'x' },
  { who: 'c1@x.example' },
  { seq: 1 },
  { event: 1 },
]
const DOING: readonly (readonly [string, object])[] = [
  ['pause', { scope: 'desk', reason: 'odd' }],
  ['resume', { scope: 'desk' }],
  ['addTask', { text: 'look', by: '1d' }],
  ['factAssert', { entity: 'c1@x.example', attribute: 'since', value: 'then', reason: 'so' }],
  ['factRetract', { entity: 'c1@x.example', attribute: 'since', reason: 'no' }],
  ['start', { workflow: 'desk', input: { from: 'c9@x.example', text: 'by hand' } }],
  ['comeBack', {}],
  ['verify', {}],
  ['remember', { text: 'another note' }],
  ['recallIndex', {}],
  ['redrive', { which: 'all' }],
]

test('what operations really answer is what their schemas say', async () => {
  await using c = await company(new Shop())
  const { operations, types } = await committed()
  const known = (await c.open.store.read<{ id: string }>(ids())).map((row) => row.id)
  const seen = new Set<string>()
  const check = async (name: string, args: object) => {
    const answer: unknown = await operate(c.open, name, args).catch((error: { code?: string }) => {
      // Not everything is an answer to every id.
      if (error.code === undefined) throw error
      return undefined
    })
    if (answer === undefined) return
    seen.add(name)
    const wire: unknown = JSON.parse(JSON.stringify(answer))
    assert.deepEqual(against(operations[name]!, wire, types), [], `${name} ${JSON.stringify(args)}`)
  }
  for (const [name, { mood, args }] of Object.entries(OPERATIONS) as [string, Operation<unknown, unknown>][]) {
    if (mood === 'change' || name === 'dossier' || name.startsWith('snapshot')) continue
    const asking = [
      ...USUAL,
      ...known.flatMap((id) => [{ id }, { entity: id }, { of: id }, { ids: [id] }, { id, mode: 'cancel' }]),
    ]
    const fits = asking.filter((one) => args.safeParse(one).success)
    const own = args.safeParse({}).success ? [{}] : fits
    for (const one of own) await check(name, one)
  }
  for (const [name, args] of DOING) await check(name, args)
  const waiting = (await c.ask('dead', {})).items.map((letter) => letter.gate)
  assert.deepEqual(waiting, [])
  const unseen = Object.entries(OPERATIONS)
    .filter(([name, { mood }]) => mood !== 'change' && !seen.has(name))
    .map(([name]) => name)
  assert.deepEqual(
    unseen.filter((name) => name !== 'dossier' && !name.startsWith('snapshot')).toSorted(),
    ['input', 'policyProposal'],
    'readings of which no answer was seen here',
  )
})

test('an answer that is not so is told', () => {
  const schema = { type: 'object', properties: { a: { anyOf: [{ const: 1 }, { type: 'null' }] } }, required: ['a'] }
  assert.deepEqual(against(schema, { a: null }, {}), [])
  for (const wrong of [{}, { a: 2 }, [], 'x']) assert.notDeepEqual(against(schema, wrong, {}), [])
})

interface Op {
  readonly operationId: string
  readonly summary: string
  readonly tags: readonly string[]
  readonly parameters?: readonly Record<string, unknown>[]
  readonly requestBody?: object
  readonly responses: Readonly<Record<string, object>>
  readonly security: readonly object[]
}

/** Words of the OpenAPI 3.1 meta-schema that an object may have. */
const OPERATION_WORDS = /^(tags|summary|description|operationId|parameters|requestBody|responses|security)$/
const PARAMETER_WORDS = /^(name|in|required|description|schema|content)$/

test('GET /v1/openapi.json is an OpenAPI 3.1 document of every operation', async () => {
  await using c = await testCompany()
  const response = await app(c.open, 'token').request('/v1/openapi.json', {
    headers: { authorization: 'Bearer token' },
  })
  assert.equal(response.status, 200)
  const text = await response.text()
  const document = JSON.parse(text) as {
    openapi: string
    info: { title: string; version: string }
    tags: { name: string }[]
    paths: Record<string, Record<string, Op>>
    components: Record<string, Record<string, object>>
  }
  assert.match(document.openapi, /^3\.1\.\d+$/)
  assert.ok(document.info.title && document.info.version)
  assert.deepEqual(
    Object.keys(document.paths).toSorted(),
    Object.keys(OPERATIONS)
      .map((name) => `/v1/${name}`)
      .toSorted(),
  )
  for (const [, ref] of text.matchAll(/"\$ref":"([^"]*)"/g)) {
    const [, , kind, name] = ref!.split('/')
    assert.ok(document.components[kind!]?.[name!], `${ref} is there`)
  }
  assert.doesNotMatch(text, /\$defs|\$schema/)
  for (const name of Object.values(document.components).flatMap(Object.keys)) assert.match(name, /^[a-zA-Z0-9._-]+$/)
  const tags = document.tags.map((tag) => tag.name)
  const [schemes] = [Object.keys(document.components.securitySchemes!)]
  const seen = new Set<string>()
  for (const [path, methods] of Object.entries(document.paths)) {
    const [[method, of], ...more] = Object.entries(methods) as [[string, Op], ...[string, Op][]]
    const { mood } = (OPERATIONS as Record<string, Operation<unknown, unknown>>)[of.operationId]!
    assert.deepEqual([more, method], [[], mood === 'change' ? 'post' : 'get'])
    for (const word of Object.keys(of)) assert.match(word, OPERATION_WORDS, path)
    assert.ok(SUMMARIES[of.operationId], `${of.operationId} has a sentence in summaries.ts`)
    assert.match(of.summary, /^[A-Z].*\.$/)
    assert.ok(of.tags.every((tag) => tags.includes(tag)))
    assert.ok(of.security.every((one) => Object.keys(one).every((name) => schemes!.includes(name))))
    assert.ok(!seen.has(of.operationId))
    seen.add(of.operationId)
    assert.equal('requestBody' in of, method === 'post')
    assert.deepEqual(Object.keys(of.responses).toSorted(), ['200', '4XX', '5XX'])
    const names: unknown[] = []
    for (const parameter of of.parameters ?? []) {
      if ('$ref' in parameter) continue
      for (const word of Object.keys(parameter)) assert.match(word, PARAMETER_WORDS, path)
      assert.equal('schema' in parameter, !('content' in parameter), 'a parameter has one of them')
      assert.equal(parameter.in, 'query')
      names.push(parameter.name)
    }
    assert.equal(new Set(names).size, names.length)
  }
})
