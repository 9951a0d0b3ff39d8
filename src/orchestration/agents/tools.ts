import { messagesOfParty, type MessageRow } from '../../context/conversations.ts'
import { factsNow, factVersions, type FactRow } from '../../context/facts.ts'
import { lower, type Trust } from '../../context/signals.ts'
import { callWithin, type Execution } from '../../execution/execution.ts'
import { errorCode } from '../../lib/errors.ts'
import { jsonCopy, shortHash, type Json } from '../../lib/json.ts'
import { sql, type Store } from '../../store/index.ts'
import type { Agent, ReadingTool } from '../agent.ts'
import type { ModelTool } from './models.ts'
import { quoted } from './quoting.ts'
import { checkValue, jsonSchema } from './schema.ts'

/** How often a model may look something up for one decision. */
export const MAX_TOOL_CALLS = 5
const MAX_PASSAGES = 10
const MAX_RESULT_CHARS = 20_000

/** What the tools of one decision read: it goes on the record, and lowers how far the decision may be believed. */
export interface Reads {
  readonly ids: string[]
  trust: Trust
  calls: number
}

export interface ToolsOf<I> {
  readonly execution: Execution
  readonly agent: Agent<I, unknown>
  readonly input: I
  /** Fact versions that the run has read: whom they are about, the model may be told more about, and nobody else. */
  readonly facts: readonly string[]
  readonly reads: Reads
  readonly stop: AbortSignal
}

type Found = { readonly data: Json; readonly ids: readonly string[]; readonly trust: Trust }

/** The tools of one decision. Whom they can read about is what the workflow has named: no text can name anybody else. */
export function toolsOf<I>(of: ToolsOf<I>): ModelTool[] {
  const { store } = of.execution
  const { tools } = of.agent
  const made: ModelTool[] = []
  if (tools.facts)
    made.push({
      name: 'facts',
      description: 'What is known about whom this is about.',
      schema: { type: 'object', properties: {}, additionalProperties: false },
      run: bounded(of.reads, () => currentFacts(store, of.facts)),
    })
  if (tools.recall)
    made.push({
      name: 'recall',
      description: 'Earlier messages with whom this is about, newest first, that have one of the words.',
      schema: {
        type: 'object',
        properties: { words: { type: 'string' } },
        required: ['words'],
        additionalProperties: false,
      },
      run: bounded(of.reads, (input) => earlierMessages(store, of.facts, input)),
    })
  return [...made, ...tools.actions.map((tool) => reading(of, tool))]
}

function bounded(reads: Reads, find: (input: unknown) => Promise<Found>): ModelTool['run'] {
  return async (input) => {
    if (reads.calls >= MAX_TOOL_CALLS) return 'No more look-ups for this decision: answer now.'
    reads.calls++
    const { data, ids, trust } = await find(input)
    reads.ids.push(...ids)
    reads.trust = lower(reads.trust, trust)
    return quoted('result', data, trust).slice(0, MAX_RESULT_CHARS)
  }
}

async function entitiesOf(store: Store, facts: readonly string[]): Promise<string[]> {
  return [...new Set((await factVersions(store, facts)).map((f) => f.entity))]
}

async function currentFacts(store: Store, facts: readonly string[]): Promise<Found> {
  const rows: FactRow[] = []
  for (const entity of await entitiesOf(store, facts)) rows.push(...(await factsNow(store, entity)))
  const data = rows
    .filter((r) => r.value !== null)
    .map((r) => ({ about: r.entity, [r.attribute]: JSON.parse(r.value!) as Json }))
  return { data, ids: rows.map((r) => r.id), trust: rows.reduce<Trust>((t, r) => lower(t, r.trust), 'operator') }
}

const keysOf = sql('select lookup from entity_key where entity = ?')

async function earlierMessages(store: Store, facts: readonly string[], input: unknown): Promise<Found> {
  const asked = (input as { words?: unknown } | null)?.words
  const words = (typeof asked === 'string' ? asked : '').toLowerCase().match(/[\p{L}\p{N}]{3,}/gu) ?? []
  const found: MessageRow[] = []
  for (const entity of await entitiesOf(store, facts))
    for (const { lookup } of await store.read<{ lookup: string }>(keysOf(entity)))
      found.push(...(await store.read<MessageRow>(messagesOfParty(lookup, MAX_PASSAGES * MAX_TOOL_CALLS))))
  const hits = found
    .filter((m) => m.text !== null && words.some((w) => `${m.subject ?? ''} ${m.text ?? ''}`.toLowerCase().includes(w)))
    .sort((a, b) => b.at - a.at)
    .slice(0, MAX_PASSAGES)
  const data = hits.map((m) => ({
    at: new Date(m.at).toISOString(),
    from: m.direction === 'in' ? 'them' : 'us',
    subject: m.subject,
    text: (m.text ?? '').slice(0, MAX_RESULT_CHARS / MAX_PASSAGES),
  }))
  const outside = hits.some((m) => m.direction === 'in')
  return { data, ids: hits.map((m) => m.id), trust: outside ? 'outsider' : 'operator' }
}

function reading<I>(of: ToolsOf<I>, { action, allowed }: ReadingTool<I>): ModelTool {
  const schema = allowed(of.input)
  const { store } = of.execution
  return {
    // Services take letters, digits, _ and - in the name of a tool.
    name: action.action.replaceAll(/[^\w-]/g, '_'),
    description: `Reads ${action.action}.`,
    schema: jsonSchema(schema),
    run: bounded(of.reads, async (input): Promise<Found> => {
      const narrowed = await checkValue(schema, input)
      const checked = narrowed.ok ? action.input.safeParse(narrowed.value) : undefined
      if (!checked?.success) return { data: { error: 'That input is not allowed.' }, ids: [], trust: 'operator' }
      const id = `${action.action}:${store.pseudonym(shortHash(checked.data))}`
      const now = store.clock.now()
      const tried = { key: store.newId('read'), token: 1, laneToken: null, proposedAt: now }
      try {
        const answer = await callWithin(of.execution, action, tried, of.stop, (ctx) =>
          action.run(checked.data as never, ctx),
        )
        const output = action.output.safeParse(answer)
        const data = output.success
          ? jsonCopy(output.data, `The answer of ${action.action}`)
          : { error: 'It answered something else than it should.' }
        // A service tells what others wrote as well as what it knows itself: nobody can tell the two apart here.
        return { data, ids: [id], trust: 'outsider' }
      } catch (error) {
        of.stop.throwIfAborted()
        return { data: { error: `It failed: ${errorCode(error)}.` }, ids: [id], trust: 'operator' }
      }
    }),
  }
}
