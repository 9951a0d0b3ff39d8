import { FactotumError } from '../lib/errors.ts'
import { eventKind, sql, type EventInput, type Guard, type Store } from '../store/index.ts'
import { lookupKey } from './facts.ts'
import { partiesAt, signalById, type SignalRow, type Trust, type Word } from './signals.ts'

/** Who is to speak next. */
export type Turn = 'ours' | 'theirs'

const openConversation = sql(
  `insert into conversation (id, state, turn, subject, opened_at, updated_at, turn_since, party_key, subject_key)
   values (?, 'open', ?, ?, ?, ?, ?, ?, ?)
   on conflict (id) do update set state = 'open', turn = excluded.turn, updated_at = excluded.updated_at,
     turn_since = case when conversation.turn = excluded.turn and conversation.state = 'open' then conversation.turn_since
       else excluded.turn_since end,
     closed_at = null, closed_by = null, reason = null`,
)
const closeConversation = sql(
  `update conversation set state = 'closed', closed_at = ?, closed_by = ?, reason = ? where id = ?`,
)
const turnConversation = sql(
  `update conversation set state = 'open', turn = ?, turn_since = ?, reason = ?, closed_at = null, closed_by = null
   where id = ?`,
)
const addKey = sql('insert into conversation_key (key, conversation) values (?, ?) on conflict (key) do nothing')
const insertMessage = sql(
  `insert into message (id, conversation, direction, at, party, party_key, subject, text) values (?, ?, ?, ?, ?, ?, ?, ?)
   on conflict (id) do nothing`,
)

/**
 * A message joined its conversation. The stream is the conversation; `message` is the signal it came in by or the
 * effect it left by; `keys` are HMACs of its own Message-ID and those it refers to, under its party.
 */
const messageJoined = eventKind<
  {
    readonly message: string
    readonly direction: 'in' | 'out'
    readonly partyKey: string
    readonly keys: readonly string[]
    /** HMAC of the subject; null where it has none. Ledgers of the first version lack it. */
    readonly subjectKey?: string | null
  },
  { readonly party: string; readonly subject: string; readonly text: string }
>('message.joined@1', (e) => [
  openConversation(
    e.stream,
    e.body.direction === 'in' ? 'ours' : 'theirs',
    e.private?.subject,
    e.at,
    e.at,
    e.at,
    e.body.partyKey,
    e.body.subjectKey,
  ),
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

/** Nothing more is to be said. A message that comes or leaves later opens it again. */
export const conversationClosed = eventKind<Record<never, never>, { readonly reason: string | null }>(
  'conversation.closed@1',
  (e) => [closeConversation(e.at, e.actor, e.private?.reason, e.stream)],
)

/** It is somebody's turn for another reason than a message: they called, or we promised to write. */
export const conversationTurned = eventKind<{ readonly turn: Turn }, { readonly reason: string | null }>(
  'conversation.turned@1',
  (e) => [turnConversation(e.body.turn, e.at, e.private?.reason, e.stream)],
)

export interface ConversationRow {
  readonly id: string
  readonly state: 'open' | 'closed'
  readonly turn: Turn
  readonly turn_since: number
  readonly subject: string | null
  readonly party_key: string | null
  readonly subject_key: string | null
  readonly opened_at: number
  readonly updated_at: number
  readonly closed_at: number | null
  readonly closed_by: string | null
  /** Why it was closed, or whose turn it was made. */
  readonly reason: string | null
}

/** As of one of its events, the newest then. */
export type ConversationAt = ConversationRow & { readonly seq: number }

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
const partyIn = sql('select 1 as ok from message where conversation = ? and party_key = ? limit 1')
const openWithSubject = sql(
  `select id from conversation where state = 'open' and party_key = ? and subject_key = ? and updated_at >= ?
   order by updated_at desc, id desc limit 1`,
)
const noneWithSubject = sql(
  `select 1 as ok where not exists (select 1 from conversation
     where state = 'open' and party_key = ? and subject_key = ? and updated_at >= ?)`,
)
/** With its newest event: times are too coarse to tell whether it went on. */
const conversationById = sql(
  'select c.*, (select max(seq) from event where stream = c.id) as seq from conversation c where c.id = ?',
)
export const messageById = sql('select * from message where id = ?')
export const messagesIn = sql('select * from message where conversation = ? order by at, id limit ?')
export const newestMessagesIn = sql('select * from message where conversation = ? order by at desc, id desc limit ?')
const joinedLast = sql(
  `select seq, body from event where stream = ? and kind = 'message.joined@1' and seq < ? order by seq desc limit 1`,
)
const isAsRead = sql('select 1 as ok where (select max(seq) from event where stream = ?) = ?')

export async function getConversation(store: Store, id: string): Promise<ConversationAt> {
  const row = await store.first<ConversationAt>(conversationById(id))
  if (!row)
    throw new FactotumError(
      'conversation.not_found',
      `There is no conversation ${id}. "factotum conversations" lists them.`,
    )
  return row
}

/** The newest that they said, by message id: the last that joined. */
export async function newestFromThem(store: Store, conversation: string): Promise<string | undefined> {
  for (let before = Number.MAX_SAFE_INTEGER; ;) {
    const event = await store.first<{ seq: number; body: string }>(joinedLast(conversation, before))
    if (!event) return undefined
    const { message, direction } = JSON.parse(event.body) as { message: string; direction: 'in' | 'out' }
    if (direction === 'in') return message
    before = event.seq
  }
}

const conversationOf = sql('select conversation from message where id = ?')
const startOf = sql('select signal, parent from run where id = ?')

/** The conversation of the message that started a run; of a child, that of whoever started it. */
export async function conversationOfRun(store: Store, run: string): Promise<string | undefined> {
  for (let id: string | null = run; id !== null;) {
    const row: { signal: string | null; parent: string | null } | undefined = await store.first(startOf(id))
    if (row?.signal != null) {
      const found = await store.first<{ conversation: string }>(conversationOf(row.signal))
      if (found) return found.conversation
    }
    id = row?.parent ?? null
  }
  return undefined
}

const effectOf = sql(
  'select coalesce(e.trust, r.trust) as trust, e.proposed_seq as seq from effect e join run r on r.id = e.run where e.id = ?',
)

/** What they said is believed as the signal is that it came by; what we said, as what led to it: it may quote anybody. */
export async function wordOfMessage(store: Store, message: MessageRow): Promise<Word> {
  if (message.direction === 'in') {
    const signal = await store.first<Pick<SignalRow, 'trust'>>(signalById(message.id))
    return { trust: signal?.trust ?? 'outsider', parties: [message.party_key] }
  }
  const effect = await store.first<{ trust: Trust; seq: number }>(effectOf(message.id))
  return { trust: effect?.trust ?? 'outsider', parties: (effect && (await partiesAt(store, effect.seq))) ?? [] }
}

/** Who wrote the message that a signal is; nobody, where it is none. */
export async function partiesOfSignal(store: Store, signal: string): Promise<readonly string[]> {
  const message = await store.first<MessageRow>(messageById(signal))
  return message?.direction === 'in' ? [message.party_key] : []
}

/** Refuses to close or hand over a conversation that went on since it was read. */
export function conversationStill(row: ConversationAt): Guard {
  return {
    check: isAsRead(row.id, row.seq),
    code: 'conversation.moved',
    message: 'The conversation went on in the meantime.',
  }
}

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

/** How long after its last message a conversation is still continued by one that refers to nothing. */
const SAME_SUBJECT_MS = 14 * 86_400_000

/** A subject as it was before it was answered or sent on: without `Re:`, `AW:`, `Fwd: ` and list tags. */
export function plainSubject(subject: string): string {
  let plain = subject.normalize('NFKC').toLowerCase().trim()
  for (let before = ''; before !== plain;) {
    before = plain
    plain = plain.replace(/^((re|aw|antw|sv|vs|tr|rif|ref|fwd?|wg)(\[\d+\])?\s*:|\[[^\]]{1,40}\])\s*/u, '')
  }
  return plain.replace(/\s+/gu, ' ')
}

/**
 * Finds the conversation that a message belongs to. A conversation is with one party, so only what was said with this
 * party counts: somebody else who knows a Message-ID begins a conversation of their own.
 *
 * 1. By References: the conversation with this party that knows any id it refers to.
 * 2. By sender: where it refers to nothing, the open conversation with this party whose subject is the same but for `Re:` and
 *    the like, if the last message there is at most 14 days old. Without a subject there is none.
 * 3. Else a new one, named by the oldest id that it refers to, so that two replies that arrive before their root still meet.
 *
 * The guard refuses where a conversation as in 2 began meanwhile.
 */
export async function joinConversation(
  store: Store,
  m: Joining,
  cause: EventInput['cause'] = null,
): Promise<{ readonly event: EventInput; readonly guards: readonly Guard[] }> {
  const partyKey = lookupKey(store, m.party)
  const ids = [...new Set(m.ids)]
  const keys = ids.map((id) => store.pseudonym(`message:${partyKey}:${id}`))
  const subject = plainSubject(m.subject)
  const subjectKey = subject === '' ? null : store.pseudonym(`subject:${subject}`)
  const since = store.clock.now() - SAME_SUBJECT_MS
  const known = await byReferences(store, keys, ids, partyKey)
  const alone = known === undefined && ids.length <= 1 && subjectKey !== null
  const same = alone ? await store.first<{ id: string }>(openWithSubject(partyKey, subjectKey, since)) : undefined
  const event = messageJoined(
    known ?? same?.id ?? `conv_${keys[0] ?? m.message}`,
    { message: m.message, direction: m.direction, partyKey, keys, subjectKey },
    { private: { party: m.party, subject: m.subject, text: m.text }, cause },
  )
  if (!alone || same) return { event, guards: [] }
  const check = noneWithSubject(partyKey, subjectKey, since)
  return { event, guards: [{ check, code: 'conversation.began', message: 'Such a conversation began meanwhile.' }] }
}

async function byReferences(
  store: Store,
  keys: readonly string[],
  ids: readonly string[],
  partyKey: string,
): Promise<string | undefined> {
  const find = async (key: string) =>
    (await store.first<{ conversation: string }>(conversationByKey(key)))?.conversation
  for (const key of keys) {
    const known = await find(key)
    if (known !== undefined) return known
  }
  // What was recorded before keys were the party's own.
  for (const id of ids) {
    const known = await find(store.pseudonym(`message:${id}`))
    if (known !== undefined && (await store.first(partyIn(known, partyKey)))) return known
  }
  return undefined
}

/** Open conversations in which it has been our turn since before then, the longest first. */
export const waitingForUs = sql(
  `select * from conversation where state = 'open' and turn = 'ours' and turn_since <= ? order by turn_since, id limit ?`,
)

export const CONVERSATION_EVENTS = [messageJoined, conversationClosed, conversationTurned]
