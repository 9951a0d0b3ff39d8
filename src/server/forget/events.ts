import { isSource } from '../../context/recall/sources.ts'
import { sql, type EventRow, type Store } from '../../store/index.ts'
import type { Scope } from './scope.ts'

/** What goes of the ledger. */
export interface Going {
  readonly seqs: ReadonlySet<number>
  /** Every stream that something goes of. */
  readonly streams: ReadonlySet<string>
  /** Messages of others in conversations that she had part in. */
  readonly otherMessages: readonly string[]
  /** Facts that were declared not to be personal. */
  readonly plainFacts: readonly string[]
  /** What is indexed of them: messages, and versions of documents as `<document>@<version>`. */
  readonly sources: readonly string[]
}

type Event = Pick<EventRow, 'seq' | 'kind' | 'stream' | 'body'>

const personalOf = sql('select seq, kind, stream, body from event where stream = ? and private is not null')
const personalAt = sql('select seq, kind, stream, body from event where seq = ? and private is not null')
const versionAt = sql('select recorded_seq from document_version where document = ? and version = ?')
const partyOf = sql('select party_key from conversation where id = ?')
const kindOf = sql('select kind from entity where id = ?')
const conversationOf = sql('select conversation from message where id = ?')
const waitsOn = sql(
  `select id, run from wait where id in (select wait from effect where id = ? union select parent_wait from run where id = ?)`,
)

/** Whether facts of an attribute of a kind of entity are personal: what the company declares. */
export type IsPersonal = (kind: string, attribute: string) => boolean

export async function goingOf(store: Store, scope: Scope, isPersonal: IsPersonal = () => true): Promise<Going> {
  const seqs = new Set<number>()
  const streams = new Set<string>()
  const otherMessages = new Set<string>()
  const plainFacts: string[] = []
  const sources = new Set<string>()
  const take = (event: Event) => {
    seqs.add(event.seq)
    streams.add(event.stream)
    if (!isSource(event.kind)) return
    const { message, version } = JSON.parse(event.body) as { message?: string; version?: number }
    sources.add(message ?? `${event.stream}@${version}`)
  }
  for (const stream of scope.streams()) {
    const seq = await seqNamed(store, stream)
    if (seq !== null) {
      for (const event of await store.read<Event>(personalAt(seq))) take(event)
      continue
    }
    const kind = scope.has('entity', stream) ? await store.first<{ kind: string }>(kindOf(stream)) : undefined
    for (const event of await store.read<Event>(personalOf(stream))) {
      const { attribute, fact } = JSON.parse(event.body) as { attribute?: string; fact?: string }
      if (kind && attribute !== undefined && !isPersonal(kind.kind, attribute)) plainFacts.push(fact ?? attribute)
      else take(event)
    }
  }
  // Of a conversation, her own messages; of a run that is not hers, the answers that hold what is.
  const conversations = new Set<string>()
  for (const message of scope.all('message'))
    for (const row of await store.read<{ conversation: string }>(conversationOf(message)))
      conversations.add(row.conversation)
  for (const conversation of conversations) {
    const events = await store.read<Event>(personalOf(conversation))
    const messages = events.map((e) => (JSON.parse(e.body) as { message?: string }).message)
    const others = messages.filter((message) => message !== undefined && !scope.has('message', message))
    for (const message of others) otherMessages.add(message!)
    // Why it was closed or handed over is said of whom it is with.
    const party = (await store.first<{ party_key: string | null }>(partyOf(conversation)))?.party_key
    const hers = others.length === 0 || (party != null && scope.has('key', party))
    for (const [i, event] of events.entries()) {
      const message = messages[i]
      if (message === undefined ? hers : scope.has('message', message)) take(event)
    }
  }
  for (const id of [...scope.all('effect'), ...scope.all('run')])
    for (const wait of await store.read<{ id: string; run: string }>(waitsOn(id, id))) {
      if (scope.has('run', wait.run)) continue
      for (const event of await store.read<Event>(personalOf(wait.run)))
        if ((JSON.parse(event.body) as { wait?: string }).wait === wait.id) take(event)
    }
  return { seqs, streams, otherMessages: [...otherMessages], plainFacts, sources: [...sources] }
}

/** The event that is meant, where one alone is: by its number, or as the one that brought a version of a document. */
async function seqNamed(store: Store, id: string): Promise<number | null> {
  if (/^\d+$/.test(id)) return Number(id)
  const [, document, version] = /^(.+)@(\d+)$/.exec(id) ?? []
  if (document === undefined) return null
  return (await store.first<{ recorded_seq: number }>(versionAt(document, Number(version))))?.recorded_seq ?? null
}
