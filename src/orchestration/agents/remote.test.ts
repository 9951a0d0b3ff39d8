import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { testCompany } from '../../testing.ts'
import { agent } from '../agent.ts'
import { workflow } from '../workflow.ts'
import { remote, type RemoteTier } from './remote.ts'

const Kind = z.enum(['refund', 'question'])
const TOKEN = 'canary-token-4711'

/** Asks one remote tier about a mail, and answers the decision or why it was passed over. */
async function ask(tier: RemoteTier) {
  const triage = agent('triage', { output: Kind, instructions: 'Sort it.', tiers: [tier, 'operator'] })
  const sort = workflow('sort', {}, (ctx) => ctx.decide(triage, { text: 'money back' }))
  await using company = await testCompany({ workflows: [sort] })
  const run = await company.run(sort, null)
  const [gate] = await company.queue()
  const events = JSON.stringify(await company.open.store.engine.queryText('select body, private from event', []))
  assert.ok(!events.includes(TOKEN), 'the token is on no record')
  const uses = await company.open.store.engine.queryText('select * from use', [])
  return { decided: gate ? null : await company.result(run), reason: gate?.reason ?? null, uses }
}

/** An endpoint on loopback that answers with this, and what it was asked. */
async function endpoint(t: TestContext, status: number, answer: string, headers: Record<string, string> = {}) {
  const asked: { readonly body: unknown; readonly authorization: string | undefined }[] = []
  const server = createServer((request, response) => {
    void json(request).then((body) => {
      asked.push({ body, authorization: request.headers.authorization })
      response.writeHead(status, headers).end(answer)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/decide`, asked }
}

const GOOD = {
  value: 'refund',
  confidence: 0.9,
  because: 'money back',
  cost: { micros: 1_500, currency: 'EUR' },
}

test('an agent over HTTP is asked with the contract, paid, and held to the schema', async (t) => {
  const { url, asked } = await endpoint(t, 200, JSON.stringify(GOOD))
  process.env.TEST_REMOTE_TOKEN = TOKEN
  const price = { micros: 2_000, currency: 'EUR' }
  const { decided, uses } = await ask(remote.http({ url, token: 'TEST_REMOTE_TOKEN', price }))
  const { value, tier, confidence } = decided as Record<string, unknown>
  assert.deepEqual([value, tier, confidence], ['refund', 'light', 0.9])
  assert.equal(asked[0]!.authorization, `Bearer ${TOKEN}`)
  const { schema, ...question } = asked[0]!.body as Record<string, unknown>
  assert.deepEqual(question, {
    capability: 'triage',
    instructions: 'Sort it.',
    input: { text: 'money back' },
    trust: 'operator',
  })
  assert.deepEqual((schema as { enum: unknown }).enum, ['refund', 'question'])
  assert.deepEqual([uses[0]!.state, uses[0]!.micros, uses[0]!.meter], ['settled', 1_500, 'billed'])
})

const BAD: readonly (readonly [string, number, string, RegExp])[] = [
  ['another value', 200, JSON.stringify({ ...GOOD, value: 'transfer' }), /its answer does not fit/],
  ['no confidence', 200, JSON.stringify({ value: 'refund' }), /answered something else/],
  ['no JSON', 200, '<html>', /answered something else/],
  ['a megabyte too much', 200, `"${'x'.repeat(1_100_000)}"`, /answered something else/],
  ['a refusal', 401, 'no', /refused the token/],
  ['an error', 500, 'no', /it failed/],
]
for (const [what, status, answer, reason] of BAD) {
  test(`an agent over HTTP that answers with ${what} is passed over`, async (t) => {
    const { url } = await endpoint(t, status, answer)
    assert.match((await ask(remote.http({ url, tier: 'heavy' }))).reason!, new RegExp(`^heavy: .*${reason.source}`))
  })
}

test('a redirect is not followed, and a token that is not set is named', async (t) => {
  const { url } = await endpoint(t, 302, '', { location: 'http://127.0.0.1:1/' })
  assert.match((await ask(remote.http({ url }))).reason!, /it failed/)
  delete process.env.TEST_NO_TOKEN
  assert.match((await ask(remote.http({ url, token: 'TEST_NO_TOKEN' }))).reason!, /its token is not set/)
})

/** A server of the Model Context Protocol over its standard streams: JSON-RPC 2.0, one message a line. */
const SERVER = `
import { createInterface } from 'node:readline'
const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n')
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line)
  if (id === undefined) return
  if (method === 'initialize')
    return say({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 't', version: '1' } } })
  if (method === 'tools/list')
    return say({ id, result: { tools: [{ name: 'decide', inputSchema: { type: 'object' } }] } })
  if (method === 'tools/call') {
    const { capability, input, schema } = params.arguments
    if (params.name !== 'decide')
      return say({ id, result: { isError: true, content: [{ type: 'text', text: 'no such tool' }] } })
    const value = capability === 'triage' && input.text === 'money back' ? schema.enum[0] : 'nothing'
    const answer = { value, confidence: process.env.SURE ? 1 : 0.1, because: 'the tool says so' }
    return say({ id, result: { content: [{ type: 'text', text: JSON.stringify(answer) }] } })
  }
  say({ id, error: { code: -32601, message: 'unknown' } })
})
`

test('an agent over MCP is a process that is asked by a tool', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'factotum-mcp-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const server = join(folder, 'server.mjs')
  await writeFile(server, SERVER)
  const common = { command: process.execPath, args: [server] }
  const sure = await ask(remote.mcp({ ...common, tool: 'decide', env: { SURE: '1' } }))
  const { value, tier } = sure.decided as Record<string, unknown>
  assert.deepEqual([value, tier], ['refund', 'light'])
  const unsure = await ask(remote.mcp({ ...common, tool: 'decide', tier: 'heavy' }))
  assert.equal(unsure.reason, 'heavy: 10 % sure, 80 % is asked for')
  assert.match((await ask(remote.mcp({ ...common, tool: 'other' }))).reason!, /it failed/)
  assert.match((await ask(remote.mcp({ command: join(folder, 'missing'), tool: 'x' }))).reason!, /it failed/)
})
