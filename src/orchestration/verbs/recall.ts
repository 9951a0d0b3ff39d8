import { messageById, wordOfMessage, type MessageRow } from '../../context/conversations.ts'
import { factVersions } from '../../context/facts.ts'
import { partiesOfSource, readQuote, spanId, type Citation } from '../../context/recall/citation.ts'
import { DEFAULT_BUDGET_TOKENS, type Asked } from '../../context/recall/recall.ts'
import type { Role } from '../../context/recall/sources.ts'
import type { Trust, Word } from '../../context/signals.ts'
import type { Json } from '../../lib/json.ts'
import type { Store } from '../../store/index.ts'
import type { Passage, RecallOptions, Recollection } from '../workflow.ts'
import { hear, wordOf, type Services } from './services.ts'

/** What the record of a recall refers to: citations and fact versions, never a word of them. */
interface Refs {
  readonly passages: readonly (Citation & { readonly role: Role; readonly trust: Trust; readonly score: number })[]
  readonly facts: readonly string[]
  /** Those of the facts that were in dispute; absent: none. */
  readonly disputed?: readonly string[]
  readonly nothing: string | null
}

/** Before passages were cited, messages were recalled whole. */
type OldRefs = { readonly messages: readonly string[] }

/** Recalls once; driven again, the same passages are read from where they stand. */
export function recall(services: Services, query: string, options: RecallOptions = {}): Promise<Recollection> {
  const { driver, seen, execution } = services
  const { about, budget = DEFAULT_BUDGET_TOKENS, asOf, trust, kinds, name, key } = options
  const narrowed = asOf === undefined && trust === undefined && kinds === undefined ? [] : [{ asOf, trust, kinds }]
  const asked: Asked = {
    query,
    budget,
    ...(about ? { about: [about.id] } : {}),
    ...(asOf === undefined ? {} : { asOf }),
    ...(trust === undefined ? {} : { trust }),
    ...(kinds === undefined ? {} : { kinds }),
    ...(driver.run.signal === null ? {} : { except: [driver.run.signal] }),
  }
  return driver.call<Recollection>({
    kind: 'recall',
    name: name ?? 'recall',
    key,
    input: [about?.id ?? null, budget * 4, ...narrowed],
    begin: async () => {
      const found = await execution.recall.recall(asked)
      const disputed = found.facts.filter((f) => f.disputed).map((f) => f.id)
      const refs: Refs = {
        passages: found.passages.map(({ citation, role, trust: label, score }) => ({
          ...citation,
          role,
          trust: label,
          score: Math.round(score * 1_000) / 1_000,
        })),
        facts: found.facts.map((f) => f.id),
        ...(disputed.length > 0 ? { disputed } : {}),
        nothing: found.nothing,
      }
      return { done: { refs: refs as unknown as Json } }
    },
    read: async (completion) => {
      const refs = completion.refs as unknown as Refs | OldRefs
      if ('messages' in refs) return oldRecollection(services, refs)
      for (const c of refs.passages) {
        hear(services, { trust: c.trust, parties: await partiesOfSource(services.store, c) })
        if (c.version > 0) seen.documents.push(`${c.source}@${c.version}`)
        else seen.messages.push(c.source)
        seen.spans.push(spanId(c))
      }
      const facts = await factVersions(services.store, refs.facts)
      for (const fact of facts) hear(services, { trust: fact.trust })
      seen.facts.push(...refs.facts)
      return recollection(
        await Promise.all(refs.passages.map((c) => passageAt(services.store, c))),
        facts.map((f) => ({
          id: f.id,
          entity: f.entity,
          attribute: f.attribute,
          value: f.value === null ? null : (JSON.parse(f.value) as Json),
          since: f.valid_from,
          trust: f.trust,
          disputed: refs.disputed?.includes(f.id) ?? false,
        })),
        refs.nothing,
      )
    },
  })
}

async function passageAt(store: Store, c: Refs['passages'][number]): Promise<Passage> {
  const { text, at, subject } = await readQuote(store, c)
  return {
    id: c.source,
    version: c.version,
    start: c.start,
    end: c.end,
    at,
    from: c.role,
    subject: subject ?? '',
    text: text ?? '',
    trust: c.trust,
    score: c.score,
    recalled: true,
    ...(text === null ? { gone: true as const } : {}),
  }
}

/** A list of passages, with what belongs to it out of the way of whoever takes it for plain data. */
function recollection(
  passages: readonly Passage[],
  facts: Recollection['facts'],
  nothing: string | null,
): Recollection {
  return Object.defineProperties([...passages], {
    facts: { value: facts, enumerable: false },
    nothing: { value: nothing, enumerable: false },
  }) as unknown as Recollection
}

async function oldRecollection(services: Services, { messages }: OldRefs): Promise<Recollection> {
  services.seen.messages.push(...messages)
  const rows = await Promise.all(messages.map((id) => services.store.first<MessageRow>(messageById(id))))
  const heard: Word[] = []
  const passages = await Promise.all(
    rows
      .filter((m) => m !== undefined)
      .map(async (m): Promise<Passage> => {
        const text = m.text ?? ''
        const [from, word]: [Role, Word] =
          m.direction === 'in' ? ['them', await wordOfMessage(services.store, m)] : ['us', wordOf(services)]
        heard.push(word)
        const whole = {
          id: m.id,
          version: 0,
          start: 0,
          end: text.length,
          at: m.at,
          from,
          subject: m.subject ?? '',
          text,
        }
        return {
          ...whole,
          trust: word.trust,
          score: 1,
          recalled: true,
          ...(m.text === null ? { gone: true as const } : {}),
        }
      }),
  )
  for (const word of heard) hear(services, word)
  return recollection(passages, [], null)
}
