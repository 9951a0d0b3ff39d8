import { z } from 'zod'
import {
  getConversation,
  messagesIn,
  type ConversationRow,
  type MessageRow,
  type Turn,
} from '../../context/conversations.ts'
import type { DecisionRow } from '../../context/decisions.ts'
import type { EffectState } from '../../execution/events.ts'
import { sql, type Store } from '../../store/index.ts'
import type { SignalRow } from '../../context/signals.ts'
import type { OpenCompany } from '../open.ts'
import { page, type Paging } from './page.ts'
import { filesOf, messageIn, type FileInfo } from './signal.ts'

export interface ConversationFilter {
  readonly state?: 'open' | 'closed' | undefined
  readonly turn?: Turn | undefined
}

interface Listed extends ConversationRow {
  readonly party: string | null
  readonly messages: number
}

/** Those that moved last first; with a turn, those that wait longest first. */
export function conversationList(store: Store, { state, turn }: ConversationFilter, paging: Paging) {
  return page(paging, {
    order: z.tuple([z.int(), z.string()]),
    async read(after, limit) {
      const rows = await store
        .select<{ conversation: ConversationRow; message: MessageRow }>()
        .selectFrom('conversation as c')
        .selectAll('c')
        .select((c) => [
          c
            .selectFrom('message as m')
            .select('m.party')
            .whereRef('m.conversation', '=', 'c.id')
            .where('m.party', 'is not', null)
            .orderBy('m.at', 'desc')
            .orderBy('m.id')
            .limit(1)
            .as('party'),
          c
            .selectFrom('message as m')
            .select(({ fn }) => fn.countAll<number>().as('n'))
            .whereRef('m.conversation', '=', 'c.id')
            .as('messages'),
        ])
        .$if(state !== undefined, (c) => c.where('c.state', '=', state!))
        .$if(turn !== undefined, (c) =>
          c.where('c.state', '=', 'open').where('c.turn', '=', turn!).orderBy('c.turn_since').orderBy('c.id'),
        )
        .$if(turn !== undefined && after !== null, (c) =>
          c.where((e) => e(e.refTuple('c.turn_since', 'c.id'), '>', e.tuple(after![0], after![1]))),
        )
        .$if(turn === undefined, (c) => c.orderBy('c.updated_at', 'desc').orderBy('c.id', 'desc'))
        .$if(turn === undefined && after !== null, (c) =>
          c.where((e) => e(e.refTuple('c.updated_at', 'c.id'), '<', e.tuple(after![0], after![1]))),
        )
        .limit(limit)
        .execute()
      return rows as unknown as Listed[]
    },
    place: (row) => [turn === undefined ? row.updated_at : row.turn_since, row.id],
    show: listed,
  })
}

function listed(row: Listed) {
  return {
    id: row.id,
    state: row.state,
    turn: row.turn,
    /** Epoch ms. */
    since: row.turn_since,
    party: row.party,
    subject: row.subject,
    messages: Number(row.messages),
    openedAt: row.opened_at,
    updatedAt: row.updated_at,
    closedAt: row.closed_at,
    closedBy: row.closed_by,
    reason: row.reason,
  }
}

const MAX_MESSAGES = 1_000
const signalsOf = sql('select s.* from signal s join message m on m.id = s.id where m.conversation = ?')
const runsOf = sql('select id from run where signal = ? order by started_seq')
const decisionsOf = sql('select * from decision where run = ? order by decided_seq')
const effectsOf = sql('select id, action, state, proposed_at from effect where run = ? order by proposed_seq')

/** One line of a conversation: what was said, and beside it what was decided and done about it. */
export interface Line {
  readonly at: number
  readonly kind: 'message' | 'decision' | 'effect'
  readonly id: string
  /** `in` or `out` of a message, the tier of a decision, the state of an effect. */
  readonly as: string
  /** Who wrote it, which agent decided, which action. */
  readonly who: string | null
  /** Null once it was erased. */
  readonly text: string | null
  /** What came with a message. */
  readonly files: readonly FileInfo[]
}

/** A conversation with everything that happened in it, oldest first. Throws `conversation.not_found`. */
export async function conversationView(c: OpenCompany, id: string) {
  const { store } = c
  const row = await getConversation(store, id)
  const messages = await store.read<MessageRow>(messagesIn(id, MAX_MESSAGES))
  const said = new Set(messages.map((m) => m.id))
  const came = new Map((await store.read<SignalRow>(signalsOf(id))).map((row) => [row.id, filesOf(messageIn(c, row))]))
  const lines: Line[] = messages.map((m) => ({
    at: m.at,
    kind: 'message',
    id: m.id,
    as: m.direction,
    who: m.party,
    text: m.text,
    files: came.get(m.id) ?? [],
  }))
  for (const message of messages)
    for (const run of await store.read<{ id: string }>(runsOf(message.id))) {
      for (const d of await store.read<DecisionRow>(decisionsOf(run.id)))
        lines.push({ at: d.decided_at, kind: 'decision', id: d.id, as: d.tier, who: d.agent, text: d.value, files: [] })
      for (const e of await store.read<{ id: string; action: string; state: EffectState; proposed_at: number }>(
        effectsOf(run.id),
      ))
        // One that is a message stands there as what was said.
        if (!said.has(e.id))
          lines.push({ at: e.proposed_at, kind: 'effect', id: e.id, as: e.state, who: e.action, text: null, files: [] })
    }
  const party = messages.findLast((m) => m.party !== null)?.party ?? null
  return {
    ...listed({ ...row, party, messages: messages.length }),
    lines: lines.sort((a, b) => a.at - b.at || Number(b.kind === 'message') - Number(a.kind === 'message')),
  }
}
