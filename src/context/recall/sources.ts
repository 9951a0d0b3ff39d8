import { messageById, type MessageRow } from '../conversations.ts'
import { aboutOf, versionOf, type VersionRow } from '../documents/documents.ts'
import type { Trust } from '../signals.ts'
import { sql, type EventRow, type Store } from '../../store/index.ts'
import { splitText, type Span } from './split.ts'

/** Grows when the same event is read otherwise (its label, its role, whom it is about): the index is made anew then. */
export const SOURCE_VERSION = 2

/** What is indexed of one event: a message, or one version of a document. */
export interface Source {
  readonly source: string
  readonly version: number
  /** The conversation, or the version of the document: what its passages are read in. */
  readonly doc: string
  readonly role: Role
  readonly trust: Trust
  readonly at: number
  /** From when it is out of date. */
  readonly until: number | null
  readonly speaker: string | null
  readonly title: string
  readonly text: string
  readonly spans: readonly Span[]
  /** Whom it is about: HMACs of addresses, ids of entities. None: nobody in particular. */
  readonly scopes: readonly string[]
}

export type Role = 'them' | 'us' | 'operator' | 'document'

export type SourceEvent = Pick<EventRow, 'seq' | 'kind' | 'stream' | 'body'>

export const sourceEvents = sql(
  `select seq, kind, stream, body from event where seq >= ? and seq < ?
   and kind in ('message.joined@1', 'document.added@1', 'document.versioned@1') order by seq`,
)

const trustOfSignal = sql('select trust from signal where id = ?')
const trustOfEffect = sql(
  'select coalesce(e.trust, r.trust) as trust from effect e join run r on r.id = e.run where e.id = ?',
)

/** Whether an event brings something to be indexed. */
export function isSource(kind: string): boolean {
  return kind.startsWith('message.joined@') || kind.startsWith('document.')
}

/** What an event brings; undefined where it was erased. */
export async function sourceOf(store: Store, event: SourceEvent): Promise<Source | undefined> {
  const body = JSON.parse(event.body) as { readonly message: string; readonly version: number }
  return event.kind.startsWith('message.')
    ? ofMessage(store, body.message)
    : ofDocument(store, event.stream, body.version)
}

/** Whether a source was there, in a version that held: now, or at `asOf` (epoch ms). */
export async function isKnown(store: Store, source: string, version: number, asOf: number | null): Promise<boolean> {
  if (version === 0) return ((await store.first<MessageRow>(messageById(source)))?.text ?? null) !== null
  const row = await store.first<VersionRow>(versionOf(source, version))
  if (!row || row.text === null) return false
  return row.until === null || (asOf !== null && row.until > asOf)
}

async function ofMessage(store: Store, id: string): Promise<Source | undefined> {
  const row = await store.first<MessageRow>(messageById(id))
  if (!row || row.text === null) return undefined
  const incoming = row.direction === 'in'
  const label = await store.first<{ trust: Trust }>(incoming ? trustOfSignal(id) : trustOfEffect(id))
  return {
    source: id,
    version: 0,
    doc: row.conversation,
    role: incoming ? 'them' : 'us',
    trust: label?.trust ?? 'outsider',
    at: row.at,
    until: null,
    speaker: incoming ? row.party : null,
    title: row.subject ?? '',
    text: row.text,
    spans: splitText(row.text, 'mail'),
    scopes: row.party_key ? [row.party_key] : [],
  }
}

async function ofDocument(store: Store, id: string, version: number): Promise<Source | undefined> {
  const row = await store.first<VersionRow>(versionOf(id, version))
  if (!row || row.text === null) return undefined
  const about = await store.read<{ entity: string }>(aboutOf(id, version))
  return {
    source: id,
    version,
    doc: `${id}@${version}`,
    role: row.actor === 'operator' && row.raw === null ? 'operator' : 'document',
    trust: row.trust,
    at: row.at,
    until: row.until,
    speaker: null,
    title: row.title ?? '',
    text: row.text,
    spans: splitText(row.text, row.media_type === 'text/markdown' ? 'markdown' : 'plain'),
    scopes: about.map((a) => a.entity),
  }
}
