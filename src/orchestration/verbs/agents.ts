import { z } from 'zod'
import {
  decisionAsked,
  decisionJudged,
  decisionMade,
  judgeTiers,
  NO_EVIDENCE,
  opinionsOf,
  saidSame,
  type Opinion,
  type OpinionRow,
} from '../../context/decisions.ts'
import { partiesIn, signalById, type SignalRow, type Word } from '../../context/signals.ts'
import { gateOpened, type Choice, type GateRow, type Gates } from '../../governance/gates.ts'
import { FactotumError } from '../../lib/errors.ts'
import { milliseconds } from '../../lib/durations.ts'
import { jsonCopy, shortHash, type Json } from '../../lib/json.ts'
import { answerWait, sql, type EventInput, type Store } from '../../store/index.ts'
import type { Agent, AnyAgent } from '../agent.ts'
import { total } from '../agents/meter.ts'
import { optionsAtGate, optionsOfTiers } from '../agents/options.ts'
import { compared, consult, describe, suggestion, type Consulted } from '../agents/opinions.ts'
import type { Agents } from '../agents/registry.ts'
import { checkValue, fewValues, jsonSchema } from '../agents/schema.ts'
import type { Begun } from '../call.ts'
import type { CallOptions, Decided, Question } from '../workflow.ts'
import { askedAs } from './outcomes.ts'
import { evidenceOf, hear, type Services } from './services.ts'

export function decide<I, O>(
  services: Services,
  kind: 'decide' | 'delegate',
  agent: Agent<I, O>,
  input: I,
  options?: CallOptions,
): Promise<Decided<O>> {
  const { driver, store, seen, agents } = services
  const given = jsonCopy(input, `The input of "${agent.agent}"`)
  return driver.call<Decided<O>>({
    kind,
    name: options?.name ?? agent.agent,
    key: options?.key,
    input: [agent.agent, given],
    begin: async ({ op, wait, cause }): Promise<Begun> => {
      agents.used(agent as unknown as AnyAgent)
      const checked = await checkInput(agent, given)
      const schema = agent.output(checked)
      const shape = jsonSchema(schema)
      const { trust } = services
      const { id: run, workflow } = driver.run
      const { facts } = evidenceOf(services)
      const id = store.newId('dec')
      const of = { decision: id, run, workflow, trust, facts }
      const consulted = await consult({ agents, agent, input: checked, given, schema, shape, ...of })
      const { decided, passed } = consulted
      if (!decided?.said) {
        if (consulted.operator) {
          const at = { id, op, wait, cause, title: agent.title(checked) }
          return askOperator(services, agent, given, shape, consulted, at)
        }
        throw new FactotumError(
          'agent.undecided',
          `No tier of "${agent.agent}" decided (${passed.join('; ')}). Add 'operator' as the last tier, so that a person does.`,
        )
      }
      const { tier, confidence } = decided.opinion
      const { value, because } = decided.said
      const about = await aboutOf(store, driver.run.signal, given)
      const event = decisionMade(
        id,
        {
          run,
          op,
          agent: agent.agent,
          tier,
          confidence,
          evidence: evidenceOf(services),
          passed,
          cost: total(consulted.given.map((g) => g.opinion.cost)),
          model: decided.model,
          opinions: compared(consulted.given, value),
          signal: about.signal,
        },
        {
          private: {
            value,
            rationale: because,
            ...(agent.instructions === null ? {} : { question: agent.instructions }),
            options: optionsOfTiers(value, consulted.given),
            ...about.input,
            opinions: consulted.given.map((g) => g.said),
          },
          actor: `agent:${agent.agent}`,
          cause,
        },
      )
      return {
        done: {
          value: { id, tier, value, confidence, because },
          refs: { trust: consulted.word.trust, ...partiesIn(consulted.word) },
        },
        events: [event],
      }
    },
    read: (completion) => {
      const decided = completion.value as unknown as Decided<O>
      seen.decisions.push(decided.id)
      // What a model looked up on the way lowers what derives from its answer.
      const { trust, parties } = (completion.refs ?? {}) as Partial<Word>
      if (trust) hear(services, { trust, parties })
      return decided
    },
  })
}

async function checkInput<I>(agent: Pick<Agent<I, unknown>, 'agent' | 'input'>, given: Json): Promise<I> {
  if (!agent.input) return given as I
  const checked = await checkValue(agent.input, given)
  if (checked.ok) return checked.value
  throw new FactotumError(
    'agent.bad_input',
    `"${agent.agent}" was given what its input does not take, ${checked.issue}. Give it what it declares, or change its input.`,
  )
}

/** An input that is larger than this is not kept with its decision: nobody learns from it. */
const MAX_INPUT_BYTES = 65_536

/** What a decision was about: the signal, where the input is its payload, else the input itself. */
async function aboutOf(store: Store, signal: string | null, given: Json) {
  const row = signal === null ? undefined : await store.first<SignalRow>(signalById(signal))
  if (row?.payload != null && shortHash(JSON.parse(row.payload)) === shortHash(given)) return { signal, input: {} }
  const kept = Buffer.byteLength(JSON.stringify(given)) <= MAX_INPUT_BYTES
  return { signal: null, input: kept ? { input: given } : {} }
}

const ANSWER: Choice = { outcome: 'answer', label: 'Answer', needs: 'value' }
const TAKE: Choice = { outcome: 'approve', label: 'Take the suggestion' }

function askOperator<I, O>(
  services: Services,
  agent: Agent<I, O>,
  input: Json,
  shape: Json,
  { given, passed }: Consulted,
  at: {
    readonly id: string
    readonly op: string
    readonly wait: string
    readonly cause: number
    readonly title: string
  },
): Begun {
  const { store, driver } = services
  const gate = store.newId('gate')
  const { id: decision, op, wait, cause, title } = at
  const by = { actor: `run:${driver.run.id}`, cause }
  const asked = decisionAsked(
    decision,
    { run: driver.run.id, op, agent: agent.agent, opinions: given.map((g) => g.opinion) },
    { private: { opinions: given.map((g) => g.said) }, ...by },
  )
  const suggested = suggestion(given)
  const options = fewValues(shape)
  const opened = gateOpened(
    gate,
    {
      kind: 'decision',
      subject: wait,
      run: driver.run.id,
      template: [...(suggested ? [TAKE] : []), ANSWER],
      evidence: evidenceOf(services),
      binding: null,
      risk: null,
      reason: passed.join('; ') || 'the operator decides this',
    },
    {
      private: {
        title,
        proposal: {
          agent: agent.agent,
          input,
          // What an answer must look like: whoever decides the gate later need not have loaded the agent.
          shape,
          ...(options ? { options } : {}),
          passed,
          decision,
          ...(suggested?.said ? { suggestion: suggested.said.value } : {}),
          ...(given.length > 0 ? { opinions: given.map(describe).join('\n') } : {}),
        },
      },
      ...by,
    },
  )
  return { wait: { kind: 'gate', subject: gate, deadline: null }, events: [asked, opened] }
}

export function ask<T>(services: Services, question: Question<T>, options?: CallOptions): Promise<T | null> {
  const { store, driver } = services
  const about = jsonCopy(question.about, `What "${question.title}" is about`)
  const otherwise = jsonCopy(question.otherwise, 'The default answer')
  const timeout = question.timeout === undefined ? null : milliseconds(question.timeout)
  const asked = askedAs(driver.run.workflow, options?.name ?? 'ask')
  return driver.call<T | null>({
    kind: 'ask',
    name: options?.name ?? 'ask',
    key: options?.key,
    input: [question.title, question.options ?? null, timeout],
    begin: ({ wait, cause }) => {
      const gate = store.newId('gate')
      const schema = question.answer ?? (question.options ? z.enum(question.options) : null)
      const shape = schema ? jsonSchema(schema) : {}
      const options = question.options ?? fewValues(shape)
      const deadline = timeout === null ? null : driver.from() + timeout
      const opened = gateOpened(
        gate,
        {
          kind: 'question',
          subject: wait,
          run: driver.run.id,
          template: [ANSWER],
          evidence: evidenceOf(services),
          binding: null,
          risk: null,
          reason: 'the workflow asks',
          expiresAt: deadline,
        },
        {
          private: {
            title: question.title,
            proposal: { about, shape, otherwise, asked, ...(options ? { options: [...options] } : {}) },
          },
          actor: `run:${driver.run.id}`,
          cause,
        },
      )
      return {
        wait: { kind: 'gate', subject: gate, deadline, otherwise },
        events: [opened],
      }
    },
    read: (completion) => completion.value as T | null,
  })
}

const waitById = sql('select w.op, r.signal from wait w join run r on r.id = w.run where w.id = ?')

/** What a gate of an agent shows: older ones lack the decision and the suggestion. */
interface Proposal {
  readonly agent?: string
  readonly input?: Json
  readonly passed?: readonly string[]
  readonly decision?: string
  readonly suggestion?: Json
  readonly options?: readonly Json[]
  /** Of a question: what its answers are known by, and what it is about. */
  readonly asked?: string
  readonly about?: Json
}

function proposalOf(gate: GateRow): Proposal {
  return (gate.proposal === null ? {} : JSON.parse(gate.proposal)) as Proposal
}

/** What an answer at a gate leads to: the run goes on with it, and a decision of the operator's is recorded as one. */
export function registerAnswerGates(store: Store, gates: Gates, agents: Agents): void {
  gates.on('question', async (gate, decision) => {
    const actor = decision.by ?? 'operator'
    const value = fit(gate.proposal, decision.value ?? null)
    const { asked, about, options } = proposalOf(gate)
    // Of before answers were decisions: it is only answered.
    if (asked === undefined) return answerWait(store, gate.subject, value, { actor, cause: { index: 0 } })
    const proposal = { agent: asked, ...(about === undefined ? {} : { input: about }), ...(options ? { options } : {}) }
    const because = decision.reason ?? 'the operator answered'
    const of = { id: store.newId('dec'), value, because, reason: decision.reason ?? null, actor, opinions: [] }
    const made = await madeByOperator(store, gate, proposal, of)
    const answer = await answerWait(store, gate.subject, value, { actor, cause: { index: 1 } })
    return { events: [made, ...answer.events], guards: answer.guards }
  })
  gates.on('decision', async (gate, decision) => {
    const actor = decision.by ?? 'operator'
    const proposal = proposalOf(gate)
    const taken = decision.outcome === 'approve'
    const chosen = fit(gate.proposal, (taken ? proposal.suggestion : decision.value) ?? null)
    const value = await fitAgent(agents, proposal, chosen)
    const id = proposal.decision ?? store.newId('dec')
    const because = decision.reason ?? (taken ? 'the operator took the suggestion' : 'the operator decided')
    const opinions = await opinionsOf(store, id)
    const reason = decision.reason ?? null
    const made = await madeByOperator(store, gate, proposal, { id, value, because, reason, actor, opinions })
    const answered = { id, value, tier: 'operator', confidence: null, because } as const
    const answer = await answerWait(store, gate.subject, answered, { actor, cause: { index: 1 } })
    const tiers = judgeTiers(opinions, value)
    const judged = decisionJudged(
      id,
      { agent: proposal.agent ?? '', agreed: true, by: 'answer', tiers },
      { actor, cause: { index: 1 } },
    )
    return { events: [made, ...answer.events, ...(tiers.length > 0 ? [judged] : [])], guards: answer.guards }
  })
}

async function madeByOperator(
  store: Store,
  gate: GateRow,
  { agent = '', input, passed = [], options = [] }: Proposal,
  of: {
    readonly id: string
    readonly value: Json
    readonly because: string
    readonly reason: string | null
    readonly actor: string
    readonly opinions: readonly OpinionRow[]
  },
): Promise<EventInput> {
  const wait = await store.first<{ op: string; signal: string | null }>(waitById(gate.subject))
  const about = input === undefined ? { signal: null, input: {} } : await aboutOf(store, wait?.signal ?? null, input)
  const opinions = of.opinions.map((row) => ({ ...opinionOf(row), same: saidSame(row, of.value) }))
  return decisionMade(
    of.id,
    {
      run: gate.run ?? '',
      op: wait?.op ?? '',
      agent,
      tier: 'operator',
      confidence: null,
      evidence: gate.evidence === null ? NO_EVIDENCE : JSON.parse(gate.evidence),
      passed,
      cost: total(opinions.map((o) => o.cost)),
      opinions,
      signal: about.signal,
    },
    {
      private: {
        value: of.value,
        rationale: of.because,
        ...(gate.title === null ? {} : { question: gate.title }),
        options: optionsAtGate(of.value, of.opinions, options, of.reason),
        ...about.input,
      },
      actor: of.actor,
    },
  )
}

function opinionOf(row: OpinionRow): Omit<Opinion, 'same'> {
  const { tier, source, confidence, calibrated, outcome } = row
  const cost =
    row.cost_micros === null
      ? null
      : {
          micros: row.cost_micros,
          currency: row.cost_currency!,
          meter: row.cost_meter!,
          tokensIn: row.tokens_in!,
          tokensOut: row.tokens_out!,
        }
  return { tier, source, confidence, calibrated, outcome, cost, reads: JSON.parse(row.reads) as string[] }
}

/** The answer as the agent's own schema reads it, where the agent is known here. Throws `gate.bad_value`. */
async function fitAgent(agents: Agents, { agent: name = '', input = null }: Proposal, value: Json): Promise<Json> {
  const agent = agents.known.get(name)
  if (!agent) return value
  const checked = await checkValue(agent.output((await checkInput(agent, input)) as never), value)
  if (checked.ok) return jsonCopy(checked.value, 'The answer')
  throw new FactotumError('gate.bad_value', `That answer does not fit, ${checked.issue}.`)
}

/** The answer as the question's shape reads it. Throws `gate.bad_value`. */
function fit(proposal: string | null, value: Json): Json {
  const shape = proposal === null ? undefined : (JSON.parse(proposal) as { shape?: Json }).shape
  if (shape === undefined || shape === null || Object.keys(shape as object).length === 0) return value
  const schema = z.fromJSONSchema(shape as Parameters<typeof z.fromJSONSchema>[0])
  const parsed = schema.safeParse(value)
  if (parsed.success) return jsonCopy(parsed.data, 'The answer')
  // A command line reads `1` as a number where a text was asked for.
  const text = typeof value === 'number' || typeof value === 'boolean' ? schema.safeParse(String(value)) : parsed
  if (text.success) return jsonCopy(text.data, 'The answer')
  const issue = parsed.error.issues[0]
  throw new FactotumError(
    'gate.bad_value',
    `That answer does not fit, at ${issue?.path.join('.') || 'the top'}: ${issue?.message ?? 'invalid'}.`,
  )
}
