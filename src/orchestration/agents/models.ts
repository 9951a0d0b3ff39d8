import type { CostMeter } from '../../context/decisions.ts'
import type { Json } from '../../lib/json.ts'
import type { Price, Usage } from './meter.ts'

/** A tool that a model may call while it answers. */
export interface ModelTool {
  readonly name: string
  readonly description: string
  /** JSON Schema of its input. */
  readonly schema: Json
  /** Answers with what the model is shown, as text. Never throws for bad input: it says what is wrong. */
  readonly run: (input: unknown) => Promise<string>
}

export interface ModelRequest {
  readonly system: string
  /** What it is asked, and after an answer that could not be used what is wrong with it. */
  readonly messages: readonly string[]
  /** JSON Schema of the answer, for services that can be held to one. The answer is checked in any case. */
  readonly schema: Json
  readonly tools: readonly ModelTool[]
  /** How often it may call tools before it must answer. */
  readonly maxToolCalls: number
  readonly maxOutputTokens: number
  /** Tokens in and out after which no further round of tools begins. */
  readonly maxTokens: number
  /** Aborted at the time-out, and when the process stops. */
  readonly signal: AbortSignal
}

export interface ModelReply {
  readonly text: string
  readonly usage: Usage
}

/**
 * A model that a company may ask. `ask` throws `model.not_installed`, `model.no_key`, `model.refused` (the key),
 * `model.busy` (429), `model.timeout`, `model.failed`; no error holds the key or what was sent.
 */
export interface Model {
  /** How it is called in records: `ollama/qwen3:8b`. */
  readonly model: string
  readonly meter: CostMeter
  /** Null where nobody says what it costs: then it costs nothing. */
  readonly price: Price | null
  ask(request: ModelRequest): Promise<ModelReply>
}
