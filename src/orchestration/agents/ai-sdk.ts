import type * as Sdk from 'ai'
import type { CostMeter } from '../../context/decisions.ts'
import { errorCode, errorMessage, FactotumError } from '../../lib/errors.ts'
import type { Json } from '../../lib/json.ts'
import type { Price, Usage } from './meter.ts'
import type { Model, ModelReply, ModelRequest, ModelTool } from './models.ts'

export interface ModelOptions {
  /** The service's name for the model. */
  readonly model: string
  /** The NAME of the environment variable that holds the key: keys are in no file and no record. */
  readonly apiKey?: string
  /** Default: none, so that a use costs nothing. */
  readonly price?: Price
  readonly meter?: CostMeter
  /** How often a call is repeated that the service was too busy for. Default 2. */
  readonly retries?: number
  /** Another address of the same service, such as a proxy of yours. */
  readonly url?: string
}

export interface CompatibleOptions extends ModelOptions {
  /** `http://127.0.0.1:11434/v1` for Ollama, `http://127.0.0.1:8080/v1` for llama.cpp, `http://127.0.0.1:8000/v1` for vLLM. */
  readonly url: string
  /** Whether the service can be held to a JSON Schema (`response_format`). Default true. */
  readonly structured?: boolean
}

/**
 * Models by way of the AI SDK (https://ai-sdk.dev), whose packages are installed only where they are used: `npm install ai`
 * and the package of the provider. They are loaded at the first question.
 */
export const models = {
  /** Anything that speaks OpenAI's chat API: Ollama, llama.cpp, vLLM, and most hosted services. */
  openaiCompatible: (options: CompatibleOptions): Model =>
    provider('@ai-sdk/openai-compatible', options, {
      name: new URL(options.url).host,
      key: null,
      meter: 'imputed',
      format: (options.structured ?? true) ? 'schema' : 'json',
      open: (module, { url, apiKey }) =>
        module.createOpenAICompatible!({
          name: 'compatible',
          baseURL: url,
          ...(apiKey === null ? {} : { apiKey }),
          supportsStructuredOutputs: options.structured ?? true,
        }),
    }),
  /** Key: ANTHROPIC_API_KEY. What stays the same between calls is cached by the service. */
  anthropic: (options: ModelOptions): Model =>
    provider('@ai-sdk/anthropic', options, {
      name: 'anthropic',
      key: 'ANTHROPIC_API_KEY',
      meter: 'billed',
      // Its structured outputs take a part of JSON Schema only; asked in words it answers in JSON all the same.
      format: 'words',
      open: (module, { url, apiKey }) => module.createAnthropic!({ apiKey, ...(url ? { baseURL: url } : {}) }),
    }),
  /** Key: OPENAI_API_KEY. */
  openai: (options: ModelOptions): Model =>
    provider('@ai-sdk/openai', options, {
      name: 'openai',
      key: 'OPENAI_API_KEY',
      meter: 'billed',
      format: 'schema',
      open: (module, { url, apiKey }) => module.createOpenAI!({ apiKey, ...(url ? { baseURL: url } : {}) }),
    }),
  /** Key: GOOGLE_GENERATIVE_AI_API_KEY. */
  google: (options: ModelOptions): Model =>
    provider('@ai-sdk/google', options, {
      name: 'google',
      key: 'GOOGLE_GENERATIVE_AI_API_KEY',
      meter: 'billed',
      // Its schemas are a part of OpenAPI 3.0, which not every JSON Schema can be said in.
      format: 'json',
      open: (module, { url, apiKey }) => module.createGoogleGenerativeAI!({ apiKey, ...(url ? { baseURL: url } : {}) }),
    }),
} as const

type Opened = (model: string) => Parameters<typeof Sdk.generateText>[0]['model']
type ProviderModule = Readonly<Record<string, ((options: Readonly<Record<string, unknown>>) => Opened) | undefined>>

interface Provider {
  readonly name: string
  readonly key: string | null
  readonly meter: CostMeter
  /** How it is held to the answer's form: by the schema, to JSON, or by the prompt alone. */
  readonly format: 'schema' | 'json' | 'words'
  readonly open: (
    module: ProviderModule,
    options: { readonly url: string | null; readonly apiKey: string | null },
  ) => Opened
}

function provider(packageName: string, options: ModelOptions, { name, ...of }: Provider): Model {
  const model = `${name}/${options.model}`
  return {
    model,
    meter: options.meter ?? of.meter,
    price: options.price ?? null,
    async ask(request) {
      const apiKey = keyOf(options.apiKey ?? of.key, model)
      const [sdk, module] = await Promise.all([load<typeof Sdk>('ai'), load<ProviderModule>(packageName)])
      try {
        const opened = of.open(module, { url: options.url ?? null, apiKey })
        return await generate(sdk, opened(options.model), request, of.format, options.retries ?? 2)
      } catch (error) {
        throw told(sdk, error, model, apiKey, request.signal)
      }
    },
  }
}

function keyOf(variable: string | null, model: string): string | null {
  if (variable === null) return null
  const key = process.env[variable]
  if (key) return key
  throw new FactotumError(
    'model.no_key',
    `${model} needs a key: set the environment variable ${variable} where the company is started.`,
  )
}

async function load<M>(packageName: string): Promise<M> {
  try {
    return (await import(packageName)) as M
  } catch (cause) {
    if (errorCode(cause) !== 'ERR_MODULE_NOT_FOUND') throw cause
    const others = packageName === 'ai' ? '' : ` ${packageName}`
    throw new FactotumError('model.not_installed', `This model needs a package: npm install ai${others}`, { cause })
  }
}

async function generate(
  sdk: typeof Sdk,
  model: Parameters<typeof sdk.generateText>[0]['model'],
  request: ModelRequest,
  format: Provider['format'],
  retries: number,
): Promise<ModelReply> {
  const tools = request.tools.length === 0 ? undefined : Object.fromEntries(request.tools.map((t) => toolOf(sdk, t)))
  const result = await sdk.generateText({
    model,
    // The part that is the same for every call: a provider that caches by request is told where it ends.
    instructions: {
      role: 'system',
      content: request.system,
      providerOptions: { anthropic: { cacheControl: { type: 'ephemeral' } } },
    },
    messages: request.messages.map((content) => ({ role: 'user' as const, content })),
    maxOutputTokens: request.maxOutputTokens,
    maxRetries: retries,
    abortSignal: request.signal,
    // A schema of ours may have optional parts, which OpenAI's strict mode refuses. The answer is checked in any case.
    providerOptions: { openai: { strictJsonSchema: false } },
    ...(format === 'words' ? {} : { output: asText(sdk, format === 'schema' ? request.schema : null) }),
    ...(tools
      ? {
          tools,
          stopWhen: [
            sdk.isStepCount(request.maxToolCalls + 1),
            ({ steps }) => tokensOf(steps.map((s) => s.usage)) >= request.maxTokens,
          ],
          prepareStep: ({ steps }) =>
            steps.length >= request.maxToolCalls ||
            tokensOf(steps.map((s) => s.usage)) + request.maxOutputTokens >= request.maxTokens
              ? { toolChoice: 'none' as const }
              : {},
        }
      : {}),
  })
  return { text: result.text, usage: usageOf(result.usage) }
}

/** The answer as the text that it is: what it must look like is for the service, the check is ours. */
function asText(sdk: typeof Sdk, schema: Json | null): ReturnType<typeof sdk.Output.text> {
  return {
    ...sdk.Output.text(),
    name: 'answer',
    responseFormat: Promise.resolve(
      schema === null ? { type: 'json' } : { type: 'json', name: 'answer', schema: schema as never },
    ),
  }
}

function toolOf(sdk: typeof Sdk, { name, description, schema, run }: ModelTool) {
  const tool = sdk.tool({
    description,
    inputSchema: sdk.jsonSchema(schema as never),
    execute: (input: unknown) => run(input),
  })
  return [name, tool] as const
}

interface SdkUsage {
  readonly inputTokens: number | undefined
  readonly outputTokens: number | undefined
  readonly inputTokenDetails?: { readonly cacheReadTokens?: number | undefined }
}

function usageOf(usage: SdkUsage): Usage {
  return {
    tokensIn: usage.inputTokens ?? 0,
    cachedIn: usage.inputTokenDetails?.cacheReadTokens ?? 0,
    tokensOut: usage.outputTokens ?? 0,
  }
}

function tokensOf(usages: readonly SdkUsage[]): number {
  return usages.reduce((all, u) => all + (u.inputTokens ?? 0) + (u.outputTokens ?? 0), 0)
}

const MAX_ERROR_CHARS = 300

/**
 * What went wrong, in words. The original is not kept as its cause: it holds the request with its headers, and a service
 * may repeat the key in its answer.
 */
function told(
  sdk: typeof Sdk,
  error: unknown,
  model: string,
  apiKey: string | null,
  signal: AbortSignal,
): FactotumError {
  if (error instanceof FactotumError) return error
  if (signal.aborted) return new FactotumError('model.timeout', `${model} did not answer in time.`)
  const last = sdk.RetryError.isInstance(error) ? error.lastError : error
  const status = sdk.APICallError.isInstance(last) ? (last.statusCode ?? 0) : 0
  if (status === 401 || status === 403)
    return new FactotumError('model.refused', `${model} refused the key (${status}). Check the environment variable.`)
  if (status === 429) return new FactotumError('model.busy', `${model} takes no more calls at the moment (429).`)
  const said = errorMessage(last).slice(0, MAX_ERROR_CHARS)
  const safe = apiKey === null ? said : said.replaceAll(apiKey, '[key]')
  return new FactotumError('model.failed', `${model} failed${status ? ` (${status})` : ''}: ${safe}`)
}
