import { messageById, messagesOfParty, type MessageRow } from '../../context/conversations.ts'
import { sql, type Store } from '../../store/index.ts'
import type { CallOptions, Passage } from '../workflow.ts'
import type { Services } from './services.ts'

const addressesOf = sql('select lookup from entity_key where entity = ?')
const CHARACTERS_PER_TOKEN = 4
const DEFAULT_BUDGET_TOKENS = 2_000
const CANDIDATES = 50

/** What was said with a party before: word overlap first, then the newest, cut at the budget. */
export function recall(
  services: Services,
  query: string,
  options: CallOptions & { readonly about: { readonly id: string }; readonly budget?: number },
): Promise<readonly Passage[]> {
  const { store, driver, seen } = services
  const budget = (options.budget ?? DEFAULT_BUDGET_TOKENS) * CHARACTERS_PER_TOKEN
  return driver.call<readonly Passage[]>({
    kind: 'recall',
    name: options.name ?? 'recall',
    key: options.key,
    input: [options.about.id, budget],
    begin: async () => {
      const keys = await store.read<{ lookup: string }>(addressesOf(options.about.id))
      const found = (
        await Promise.all(keys.map((k) => store.read<MessageRow>(messagesOfParty(k.lookup, CANDIDATES))))
      ).flat()
      const past = found.filter((m) => m.id !== driver.run.signal && m.text !== null)
      return { done: { refs: { messages: nearest(query, past, budget).map((m) => m.id) } } }
    },
    read: async (completion) => {
      const { messages } = completion.refs as { messages: readonly string[] }
      seen.messages.push(...messages)
      const passages = await readPassages(store, messages)
      if (passages.some((p) => p.from === 'them')) services.trust = 'outsider'
      return passages
    },
  })
}

function nearest(query: string, messages: readonly MessageRow[], budget: number): MessageRow[] {
  const words = new Set(
    query
      .toLowerCase()
      .match(/[\p{L}\p{N}]{3,}/gu)
      ?.slice(0, 1_000),
  )
  const score = (m: MessageRow) =>
    new Set(
      (m.text ?? '')
        .toLowerCase()
        .match(/[\p{L}\p{N}]{3,}/gu)
        ?.filter((w) => words.has(w)),
    ).size
  const ranked = messages.map((m) => ({ m, score: score(m) })).sort((a, b) => b.score - a.score || b.m.at - a.m.at)
  let left = budget
  return ranked.filter(({ m }) => (left -= m.text?.length ?? 0) >= 0).map(({ m }) => m)
}

async function readPassages(store: Store, ids: readonly string[]): Promise<Passage[]> {
  const rows = await Promise.all(ids.map((id) => store.first<MessageRow>(messageById(id))))
  return rows
    .filter((m) => m !== undefined)
    .map(
      (m) =>
        ({
          id: m.id,
          at: m.at,
          from: m.direction === 'in' ? 'them' : 'us',
          subject: m.subject ?? '',
          text: m.text ?? '',
        }) as const,
    )
}
