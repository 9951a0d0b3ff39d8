import { factsNow, factVersions, type FactRow } from '../../context/facts.ts'
import { partiesOfSource } from '../../context/recall/citation.ts'
import { CHARACTERS_PER_TOKEN } from '../../context/recall/recall.ts'
import { both, lower, type Trust, type Word } from '../../context/signals.ts'
import { callWithin, type Execution } from '../../execution/execution.ts'
import { errorCode } from '../../lib/errors.ts'
import { jsonCopy, shortHash, type Json } from '../../lib/json.ts'
import type { Store } from '../../store/index.ts'
import type { Agent, ReadingTool } from '../agent.ts'
import type { ModelTool } from './models.ts'
import { quoted } from './quoting.ts'
import { checkValue, jsonSchema } from './schema.ts'
import { workTools } from './work-tools.ts'

/** How often a model may look something up for one decision. */
export const MAX_TOOL_CALLS = 5
const MAX_PASSAGES = 10
const MAX_RESULT_CHARS = 20_000

/** What the tools of one decision read: it goes on the record, and lowers how far the decision may be believed. */
export interface Reads {
  readonly ids: string[]
  word: Word
  calls: number
}

export interface ToolsOf<I> {
  readonly execution: Execution
  readonly agent: Agent<I, unknown>
  readonly input: I
  /** Fact versions that the run has read: whom they are about, the model may be told more about, and nobody else. */
  readonly facts: readonly string[]
  readonly run: string
  readonly reads: Reads
  readonly stop: AbortSignal
}

export type Found = { readonly data: Json; readonly ids: readonly string[] } & Pick<Word, 'trust'> & Partial<Word>

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
      description: 'Earlier messages with whom this is about, and documents, that answer a question or some words.',
      schema: {
        type: 'object',
        properties: { words: { type: 'string' } },
        required: ['words'],
        additionalProperties: false,
      },
      run: bounded(of.reads, (input) => earlierPassages(of, input)),
    })
  const work = workTools(store, tools, of.run).map((tool) => ({ ...tool, run: bounded(of.reads, tool.run) }))
  return [...made, ...work, ...tools.actions.map((tool) => reading(of, tool))]
}

function bounded(reads: Reads, find: (input: unknown) => Promise<Found>): ModelTool['run'] {
  return async (input) => {
    if (reads.calls >= MAX_TOOL_CALLS) return 'No more look-ups for this decision: answer now.'
    reads.calls++
    const { data, ids, ...word } = await find(input)
    reads.ids.push(...ids)
    reads.word = both(reads.word, word)
    return quoted('result', data, word.trust).slice(0, MAX_RESULT_CHARS)
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

/** What a model looks for is recalled about whom the workflow has named, and from what is about nobody. */
async function earlierPassages(
  { execution, facts }: Pick<ToolsOf<unknown>, 'execution' | 'facts'>,
  input: unknown,
): Promise<Found> {
  const asked = (input as { words?: unknown } | null)?.words
  const query = typeof asked === 'string' ? asked : ''
  const about = await entitiesOf(execution.store, facts)
  const budget = MAX_RESULT_CHARS / CHARACTERS_PER_TOKEN / 2
  const { passages } = await execution.recall.recall({
    query,
    about,
    budget,
    kinds: ['message', 'document'],
  })
  const hits = passages.slice(0, MAX_PASSAGES)
  let word: Word = { trust: 'operator', parties: [] }
  for (const { citation, trust } of hits)
    word = both(word, { trust, parties: await partiesOfSource(execution.store, citation) })
  const data = hits.map((p) => ({
    at: new Date(p.at).toISOString(),
    from: p.role,
    subject: p.heading,
    text: p.text,
    recalled: true,
  }))
  return {
    data,
    ids: [...new Set(hits.map((p) => p.citation.source))],
    ...word,
  }
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
