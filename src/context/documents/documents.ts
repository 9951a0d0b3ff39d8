import { FactotumError } from '../../lib/errors.ts'
import { shortHash, type Json } from '../../lib/json.ts'
import { blob } from '../blobs.ts'
import type { Citation } from '../recall/citation.ts'
import { family, keysOfFamily } from '../facts.ts'
import { lower, partiesIn, type Trust, type Word } from '../signals.ts'
import { eventKind, sql, type Bound, type EventInput, type Guard, type Store } from '../../store/index.ts'
import type { MediaType } from './reading.ts'

const insertDocument = sql(
  'insert into document (id, lookup, version, created_at, created_seq, updated_at) values (?, ?, 1, ?, ?, ?)',
)
const moveDocument = sql('update document set version = ?, updated_at = ? where id = ?')
const insertVersion = sql(
  `insert into document_version (document, version, media_type, digest, size, characters, trust, actor, source, original,
     at, until, recorded_seq, title, name, raw, text) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, null, ?, ?, ?, ?, ?)`,
)
// Of what it said before, what was about the same: ledgers of earlier programs have versions about others under one name.
const supersede = sql(
  `update document_version set until = ? where document = ? and version < ? and until is null
   and not exists (select 1 from document_about a where a.document = document_version.document
     and a.version in (document_version.version, ?)
     group by a.entity having count(*) < 2)`,
)
const insertAbout = sql('insert into document_about (entity, document, version) values (?, ?, ?)')

interface Version {
  readonly version: number
  readonly mediaType: MediaType
  /** HMAC of what it says and of whom: the same again adds nothing. */
  readonly digest: string
  /** Bytes of what was read, and UTF-16 units of the text in it. */
  readonly size: number
  readonly characters: number
  readonly trust: Trust
  /** On whose words it rests; absent: nobody's, or in a record that does not say. */
  readonly parties?: readonly string[]
  readonly source: string | null
  /** Ids of the entities that it is about. */
  readonly about: readonly string[]
  /** Where this very text was recalled from: it says nothing new then. */
  readonly original: Citation | null
  /** From when it holds, epoch ms. */
  readonly at: number
}

interface Content {
  readonly title: string
  readonly text: string
  /** What its file is called. */
  readonly name: string | null
  /** Hash of the blob that it was read from. */
  readonly raw: string | null
}

type VersionEvent = Parameters<Parameters<typeof eventKind<Version, Content>>[1]>[0]

function versionRows({ stream, body: b, private: p, actor, seq }: VersionEvent): Bound[] {
  return [
    insertVersion(
      stream,
      b.version,
      b.mediaType,
      b.digest,
      b.size,
      b.characters,
      b.trust,
      actor,
      b.source,
      b.original && JSON.stringify(b.original),
      b.at,
      seq,
      p?.title,
      p?.name,
      p?.raw,
      p?.text,
    ),
    ...b.about.map((entity) => insertAbout(entity, stream, b.version)),
  ]
}

/** A document is kept from now on. `lookup` is the HMAC of the name under which it is known. */
const documentAdded = eventKind<Version & { readonly lookup: string }, Content>('document.added@1', (e) => [
  insertDocument(e.stream, e.body.lookup, e.body.at, e.seq, e.body.at),
  ...versionRows(e),
])

/** It says something else from `at` on; what it said before of the same is kept for those who ask about then. */
const documentVersioned = eventKind<Version, Content>('document.versioned@1', (e) => [
  moveDocument(e.body.version, e.body.at, e.stream),
  ...versionRows(e),
  supersede(e.body.at, e.stream, e.body.version, e.body.version),
])

export interface DocumentRow {
  readonly id: string
  readonly lookup: string
  readonly version: number
  readonly created_at: number
  readonly created_seq: number
  readonly updated_at: number
}

export interface VersionRow {
  readonly document: string
  readonly version: number
  readonly media_type: MediaType
  readonly digest: string
  readonly size: number
  readonly characters: number
  readonly trust: Trust
  readonly actor: string
  readonly source: string | null
  readonly original: string | null
  readonly at: number
  readonly until: number | null
  readonly recorded_seq: number
  readonly title: string | null
  readonly name: string | null
  readonly raw: string | null
  readonly text: string | null
}

const byLookup = sql('select * from document where lookup = ?')
const byId = sql('select * from document where id = ?')
const lookupIsFree = sql('select 1 as ok where not exists (select 1 from document where lookup = ?)')
const isVersion = sql('select 1 as ok from document where id = ? and version = ?')
export const versionOf = sql('select * from document_version where document = ? and version = ?')
const currentVersions = sql('select * from document_version where document = ? and until is null order by version desc')
const partyOfMessage = sql('select party_key from message where id = ?')
export const versionsOf = sql('select * from document_version where document = ? order by version desc')
export const aboutOf = sql('select entity from document_about where document = ? and version = ? order by entity')

export interface NewDocument {
  readonly text: string
  readonly title: string
  readonly mediaType: MediaType
  /**
   * Under what it is known: the same name again, about the same and from the same, is the same document. Without one, its
   * text is its name.
   */
  readonly name: string | null
  readonly about: readonly string[]
  /** HMAC of the address of who sent it; absent: nobody did. */
  readonly party?: string | null
  readonly trust: Trust
  readonly parties?: Word['parties']
  readonly source: string | null
  readonly original: Citation | null
  /** What it was read from, where that is not the text itself. */
  readonly raw: Uint8Array | null
}

/** What adding a document would record. No events: it is there already, in these words. */
export interface Adding {
  readonly document: string
  readonly version: number
  readonly events: readonly EventInput[]
  readonly guards: readonly Guard[]
  readonly also: readonly Bound[]
}

/**
 * The events that keep a document: a new one, or a new version of the one with its name. Throws `document.not_about`
 * where it is said to be about what is no entity.
 */
export async function addDocument(
  store: Store,
  doc: NewDocument,
  by: { readonly actor: string; readonly cause?: EventInput['cause'] },
): Promise<Adding> {
  const about = [...new Set(doc.about)].sort()
  await checkEntities(store, about)
  const digest = store.pseudonym(shortHash([doc.text, doc.title, about] as Json))
  const named = await findNamed(store, doc, about, null, digest)
  // A lower label replaces nothing of a higher one: under the same name it is another document, beside it.
  const { lookup, known, newest } =
    doc.name !== null && named.newest && lower(named.newest.trust, doc.trust) !== named.newest.trust
      ? await findNamed(store, doc, about, doc.trust, digest)
      : named
  if (known && newest?.digest === digest && newest.text !== null)
    return { document: known.id, version: known.version, events: [], guards: [], also: [] }
  const raw = doc.raw && blob(doc.raw)
  const body = {
    version: (known?.version ?? 0) + 1,
    mediaType: doc.mediaType,
    digest,
    size: doc.raw?.length ?? Buffer.byteLength(doc.text),
    characters: doc.text.length,
    trust: doc.trust,
    ...partiesIn({ parties: doc.parties ?? [] }),
    source: doc.source,
    about,
    original: doc.original,
    at: store.clock.now(),
  }
  const content = { title: doc.title, text: doc.text, name: doc.name, raw: raw?.hash ?? null }
  const options = { private: content, actor: by.actor, cause: by.cause ?? null }
  const id = known?.id ?? store.newId('doc')
  return {
    document: id,
    version: body.version,
    events: [known ? documentVersioned(id, body, options) : documentAdded(id, { ...body, lookup }, options)],
    guards: [
      {
        check: known ? isVersion(id, known.version) : lookupIsFree(lookup),
        code: 'document.moved',
        message: 'This document has another version by now.',
      },
    ],
    also: raw ? [raw.write] : [],
  }
}

interface Found {
  /** What it is known by from now on. */
  readonly lookup: string
  readonly known: DocumentRow | undefined
  /** What it says now. */
  readonly newest: VersionRow | undefined
}

/**
 * The document that a name means: a "contract.pdf" of one sender or about one customer is none of another's. Earlier programs
 * knew documents by their name alone: such a one goes on as the document of those of whom it still says something.
 */
async function findNamed(
  store: Store,
  { name, party = null }: NewDocument,
  about: readonly string[],
  label: Trust | null,
  digest: string,
): Promise<Found> {
  const find = (lookup: string) => store.first<DocumentRow>(byLookup(lookup))
  if (name === null) {
    const lookup = store.pseudonym(`document text ${digest}`)
    const known = await find(lookup)
    return { lookup, known, newest: known && (await store.first<VersionRow>(versionOf(known.id, known.version))) }
  }
  const whose = await whoseOf(store, about, party)
  const lookups = whose.map((who) => store.pseudonym(JSON.stringify(['document', who, label, name])))
  for (const lookup of lookups) {
    const known = await find(lookup)
    if (known) return { lookup, known, newest: await store.first<VersionRow>(versionOf(known.id, known.version)) }
  }
  const lookup = lookups[0]!
  const known = await find(store.pseudonym(label === null ? `document ${name}` : `document of ${label} ${name}`))
  for (const newest of known ? await store.read<VersionRow>(currentVersions(known.id)) : []) {
    const of = (await store.read<{ entity: string }>(aboutOf(newest.document, newest.version))).map((a) => a.entity)
    const from = newest.source === null ? null : await partyOf(store, newest.source)
    if ((await whoseOf(store, of, from))[0] === whose[0]) return { lookup, known, newest }
  }
  return { lookup, known: undefined, newest: undefined }
}

/**
 * Whom a document is about and whom it is from, in one text; who sends it about herself is not named twice. More than one where
 * she was another before she was merged: the first is the one that counts.
 */
async function whoseOf(store: Store, about: readonly string[], party: string | null): Promise<string[]> {
  const families = await Promise.all(about.map((entity) => family(store, entity)))
  const keys = await Promise.all(families.map((one) => keysOfFamily(store, one)))
  const from = party === null || keys.flat().some((key) => key.lookup === party) ? [] : [`from ${party}`]
  const wholes = [...new Set(families.map((one) => one.whole))].sort()
  const parts = wholes.length === 1 ? families[0]!.members.filter((id) => id !== wholes[0]).map((id) => [id]) : []
  return [wholes, ...parts].map((ids) => [...ids, ...from].join(' '))
}

/** HMAC of the address that a message came from or went to; null for what is none. */
export async function partyOf(store: Store, message: string): Promise<string | null> {
  return (await store.first<{ party_key: string }>(partyOfMessage(message)))?.party_key ?? null
}

const entityById = sql('select 1 as ok from entity where id = ?')

async function checkEntities(store: Store, ids: readonly string[]): Promise<void> {
  for (const id of ids)
    if (!(await store.first(entityById(id))))
      throw new FactotumError(
        'document.not_about',
        `A document can only be about an entity, and "${id}" is none. Ask for it with facts.about first.`,
      )
}

export function documentById(store: Store, id: string): Promise<DocumentRow | undefined> {
  return store.first<DocumentRow>(byId(id))
}

export const DOCUMENT_EVENTS = [documentAdded, documentVersioned]
