import { z } from 'zod'
import { decisionMade, NO_EVIDENCE, type Tier } from '../../context/decisions.ts'
import { gateOpened, type Choice, type Gates } from '../../governance/gates.ts'
import { FactotumError } from '../../lib/errors.ts'
import { milliseconds } from '../../lib/durations.ts'
import { jsonCopy, type Json } from '../../lib/json.ts'
import { answerWait, sql, type EventInput, type Store } from '../../store/index.ts'
import type { Agent, Rule } from '../agent.ts'
import type { Begun } from '../call.ts'
import type { CallOptions, Decided, Question } from '../workflow.ts'
import { evidenceOf, type Services } from './services.ts'

/** A rule that is less sure than this is passed over. */
const SURE_ENOUGH = 0.8

export function decide<I, O>(
  services: Services,
  kind: 'decide' | 'delegate',
  agent: Agent<I, O>,
  input: I,
  options?: CallOptions,
): Promise<Decided<O>> {
  const { driver, store, seen } = services
  const given = jsonCopy(input, `The input of "${agent.agent}"`)
  return driver.call<Decided<O>>({
    kind,
    name: options?.name ?? agent.agent,
    key: options?.key,
    input: [agent.agent, given],
    begin: async ({ op, wait, cause }): Promise<Begun> => {
      const passed: string[] = []
      for (const tier of agent.tiers) {
        if (tier === 'operator') return askOperator(services, agent, given, passed, wait, cause)
        const ruling =
          typeof tier === 'function' ? await tryRule(tier, agent, input, passed) : unavailable(tier, passed)
        if (!ruling) continue
        const id = store.newId('dec')
        const event = decisionMade(
          id,
          {
            run: driver.run.id,
            op,
            agent: agent.agent,
            tier: 'rule',
            confidence: ruling.confidence,
            evidence: evidenceOf(services),
            passed,
          },
          { private: { value: ruling.value, rationale: ruling.because }, actor: `agent:${agent.agent}`, cause },
        )
        return { done: { value: { id, tier: 'rule', ...ruling } }, events: [event] }
      }
      throw new FactotumError(
        'agent.undecided',
        `No tier of "${agent.agent}" decided (${passed.join('; ')}). Add 'operator' as the last tier, so that a person does.`,
      )
    },
    read: (completion) => {
      const decided = completion.value as unknown as Decided<O>
      seen.decisions.push(decided.id)
      return decided
    },
  })
}

async function tryRule<I, O>(rule: Rule<I, O>, agent: Agent<I, O>, input: I, passed: string[]) {
  const ruling = await rule(input)
  if (!ruling) {
    passed.push('rule: not sure')
    return null
  }
  const confidence = ruling.confidence ?? 1
  // NaN is not sure either.
  if (!(confidence >= SURE_ENOUGH && confidence <= 1)) {
    passed.push(`rule: ${Math.round(confidence * 100)} % sure`)
    return null
  }
  const parsed = agent.output.safeParse(ruling.value)
  if (!parsed.success) {
    passed.push(`rule: its answer does not fit (${parsed.error.issues[0]?.message ?? 'invalid'})`)
    return null
  }
  return {
    value: jsonCopy(parsed.data, `The answer of "${agent.agent}"`),
    confidence,
    because: ruling.because ?? 'a rule',
  }
}

function unavailable(tier: Tier, passed: string[]): null {
  passed.push(`${tier}: not set up in this company`)
  return null
}

/** The outcomes of a gate that takes a value, with the values when there are few. */
function answerChoice(schema: z.ZodType | null, options?: readonly string[]): Choice[] {
  const few = options ?? (schema instanceof z.ZodEnum ? schema.options.map(String) : undefined)
  return [{ outcome: 'answer', label: 'Answer', needs: 'value', ...(few ? { options: few } : {}) }]
}

/** What an answer must look like, kept with the gate: whoever decides it later need not have loaded the agent. */
function shapeOf(schema: z.ZodType | null): Json {
  if (!schema) return {}
  return z.toJSONSchema(schema, { unrepresentable: 'any' }) as Json
}

function askOperator<I, O>(
  services: Services,
  agent: Agent<I, O>,
  input: Json,
  passed: readonly string[],
  wait: string,
  cause: number,
): Begun {
  const { store, driver } = services
  const gate = store.newId('gate')
  const opened = gateOpened(
    gate,
    {
      kind: 'decision',
      subject: wait,
      run: driver.run.id,
      template: answerChoice(agent.output),
      evidence: evidenceOf(services),
      binding: null,
      risk: null,
      reason: passed.join('; ') || 'the operator decides this',
    },
    {
      private: {
        title: `${agent.agent}: ${agent.instructions ?? 'decide'}`,
        proposal: { agent: agent.agent, input, shape: shapeOf(agent.output), passed },
      },
      actor: `run:${driver.run.id}`,
      cause,
    },
  )
  return { wait: { kind: 'gate', subject: gate, deadline: null }, events: [opened] }
}

export function ask<T>(services: Services, question: Question<T>, options?: CallOptions): Promise<T | null> {
  const { store, driver } = services
  const about = jsonCopy(question.about, `What "${question.title}" is about`)
  const otherwise = jsonCopy(question.otherwise, 'The default answer')
  const timeout = question.timeout === undefined ? null : milliseconds(question.timeout)
  return driver.call<T | null>({
    kind: 'ask',
    name: options?.name ?? 'ask',
    key: options?.key,
    input: [question.title, question.options ?? null, timeout],
    begin: ({ wait, cause }) => {
      const gate = store.newId('gate')
      const opened = gateOpened(
        gate,
        {
          kind: 'question',
          subject: wait,
          run: driver.run.id,
          template: answerChoice(question.answer ?? null, question.options),
          evidence: evidenceOf(services),
          binding: null,
          risk: null,
          reason: 'the workflow asks',
        },
        {
          private: {
            title: question.title,
            proposal: {
              about,
              shape: shapeOf(question.answer ?? (question.options ? z.enum(question.options) : null)),
              otherwise,
            },
          },
          actor: `run:${driver.run.id}`,
          cause,
        },
      )
      return {
        wait: { kind: 'gate', subject: gate, deadline: timeout === null ? null : driver.from() + timeout, otherwise },
        events: [opened],
      }
    },
    read: (completion) => completion.value as T | null,
  })
}

const waitById = sql('select run, op from wait where id = ?')

/** What an answer at a gate leads to: the run goes on with it, and a decision of the operator's is recorded as one. */
export function registerAnswerGates(store: Store, gates: Gates): void {
  gates.on('question', async (gate, decision) => {
    return answerWait(store, gate.subject, fit(gate.proposal, decision.value ?? null), {
      actor: decision.by ?? 'operator',
      cause: { index: 0 },
    })
  })
  gates.on('decision', async (gate, decision) => {
    const actor = decision.by ?? 'operator'
    const value = fit(gate.proposal, decision.value ?? null)
    const wait = await store.first<{ run: string; op: string }>(waitById(gate.subject))
    const id = store.newId('dec')
    const { agent = '', passed = [] } = (gate.proposal === null ? {} : JSON.parse(gate.proposal)) as {
      agent?: string
      passed?: string[]
    }
    const because = decision.reason ?? 'the operator decided'
    const made: EventInput = decisionMade(
      id,
      {
        run: gate.run ?? '',
        op: wait?.op ?? '',
        agent,
        tier: 'operator',
        confidence: null,
        evidence: gate.evidence === null ? NO_EVIDENCE : JSON.parse(gate.evidence),
        passed,
      },
      { private: { value, rationale: because }, actor },
    )
    const answer = await answerWait(
      store,
      gate.subject,
      { id, value, tier: 'operator', confidence: null, because },
      { actor, cause: { index: 1 } },
    )
    return { events: [made, ...answer.events], guards: answer.guards }
  })
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
