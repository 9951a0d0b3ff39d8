import { messageById, wordOfMessage, type MessageRow } from '../conversations.ts'
import { versionOf, type VersionRow } from '../documents/documents.ts'
import { partiesAt, type Trust } from '../signals.ts'
import { sql, type Store } from '../../store/index.ts'

/**
 * Where a passage stands: durable, for it names the source and not the index. `hash` is the HMAC of the text that was
 * quoted, so that a source that says something else by now is not taken for it.
 */
export interface Citation {
  /** A message, or a document. */
  readonly source: string
  /** Of the document; 0 for a message. */
  readonly version: number
  /** UTF-16 offsets in the text of the source, the end exclusive. */
  readonly start: number
  readonly end: number
  readonly hash: string
}

/** A citation as evidence names it: `<source>@<version>:<start>-<end>`, version 0 for a message. */
export function spanId({ source, version, start, end }: Omit<Citation, 'hash'>): string {
  return `${source}@${version}:${start}-${end}`
}

/** Undefined for what is none. */
export function parseSpan(id: string): Omit<Citation, 'hash'> | undefined {
  const [, source, version, start, end] = /^(.+)@(\d+):(\d+)-(\d+)$/.exec(id) ?? []
  if (source === undefined) return undefined
  return { source, version: Number(version), start: Number(start), end: Number(end) }
}

/** What a citation is read back as. A text that was erased, or is no longer what was quoted, is null. */
export interface Quoted {
  readonly text: string | null
  readonly at: number
  readonly subject: string | null
  readonly direction: 'in' | 'out' | null
  readonly trust: Trust | null
}

/** HMAC of a text as it is quoted: two passages that differ only in white space are the same words. */
export function quoteHash(store: Store, text: string): string {
  return store.pseudonym(`quote ${text.replace(/\s+/g, ' ').trim()}`)
}

/** Reads what was quoted, from its source. */
export async function readQuote(store: Store, c: Citation): Promise<Quoted> {
  const document = c.version > 0 ? await store.first<VersionRow>(versionOf(c.source, c.version)) : undefined
  const message = c.version > 0 ? undefined : await store.first<MessageRow>(messageById(c.source))
  const whole = document?.text ?? message?.text ?? null
  const text = whole === null ? null : whole.slice(c.start, c.end)
  return {
    text: text !== null && quoteHash(store, text) === c.hash ? text : null,
    at: document?.at ?? message?.at ?? 0,
    subject: document?.title ?? message?.subject ?? null,
    direction: message?.direction ?? null,
    trust: document?.trust ?? null,
  }
}

/** On whose words a source rests. */
export async function partiesOfSource(store: Store, { source, version }: Citation): Promise<readonly string[]> {
  if (version > 0) {
    const document = await store.first<VersionRow>(versionOf(source, version))
    return (document && (await partiesAt(store, document.recorded_seq))) ?? []
  }
  const message = await store.first<MessageRow>(messageById(source))
  return message ? (await wordOfMessage(store, message)).parties : []
}

const passageByHash = sql('select source, version, begins, ends from passage where hash = ? order by id limit 1')

/** Where a text was first said, if it is word for word a passage that may be recalled. */
export async function originalOf(store: Store, text: string): Promise<Citation | null> {
  const hash = quoteHash(store, text)
  const row = await store.first<{ source: string; version: number; begins: number; ends: number }>(passageByHash(hash))
  return row ? { source: row.source, version: row.version, start: row.begins, end: row.ends, hash } : null
}
