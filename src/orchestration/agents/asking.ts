import { z } from 'zod'
import type { Cost, Tier } from '../../context/decisions.ts'
import type { Trust, Word } from '../../context/signals.ts'
import { FactotumError } from '../../lib/errors.ts'
import type { Json } from '../../lib/json.ts'
import { StoreError } from '../../store/index.ts'
import type { Agent } from '../agent.ts'
import { costOf, NO_USAGE, type Usage } from './meter.ts'
import type { Model, ModelRequest, ModelTool } from './models.ts'
import { prompt, repair, type Prompt } from './quoting.ts'
import type { RemoteTier } from './remote.ts'
import type { Agents } from './registry.ts'
import { checkValue, type Schema } from './schema.ts'
import { MAX_TOOL_CALLS, toolsOf, type Reads } from './tools.ts'

/** One question to an agent, as its tiers are asked it. */
export interface Asked<I = never, O = unknown> {
  readonly agents: Agents
  readonly agent: Agent<I, O>
  /** As its schema reads it. */
  readonly input: I
  /** As it was given: what is quoted and recorded. */
  readonly given: Json
  readonly schema: Schema<O>
  /** The schema as JSON Schema. */
  readonly shape: Json
  readonly trust: Trust
  /** The id that the decision will have. */
  readonly decision: string
  readonly run: string
  readonly workflow: string
  /** Fact versions that the run has read. */
  readonly facts: readonly string[]
}

/** What came of asking one tier, before it is held against its track record. */
export interface Answered {
  readonly source: string
  /** Null: it said nothing that could be used. */
  readonly said: {
    readonly value: unknown
    readonly confidence: number | null
    readonly because: string
    readonly options?: readonly { readonly value: unknown; readonly whyNot: string }[]
  } | null
  /** Why not, in words that are no secret and nobody's personal data. */
  readonly reason: string | null
  readonly failed?: boolean
  /** Nothing was asked: there is no opinion to record. */
  readonly skipped?: boolean
  readonly cost?: Cost | null
  readonly model?: string
  readonly reads?: readonly string[]
  /** Of everything that its tools read. */
  readonly word?: Word
  /** A budget said no: nobody else who costs is asked. */
  readonly overBudget?: boolean
}

export function nothing(source: string, reason: string): Answered {
  return { source, said: null, reason }
}

/** A model answers once, and once more when that could not be used. */
const TRIES = 2
/** No tokenizer makes more of ordinary text than one token of two bytes; English is four. */
const BYTES_PER_TOKEN = 2
const MAX_BECAUSE_CHARS = 2_000

/** Of these it is certain that nothing was used. Whatever else fails may have cost the most that it can. */
const COST_NOTHING = new Set([
  'model.not_installed',
  'model.no_key',
  'model.refused',
  'model.busy',
  'remote.not_installed',
  'remote.no_token',
  'remote.refused',
])

/** What failures are called on the record: words of ours, for a service's own may repeat what it was sent. */
const REASONS: Readonly<Record<string, string>> = {
  'model.not_installed': 'its package is not installed',
  'model.no_key': 'its key is not set',
  'model.refused': 'it refused the key',
  'model.busy': 'it takes no more calls at the moment',
  'model.timeout': 'it did not answer in time',
  'model.broke_off': 'it broke off in the middle',
  'remote.not_installed': 'its package is not installed',
  'remote.no_token': 'its token is not set',
  'remote.refused': 'it refused the token',
  'remote.bad_answer': 'it answered something else than it should',
}

/** Asks a model, metered before and after. Throws only when the process stops. */
export async function askModel<I, O>(asked: Asked<I, O>, tier: Tier, model: Model): Promise<Answered> {
  const { agent } = asked
  const { limits } = agent
  const asking = prompt(agent.instructions, agent.agent, asked.shape, asked.given, asked.trust)
  const tokensIn = Math.ceil(Buffer.byteLength(asking.system + asking.user) / BYTES_PER_TOKEN)
  if (tokensIn + limits.outputTokens > limits.tokens)
    return {
      ...nothing(model.model, `the input may be ${tokensIn} tokens, and ${limits.tokens} is the limit`),
      skipped: true,
    }
  const most = costOf(model.price, model.meter, worst(asked, tokensIn))
  return metered(asked, tier, model.model, most, async (signal, opinion) => {
    const { answer, usage, reads } = await converse(asked, model, asking, signal)
    // A service that does not say what was used may have used the most.
    const cost = usage.tokensIn === 0 ? most : costOf(model.price, model.meter, usage)
    const used = { ...opinion, cost, reads: reads.ids, word: reads.word }
    if (!answer) return { ...used, ...nothing(model.model, 'its answer does not fit'), failed: true }
    return { ...used, said: answer, reason: null }
  })
}

/** The most tokens that one decision can take: with tools the input is sent again with every round. */
function worst<I, O>({ agent }: Asked<I, O>, tokensIn: number): Usage {
  const { tokens, outputTokens } = agent.limits
  const { facts, recall, conversation, tasks, actions } = agent.tools
  const tools = facts || recall || conversation || tasks || actions.length > 0
  const out = TRIES * outputTokens
  return { tokensIn: tools ? tokens : TRIES * tokensIn + outputTokens, cachedIn: 0, tokensOut: out }
}

const Envelope = z.object({
  value: z.unknown().refine((v) => v !== undefined, 'is missing'),
  confidence: z.number().min(0).max(1),
  because: z.string().default(''),
})
type Envelope = z.infer<typeof Envelope>

interface Conversation {
  readonly answer: Envelope | null
  readonly usage: Usage
  readonly reads: Reads
}

async function converse<I, O>(
  asked: Asked<I, O>,
  model: Model,
  asking: Prompt,
  signal: AbortSignal,
): Promise<Conversation> {
  const { agent, agents } = asked
  const reads: Reads = { ids: [], word: { trust: asked.trust, parties: [] }, calls: 0 }
  const tools: ModelTool[] = toolsOf({
    execution: agents.execution,
    agent,
    input: asked.input,
    facts: asked.facts,
    run: asked.run,
    reads,
    stop: signal,
  })
  const messages = [asking.user]
  let usage = NO_USAGE
  for (let tries = 0; tries < TRIES; tries++) {
    const request: ModelRequest = {
      system: asking.system,
      messages: [...messages],
      schema: envelope(asked.shape),
      // An answer is mended without looking anything up again.
      tools: tries === 0 ? tools : [],
      maxToolCalls: MAX_TOOL_CALLS,
      maxOutputTokens: agent.limits.outputTokens,
      maxTokens: agent.limits.tokens - usage.tokensIn - usage.tokensOut,
      signal,
    }
    const reply = await model.ask(request).catch((error: unknown) => {
      // Rounds before this one were answered, and are paid for: what it cost can no longer be nothing.
      if (!(error instanceof FactotumError) || (tries === 0 && reads.calls === 0)) throw error
      throw new FactotumError('model.broke_off', error.message, { cause: error })
    })
    usage = {
      tokensIn: usage.tokensIn + reply.usage.tokensIn,
      cachedIn: usage.cachedIn + reply.usage.cachedIn,
      tokensOut: usage.tokensOut + reply.usage.tokensOut,
    }
    const read = await readAnswer(asked, reply.text)
    if (read.ok) return { answer: read.answer, usage, reads }
    if (usage.tokensIn + usage.tokensOut + agent.limits.outputTokens > agent.limits.tokens) break
    messages.push(repair(reply.text, read.issue))
  }
  return { answer: null, usage, reads }
}

type ReadAnswer = { readonly ok: true; readonly answer: Envelope } | { readonly ok: false; readonly issue: string }

async function readAnswer<I, O>(asked: Asked<I, O>, text: string): Promise<ReadAnswer> {
  const parsed = Envelope.safeParse(jsonIn(text))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    return { ok: false, issue: `at ${issue?.path.join('.') || 'the top'}: ${issue?.message ?? 'invalid'}` }
  }
  const checked = await checkValue(asked.schema, parsed.data.value)
  if (!checked.ok) return { ok: false, issue: `value, ${checked.issue}` }
  return { ok: true, answer: { ...parsed.data, because: parsed.data.because.slice(0, MAX_BECAUSE_CHARS) } }
}

/** The JSON of an answer: small models put it into a fence, or think aloud before it. */
function jsonIn(text: string): unknown {
  const said = text.replace(/^[\s\S]*<\/think>/, '')
  const inner = said.slice(said.indexOf('{'), said.lastIndexOf('}') + 1)
  for (const candidate of [said, inner]) {
    try {
      return JSON.parse(candidate) as unknown
    } catch {
      continue
    }
  }
  return undefined
}

/** The JSON Schema of a whole answer. Definitions stand at the top, where references look for them. */
function envelope(shape: Json): Json {
  const { $schema: _, $defs, ...value } = shape as Readonly<Record<string, Json>>
  return {
    type: 'object',
    properties: { value, confidence: { type: 'number', minimum: 0, maximum: 1 }, because: { type: 'string' } },
    required: ['value', 'confidence', 'because'],
    additionalProperties: false,
    ...($defs === undefined ? {} : { $defs }),
  }
}

/** Asks an agent elsewhere, metered before and after. Throws only when the process stops. */
export async function askRemote<I, O>(asked: Asked<I, O>, remote: RemoteTier): Promise<Answered> {
  const { agent, given, trust, shape } = asked
  const most: Cost = { ...costOf(null, remote.meter, NO_USAGE), ...remote.price }
  return metered(asked, remote.tier, remote.remote, most, async (signal, opinion) => {
    const request = { capability: agent.agent, instructions: agent.instructions, input: given, trust, schema: shape }
    const { value, confidence, because, cost } = await remote.consult(request, signal)
    // What was set aside is in the currency of its price: only in that can it be put right.
    const real = cost && cost.currency === most.currency ? { ...most, ...cost } : most
    return { ...opinion, said: { value, confidence, because }, reason: null, cost: real }
  })
}

/** Limits first, then the reservation, which is durable before anything is asked; then what it really cost. */
async function metered<I, O>(
  asked: Asked<I, O>,
  tier: Tier,
  model: string,
  most: Cost,
  ask: (signal: AbortSignal, opinion: { readonly source: string; readonly model: string }) => Promise<Answered>,
): Promise<Answered> {
  const { agents, agent } = asked
  const { perDay, money, timeoutMs } = agent.limits
  const skip = (reason: string): Answered => ({ ...nothing(model, reason), skipped: true })
  if (money && most.micros > 0 && money.currency !== most.currency)
    return skip(`its limit is in ${money.currency} and its price in ${most.currency}`)
  if (money && most.micros > money.micros) return skip('it may cost more than the limit of one decision')
  const { store } = agents.execution
  const id = store.newId('use')
  const { run, workflow, decision } = asked
  const of = { agent: agent.agent, workflow, run, tier, model, decision }
  const reserved = await agents.withinDay(agent.agent, decision, perDay, () =>
    agents.meter.reserve({ id, ...of, timeoutMs, cost: most }),
  )
  if (reserved === null) return { ...skip(`the limit of ${perDay} a day is reached`), overBudget: true }
  if (!reserved.ok) return { ...skip(`over budget: ${reserved.budget}`), overBudget: true }
  const answered = await within(asked, timeoutMs, model, most, ask)
  await agents.meter.settle(id, answered.cost ?? most)
  return answered
}

async function within<I, O>(
  { agents }: Asked<I, O>,
  timeoutMs: number,
  model: string,
  most: Cost,
  ask: (signal: AbortSignal, opinion: { readonly source: string; readonly model: string }) => Promise<Answered>,
): Promise<Answered> {
  const late = AbortSignal.timeout(timeoutMs)
  const signal = AbortSignal.any([agents.signal, late])
  try {
    // A call that does not listen holds up nobody.
    return await Promise.race([ask(signal, { source: model, model }), aborted(signal)])
  } catch (error) {
    // The reservation stays as it is, and counts in full: nobody knows what was used.
    if (agents.signal.aborted) throw new StoreError('store.closed', 'The company stopped while a model was asked.')
    if (!(error instanceof FactotumError) && !late.aborted) throw error
    const code = late.aborted ? 'model.timeout' : (error as FactotumError).code
    const cost = COST_NOTHING.has(code) ? { ...most, micros: 0, tokensIn: 0, tokensOut: 0 } : most
    return { ...nothing(model, REASONS[code] ?? 'it failed'), failed: true, model, cost }
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}
