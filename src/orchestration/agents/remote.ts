import { z } from 'zod'
import type { CostMeter, Tier } from '../../context/decisions.ts'
import type { Money } from '../../execution/action.ts'
import { errorCode, errorMessage, FactotumError } from '../../lib/errors.ts'
import type { Json } from '../../lib/json.ts'

/** What a remote agent is asked. */
export interface RemoteRequest {
  readonly capability: string
  readonly instructions: string | null
  readonly input: Json
  /** How far the input may be believed: `operator`, `verified`, `outsider`. */
  readonly trust: string
  /** JSON Schema of the value that it must answer with. */
  readonly schema: Json
}

/** What it answers. The value is checked against the agent's own schema after that. */
const Answer = z.object({
  value: z.json(),
  confidence: z.number().min(0).max(1),
  because: z.string().max(4_000).default(''),
  cost: z.object({ micros: z.int().nonnegative(), currency: z.string().regex(/^[A-Z]{3}$/) }).optional(),
})
export type RemoteAnswer = z.infer<typeof Answer>

/** An agent that runs elsewhere, as one of an agent's tiers. */
export interface RemoteTier {
  /** How it is called in records. */
  readonly remote: string
  readonly tier: Extract<Tier, 'light' | 'heavy'>
  readonly meter: CostMeter
  /** The most that one question costs; null: nothing. */
  readonly price: Money | null
  /** Throws `remote.failed`, `remote.refused`, `remote.bad_answer`, `remote.not_installed`, `remote.no_token`. */
  consult(request: RemoteRequest, signal: AbortSignal): Promise<RemoteAnswer>
}

interface Common {
  readonly tier?: Extract<Tier, 'light' | 'heavy'>
  readonly meter?: CostMeter
  readonly price?: Money
  /** The NAME of the environment variable that holds a bearer token. */
  readonly token?: string
}

export interface HttpOptions extends Common {
  readonly url: string
}

export type McpOptions = Common & {
  /** The tool that takes the question as its arguments. */
  readonly tool: string
} & (
    | { readonly url: string }
    | { readonly command: string; readonly args?: readonly string[]; readonly env?: Readonly<Record<string, string>> }
  )

/** Agents elsewhere, with the same typed contract: `{ capability, instructions, input, trust, schema }` in, `{ value, confidence, because, cost? }` out. */
export const remote = {
  /** A POST of JSON to an endpoint that answers 200 with JSON. Redirects are not followed. */
  http: (options: HttpOptions): RemoteTier => ({
    ...common(options, new URL(options.url).host),
    consult: (request, signal) => post(options, request, signal),
  }),
  /** A tool of an MCP server, at a URL or started as a process for each question. `npm install @modelcontextprotocol/client`. */
  mcp: (options: McpOptions): RemoteTier => ({
    ...common(options, `${'url' in options ? new URL(options.url).host : options.command}/${options.tool}`),
    consult: (request, signal) => callTool(options, request, signal),
  }),
} as const

function common(options: Common, name: string): Omit<RemoteTier, 'consult'> {
  return {
    remote: name,
    tier: options.tier ?? 'light',
    meter: options.meter ?? 'billed',
    price: options.price ?? null,
  }
}

const MAX_ANSWER_BYTES = 1_048_576

function bearer(name: string, variable: string | undefined): Record<string, string> {
  if (variable === undefined) return {}
  const token = process.env[variable]
  if (token) return { authorization: `Bearer ${token}` }
  throw new FactotumError('remote.no_token', `${name} needs a token: set the environment variable ${variable}.`)
}

async function post({ url, token }: HttpOptions, request: RemoteRequest, signal: AbortSignal): Promise<RemoteAnswer> {
  const { host } = new URL(url)
  const headers = { 'content-type': 'application/json', accept: 'application/json', ...bearer(host, token) }
  let response: Response
  try {
    response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(request), redirect: 'error', signal })
  } catch (error) {
    throw failed(host, signal.aborted ? 'it did not answer in time' : errorMessage(error), token)
  }
  if (!response.ok) {
    await response.body?.cancel()
    throw response.status === 401 || response.status === 403
      ? new FactotumError('remote.refused', `${host} refused the token (${response.status}).`)
      : failed(host, `it answered ${response.status}`, token)
  }
  return read(host, await text(host, response))
}

async function text(host: string, response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk)
    // Leaving the loop cancels the rest of the body.
    if ((size += chunk.length) > MAX_ANSWER_BYTES)
      throw new FactotumError('remote.bad_answer', `${host} answered with more than ${MAX_ANSWER_BYTES} bytes.`)
  }
  return Buffer.concat(chunks).toString('utf8')
}

async function callTool(options: McpOptions, request: RemoteRequest, signal: AbortSignal): Promise<RemoteAnswer> {
  const name = common(
    options,
    `${'url' in options ? new URL(options.url).host : options.command}/${options.tool}`,
  ).remote
  const { Client, transport } = await load(options, name)
  const client = new Client({ name: 'factotum', version: '1' })
  try {
    await client.connect(transport, { signal })
    const result = await client.callTool(
      { name: options.tool, arguments: { ...request } },
      { signal, maxTotalTimeout: MAX_MCP_MS },
    )
    const [first] = result.content
    if (result.isError) throw failed(name, first?.type === 'text' ? first.text : 'its tool failed', options.token)
    if (result.structuredContent !== undefined) return checkAnswer(name, result.structuredContent)
    return read(name, first?.type === 'text' ? first.text : '')
  } catch (error) {
    if (error instanceof FactotumError) throw error
    throw failed(name, signal.aborted ? 'it did not answer in time' : errorMessage(error), options.token)
  } finally {
    await client.close().catch(() => {})
  }
}

/** The agent's own time-out is shorter: this only keeps the client from an earlier one of its own. */
const MAX_MCP_MS = 3_600_000

async function load(options: McpOptions, name: string) {
  const [mcp, stdio] = await Promise.all([
    import('@modelcontextprotocol/client'),
    import('@modelcontextprotocol/client/stdio'),
  ]).catch((cause: unknown) => {
    if (errorCode(cause) !== 'ERR_MODULE_NOT_FOUND') throw cause
    throw new FactotumError(
      'remote.not_installed',
      'Agents over MCP need a package: npm install @modelcontextprotocol/client',
      { cause },
    )
  })
  const headers = bearer(name, options.token)
  const transport =
    'url' in options
      ? new mcp.StreamableHTTPClientTransport(new URL(options.url), { requestInit: { headers } })
      : new stdio.StdioClientTransport({
          command: options.command,
          args: [...(options.args ?? [])],
          env: { ...stdio.getDefaultEnvironment(), ...options.env, ...passedOn(options.token) },
          stderr: 'ignore',
        })
  return { Client: mcp.Client, transport }
}

/** A process of ours is given its token in the variable that it is kept in. */
function passedOn(variable: string | undefined): Record<string, string> {
  const token = variable === undefined ? undefined : process.env[variable]
  return variable === undefined || token === undefined ? {} : { [variable]: token }
}

function read(name: string, answer: string): RemoteAnswer {
  try {
    return checkAnswer(name, JSON.parse(answer))
  } catch (error) {
    if (error instanceof FactotumError) throw error
    throw new FactotumError('remote.bad_answer', `${name} did not answer with JSON.`)
  }
}

function checkAnswer(name: string, answer: unknown): RemoteAnswer {
  const parsed = Answer.safeParse(answer)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new FactotumError(
    'remote.bad_answer',
    `${name} must answer { value, confidence, because }: at ${issue?.path.join('.') || 'the top'}: ${issue?.message ?? 'invalid'}.`,
  )
}

function failed(name: string, why: string, variable: string | undefined): FactotumError {
  const token = variable === undefined ? undefined : process.env[variable]
  const safe = token ? why.replaceAll(token, '[token]') : why
  return new FactotumError('remote.failed', `${name} failed: ${safe.slice(0, 300)}`)
}
