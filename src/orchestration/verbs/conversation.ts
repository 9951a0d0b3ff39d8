import {
  conversationClosed,
  conversationOfRun,
  conversationStill,
  conversationTurned,
  getConversation,
  messageById,
  newestMessagesIn,
  newestFromThem,
  wordOfMessage,
  type MessageRow,
  type Turn,
} from '../../context/conversations.ts'
import { FactotumError } from '../../lib/errors.ts'
import type { EventInput } from '../../store/index.ts'
import type { CallOptions, Conversation, SaidMessage } from '../workflow.ts'
import { hear, type Services } from './services.ts'

/** Of a longer one the newest are read. */
const MAX_MESSAGES = 200

interface Refs {
  readonly conversation: string
  readonly state: 'open' | 'closed'
  readonly turn: Turn
  readonly since: number
  readonly messages: readonly string[]
}

export function readConversation(services: Services, options?: CallOptions): Promise<Conversation | null> {
  const { store, driver, seen } = services
  return driver.call<Conversation | null>({
    kind: 'conversation.read',
    name: options?.name ?? 'conversation',
    key: options?.key,
    begin: async () => {
      const id = await conversationOfRun(store, driver.run.id)
      if (id === undefined) return { done: { refs: null } }
      const row = await getConversation(store, id)
      const messages = (await store.read<MessageRow>(newestMessagesIn(id, MAX_MESSAGES))).map((m) => m.id).reverse()
      const refs: Refs = { conversation: id, state: row.state, turn: row.turn, since: row.turn_since, messages }
      return { done: { refs: { ...refs } } }
    },
    read: async (completion) => {
      const refs = completion.refs as unknown as Refs | null
      if (refs === null) return null
      const { conversation: id, state, turn, since } = refs
      const found = await Promise.all(refs.messages.map((m) => store.first<MessageRow>(messageById(m))))
      const rows = found.filter((m) => m !== undefined)
      seen.messages.push(...refs.messages)
      for (const row of rows) hear(services, await wordOfMessage(store, row))
      const subject = rows[0]?.subject ?? ''
      return { id, state, turn, since, subject, messages: rows.map(said) }
    },
  })
}

function said(m: MessageRow): SaidMessage {
  return {
    id: m.id,
    at: m.at,
    from: m.direction === 'in' ? 'them' : 'us',
    subject: m.subject ?? '',
    text: m.text ?? '',
  }
}

export function closeConversation(services: Services, reason: string, options?: CallOptions): Promise<boolean> {
  return change(services, 'conversation.close', 'close conversation', [reason], options, (id, by) =>
    conversationClosed(id, {}, { private: { reason }, ...by }),
  )
}

export function handOver(
  services: Services,
  turn: Turn,
  options?: CallOptions & { readonly reason?: string },
): Promise<boolean> {
  const reason = options?.reason ?? null
  return change(services, 'conversation.handOver', 'hand over conversation', [turn, reason], options, (id, by) =>
    conversationTurned(id, { turn }, { private: { reason }, ...by }),
  )
}

/** Recorded only where they have said nothing that this run has not read: nobody is closed in the middle of a word. */
function change(
  services: Services,
  kind: string,
  name: string,
  input: readonly (string | null)[],
  options: CallOptions | undefined,
  event: (id: string, by: { readonly actor: string; readonly cause: number }) => EventInput,
): Promise<boolean> {
  const { store, driver, seen } = services
  const read = new Set([...seen.signals, ...seen.messages])
  return driver.call<boolean>({
    kind,
    name: options?.name ?? name,
    key: options?.key,
    input,
    begin: async ({ cause }) => {
      const id = await conversationOfRun(store, driver.run.id)
      if (id === undefined)
        throw new FactotumError(
          'conversation.none',
          'This run has no conversation: no message started it. Close a conversation in a workflow that a message starts.',
        )
      const row = await getConversation(store, id)
      const newest = await newestFromThem(store, id)
      if (newest !== undefined && !read.has(newest)) return { done: { value: false } }
      const by = { actor: `run:${driver.run.id}`, cause }
      return { done: { value: true }, events: [event(id, by)], guards: [conversationStill(row)] }
    },
  })
}
