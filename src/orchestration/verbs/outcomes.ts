import { complaint } from '../../context/complaints.ts'
import {
  findPrecedents,
  PRECEDENTS,
  readPrecedents,
  trustOfDecisions,
  type Case,
  type Precedent,
} from '../../context/precedents.ts'
import type { Trust } from '../../context/signals.ts'
import { FactotumError } from '../../lib/errors.ts'
import { jsonCopy } from '../../lib/json.ts'
import type { CallOptions } from '../workflow.ts'
import { hear, type Services } from './services.ts'

const MAX_PRECEDENTS = 50

/** The name under which an answer of the operator's is on the record as a decision. */
export function askedAs(workflow: string, name: string): string {
  return `ask:${workflow}/${name}`
}

/** Kept as references: which cases, and how they had turned out when they were read. */
export function precedents(
  services: Services,
  of: { readonly agent: string } | { readonly asked: string },
  input: unknown,
  options: CallOptions & { readonly about?: { readonly id: string }; readonly limit?: number } = {},
): Promise<readonly Precedent[]> {
  const { store, driver, seen } = services
  const agent = 'agent' in of ? of.agent : askedAs(driver.run.workflow, of.asked)
  const given = jsonCopy(input, `What precedents of "${agent}" are sought for`)
  const { about, limit = PRECEDENTS } = options
  return driver.call<readonly Precedent[]>({
    kind: 'precedents',
    name: options.name ?? `precedents ${'agent' in of ? of.agent : of.asked}`,
    key: options.key,
    input: [agent, given, about?.id ?? null, limit],
    begin: async () => {
      if (!(Number.isInteger(limit) && limit >= 1 && limit <= MAX_PRECEDENTS))
        throw new FactotumError('precedents.limit', `Ask for 1 to ${MAX_PRECEDENTS} precedents.`)
      const sought = { agent, input: given, entities: about ? [about.id] : [], run: driver.run.id }
      const cases = await findPrecedents(store, sought, limit)
      const trust = await trustOfDecisions(
        store,
        cases.map((c) => c.id),
      )
      return { done: { refs: { cases: cases.map((c) => ({ ...c })), trust } } }
    },
    read: async (completion) => {
      const { cases, trust } = completion.refs as unknown as { cases: readonly Case[]; trust: Trust }
      seen.decisions.push(...cases.map((c) => c.id))
      hear(services, { trust })
      return readPrecedents(store, cases)
    },
  })
}

export function complain(services: Services, about: string, reason: string, options?: CallOptions): Promise<void> {
  const { store, driver } = services
  return driver.call<void>({
    kind: 'complain',
    name: options?.name ?? 'complain',
    key: options?.key,
    input: [about, reason],
    begin: async ({ cause }) => {
      const { id, signal } = driver.run
      return { done: {}, events: [await complaint(store, about, reason, { actor: `run:${id}`, cause, signal })] }
    },
    read: () => undefined,
  })
}
