import { eventKind, sql, type EventInput, type Store } from '../store/index.ts'
import { lookupKey } from './facts.ts'

const openConversation = sql(
  `insert into conversation (id, state, turn, subject, opened_at, updated_at) values (?, 'open', ?, ?, ?, ?)
   on conflict (id) do update set state = 'open', turn = excluded.turn, updated_at = excluded.updated_at`,
)
const addKey = sql('insert into conversation_key (key, conversation) values (?, ?) on conflict (key) do nothing')
const insertMessage = sql(
  `insert into message (id, conversation, direction, at, party, party_key, subject, text) values (?, ?, ?, ?, ?, ?, ?, ?)
   on conflict (id) do nothing`,
)

/**
 * A message joined its conversation. The stream is the conversation; `message` is the signal it came in by or the
 * effect it left by; `keys` are HMACs of its own Message-ID and those it refers to.
 */
const messageJoined = eventKind<
  {
    readonly message: string
    readonly direction: 'in' | 'out'
    readonly partyKey: string
    readonly keys: readonly string[]
  },
  { readonly party: string; readonly subject: string; readonly text: string }
>('message.joined@1', (e) => [
  openConversation(e.stream, e.body.direction === 'in' ? 'ours' : 'theirs', e.private?.subject, e.at, e.at),
  ...e.body.keys.map((key) => addKey(key, e.stream)),
  insertMessage(
    e.body.message,
    e.stream,
    e.body.direction,
    e.at,
    e.private?.party,
    e.body.partyKey,
    e.private?.subject,
    e.private?.text,
  ),
])

export interface MessageRow {
  readonly id: string
  readonly conversation: string
  readonly direction: 'in' | 'out'
  readonly at: number
  readonly party: string | null
  readonly party_key: string
  readonly subject: string | null
  readonly text: string | null
}

const conversationByKey = sql('select conversation from conversation_key where key = ?')
export const messageById = sql('select * from message where id = ?')
export const messagesOfParty = sql('select * from message where party_key = ? order by at desc, id desc limit ?')

export interface Joining {
  /** The signal it came in by, or the effect it left by. */
  readonly message: string
  readonly direction: 'in' | 'out'
  readonly party: string
  readonly subject: string
  readonly text: string
  /** External ids of the messages it refers to, oldest first, then its own. */
  readonly ids: readonly string[]
}

/**
 * Finds the conversation that a message belongs to: the one that knows any id it refers to, else a new one named by
 * the oldest of them, so that two replies that arrive before their root still meet.
 */
export async function joinConversation(
  store: Store,
  m: Joining,
  cause: EventInput['cause'] = null,
): Promise<EventInput> {
  const keys = [...new Set(m.ids)].map((id) => store.pseudonym(`message:${id}`))
  let conversation: string | undefined
  for (const key of keys) {
    conversation = (await store.first<{ conversation: string }>(conversationByKey(key)))?.conversation
    if (conversation) break
  }
  return messageJoined(
    conversation ?? `conv_${keys[0] ?? m.message}`,
    { message: m.message, direction: m.direction, partyKey: lookupKey(store, m.party), keys },
    { private: { party: m.party, subject: m.subject, text: m.text }, cause },
  )
}

export const CONVERSATION_EVENTS = [messageJoined]
