import assert from 'node:assert/strict'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { test } from 'node:test'
import { FactotumError } from '../../lib/errors.ts'
import { models } from './ai-sdk.ts'
import type { ModelRequest } from './models.ts'

interface Reply {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: unknown
  /** Never answer. */
  readonly hang?: true
}

interface Call {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Record<string, unknown>
}

/** A model service on loopback that answers as scripted and remembers what it was asked. */
async function service(replies: readonly Reply[]) {
  const calls: Call[] = []
  const left = [...replies]
  const server = createServer((request, response) => {
    void json(request).then((body) => {
      calls.push({ path: request.url ?? '', headers: request.headers, body: body as Record<string, unknown> })
      const reply = left.shift() ?? { status: 500, body: { error: { message: 'the script is over' } } }
      if (reply.hang) return
      response.writeHead(reply.status ?? 200, { 'content-type': 'application/json', ...reply.headers })
      response.end(JSON.stringify(reply.body))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    calls,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function chat(content: string, usage: object = { prompt_tokens: 50, completion_tokens: 10, total_tokens: 60 }): Reply {
  return {
    body: {
      id: 'c1',
      object: 'chat.completion',
      created: 1,
      model: 'm',
      choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
      usage,
    },
  }
}

function toolCall(name: string, args: object): Reply {
  const call = { id: 't1', type: 'function', function: { name, arguments: JSON.stringify(args) } }
  return {
    body: {
      id: 'c1',
      object: 'chat.completion',
      created: 1,
      model: 'm',
      choices: [
        { index: 0, message: { role: 'assistant', content: null, tool_calls: [call] }, finish_reason: 'tool_calls' },
      ],
      usage: { prompt_tokens: 50, completion_tokens: 10, total_tokens: 60 },
    },
  }
}

const schema = { type: 'object', properties: { value: { type: 'string' } } }

function request(more: Partial<ModelRequest> = {}): ModelRequest {
  return {
    system: 'You sort mails.',
    messages: ['The input'],
    schema,
    tools: [],
    maxToolCalls: 5,
    maxOutputTokens: 200,
    maxTokens: 5_000,
    signal: AbortSignal.timeout(30_000),
    ...more,
  }
}

const CANARY = 'sk-canary-4711'

/** Everything that an error could print. */
function allOf(error: unknown): string {
  const seen: string[] = []
  for (let at = error; at instanceof Error; at = at.cause) seen.push(String(at), at.stack ?? '', JSON.stringify(at))
  return seen.join('\n')
}

async function failure(asking: Promise<unknown>): Promise<FactotumError> {
  const error = await asking.then(
    () => null,
    (e: unknown) => e,
  )
  assert.ok(error instanceof FactotumError, `a FactotumError, not ${String(error)}`)
  assert.ok(!allOf(error).includes(CANARY), 'no error holds the key')
  return error
}

test('a compatible service is asked by its chat API, held to the schema, and its tokens are counted', async () => {
  await using on = await service([
    chat('{"value":"x"}', { prompt_tokens: 50, completion_tokens: 10, prompt_tokens_details: { cached_tokens: 40 } }),
  ])
  process.env.TEST_MODEL_KEY = CANARY
  const model = models.openaiCompatible({ url: `${on.url}/v1`, model: 'qwen3:8b', apiKey: 'TEST_MODEL_KEY' })
  assert.equal(model.model, `${new URL(on.url).host}/qwen3:8b`)
  const reply = await model.ask(request())
  assert.deepEqual(reply, { text: '{"value":"x"}', usage: { tokensIn: 50, cachedIn: 40, tokensOut: 10 } })
  const [call] = on.calls
  assert.equal(call!.path, '/v1/chat/completions')
  assert.equal(call!.headers.authorization, `Bearer ${CANARY}`)
  assert.deepEqual(call!.body.messages, [
    { role: 'system', content: 'You sort mails.' },
    { role: 'user', content: 'The input' },
  ])
  assert.equal(call!.body.model, 'qwen3:8b')
  assert.equal(call!.body.max_tokens, 200)
  const format = call!.body.response_format as { type: string; json_schema: { schema: unknown } }
  assert.equal(format.type, 'json_schema')
  assert.deepEqual(format.json_schema.schema, schema)
})

test('a service that cannot be held to a schema is asked for JSON', async () => {
  await using on = await service([chat('{"value":"x"}')])
  await models.openaiCompatible({ url: on.url, model: 'm', structured: false }).ask(request())
  assert.deepEqual(on.calls[0]!.body.response_format, { type: 'json_object' })
  assert.equal(on.calls[0]!.headers.authorization, undefined)
})

const FAILURES: readonly (readonly [string, Reply, string])[] = [
  ['a refused key', { status: 401, body: { error: { message: `Incorrect key: ${CANARY}` } } }, 'model.refused'],
  ['too many calls', { status: 429, body: { error: { message: `slow down ${CANARY}` } } }, 'model.busy'],
  ['a broken service', { status: 500, body: { error: { message: `with ${CANARY}` } } }, 'model.failed'],
  ['what is no answer', { body: { hello: CANARY } }, 'model.failed'],
]
for (const [what, reply, code] of FAILURES) {
  test(`${what} is an error with a code, and the key is in none of it`, async () => {
    await using on = await service([reply])
    process.env.TEST_MODEL_KEY = CANARY
    const model = models.openaiCompatible({ url: on.url, model: 'm', apiKey: 'TEST_MODEL_KEY', retries: 0 })
    assert.equal((await failure(model.ask(request()))).code, code)
    assert.equal(on.calls.length, 1)
  })
}

test('a call that the service was too busy for is made again', async () => {
  await using on = await service([
    { status: 429, headers: { 'retry-after-ms': '1' }, body: { error: { message: 'busy' } } },
    chat('{"value":"x"}'),
  ])
  const reply = await models.openaiCompatible({ url: on.url, model: 'm' }).ask(request())
  assert.equal(reply.text, '{"value":"x"}')
  assert.equal(on.calls.length, 2)
})

test('a call ends with its time-out', async () => {
  await using on = await service([{ body: null, hang: true }])
  const model = models.openaiCompatible({ url: on.url, model: 'm', retries: 0 })
  assert.equal((await failure(model.ask(request({ signal: AbortSignal.timeout(50) })))).code, 'model.timeout')
})

test('a key that is not set is named by its variable', async () => {
  delete process.env.TEST_NO_KEY
  const error = await failure(models.anthropic({ model: 'm', apiKey: 'TEST_NO_KEY' }).ask(request()))
  assert.equal(error.code, 'model.no_key')
  assert.match(error.message, /TEST_NO_KEY/)
})

test('tools are called in a bounded loop, then it must answer', async () => {
  await using on = await service([toolCall('look', { n: 1 }), toolCall('look', { n: 2 }), chat('{"value":"x"}')])
  const asked: unknown[] = []
  const look = {
    name: 'look',
    description: 'Looks.',
    schema: { type: 'object', properties: { n: { type: 'number' } } },
    run: async (input: unknown) => {
      asked.push(input)
      return 'seen'
    },
  }
  const reply = await models
    .openaiCompatible({ url: on.url, model: 'm' })
    .ask(request({ tools: [look], maxToolCalls: 2 }))
  assert.deepEqual(asked, [{ n: 1 }, { n: 2 }])
  assert.deepEqual(reply.usage, { tokensIn: 150, cachedIn: 0, tokensOut: 30 })
  assert.deepEqual(
    on.calls.map((c) => c.body.tool_choice),
    ['auto', 'auto', 'none'],
  )
})

test('Anthropic is told what stays the same between calls, and what it had in its cache is counted', async () => {
  await using on = await service([
    {
      body: {
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        model: 'm',
        content: [{ type: 'text', text: '{"value":"x"}' }],
        stop_reason: 'end_turn',
        stop_sequence: null,
        usage: {
          input_tokens: 10,
          output_tokens: 5,
          cache_creation_input_tokens: 0,
          cache_read_input_tokens: 90,
        },
      },
    },
  ])
  process.env.TEST_MODEL_KEY = CANARY
  const model = models.anthropic({ model: 'claude-x', apiKey: 'TEST_MODEL_KEY', url: `${on.url}/v1` })
  const reply = await model.ask(request())
  assert.deepEqual(reply, { text: '{"value":"x"}', usage: { tokensIn: 100, cachedIn: 90, tokensOut: 5 } })
  const [call] = on.calls
  assert.equal(call!.path, '/v1/messages')
  assert.equal(call!.headers['x-api-key'], CANARY)
  assert.deepEqual(call!.body.system, [{ type: 'text', text: 'You sort mails.', cache_control: { type: 'ephemeral' } }])
})
