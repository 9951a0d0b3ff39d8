import { z } from 'zod'
import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { addDocument } from '../../context/documents/documents.ts'
import {
  MAX_DOCUMENT_BYTES,
  MAX_TITLE,
  MEDIA_TYPES,
  mediaTypeOf,
  readDocument,
} from '../../context/documents/reading.ts'
import { originalOf } from '../../context/recall/citation.ts'
import { entitiesNamed } from '../../context/recall/facts.ts'
import { dropIndex } from '../../context/recall/indexing.ts'
import { lower, ownLabel, type Trust } from '../../context/signals.ts'
import { demand } from '../../lib/caller.ts'
import { FactotumError, errorMessage } from '../../lib/errors.ts'
import { ConflictError, sql } from '../../store/index.ts'
import { none, looking, operation, paged, reading } from '../operation.ts'
import type { OpenCompany } from '../open.ts'
import { documentDetail, documentList, indexReport, recallCosts, recallView } from '../views/documents.ts'

const trust = z.enum(['operator', 'verified', 'outsider'])

const Remember = z
  .object({
    /** A file that the server reads, absolute. */
    path: z.string().min(1).optional(),
    text: z.string().optional(),
    title: z.string().trim().min(1).max(MAX_TITLE).optional(),
    name: z.string().trim().min(1).max(1_000).optional(),
    about: z.array(z.string().min(1)).max(100).default([]),
    trust: trust.optional(),
    mediaType: z.enum(MEDIA_TYPES).optional(),
  })
  .refine((a) => (a.path === undefined) !== (a.text === undefined), 'takes either a path or a text')

export const RECALL_OPERATIONS = {
  remember: operation('propose', Remember, (c, args) => remember(c, args)),
  documents: reading('read', paged.extend({ about: z.string().optional() }), async (c, { about, ...paging }) =>
    documentList(c.store, about === undefined ? null : await entitiesOf(c, about), paging),
  ),
  document: reading(
    'read',
    z.object({ id: z.string().min(1), version: z.int().min(1).optional() }),
    (c, { id, version }) => documentDetail(c.store, id, version),
  ),
  recall: reading(
    'read',
    z.object({
      query: z.string().trim().min(1).max(20_000),
      about: z.string().min(1).optional(),
      asOf: z.int().optional(),
      budget: z.int().min(1).max(1_000_000).optional(),
      trust: trust.optional(),
      kinds: z.array(z.enum(['message', 'document', 'fact'])).optional(),
    }),
    async (c, { about, ...asked }) => {
      const of = about === undefined ? {} : { about: await entitiesOf(c, about) }
      const given = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined))
      return recallView(c.store, await c.recall.recall({ query: asked.query, ...given, ...of }))
    },
  ),
  recallCosts: looking('read', none, (c) => recallCosts(c.store)),
  recallIndex: operation('admin', z.object({ rebuild: z.boolean().default(false) }), async (c, { rebuild }) => {
    if (rebuild) await dropIndex(c.store)
    await c.recall.upToDate()
    return indexReport(c.store)
  }),
} as const

async function remember(c: OpenCompany, args: z.output<typeof Remember>) {
  if (args.path !== undefined) demand('admin', 'Reading a file of the machine that the server runs on')
  // Whether it was said before is asked of the index.
  await c.recall.upToDate()
  const bytes = args.path === undefined ? Buffer.from(args.text!) : await readPath(args.path)
  const name = args.name ?? args.path ?? null
  const mediaType =
    args.mediaType ?? (args.path === undefined && !args.name ? 'text/plain' : mediaTypeOf(bytes, name ?? ''))
  const read = await readDocument(bytes, mediaType)
  const about = (await Promise.all(args.about.map((who) => entitiesOf(c, who)))).flat()
  // Pages and papers are mostly what others wrote; what the operator typed is the operator's.
  const others: Trust = mediaType === 'text/html' || mediaType === 'application/pdf' ? 'outsider' : 'operator'
  for (;;) {
    const added = await addDocument(
      c.store,
      {
        text: read.text,
        title: args.title ?? read.title ?? (args.path === undefined ? '' : basename(args.path)),
        mediaType,
        name,
        about,
        trust: lower(args.trust ?? others, ownLabel()),
        source: null,
        original: await originalOf(c.store, read.text),
        raw: args.path === undefined ? null : bytes,
      },
      { actor: 'operator' },
    )
    const { document, version, events, guards, also } = added
    if (events.length > 0) {
      try {
        await c.store.commit({ key: `document:${document}:${version}`, events, guards, also })
      } catch (error) {
        // Somebody else was first: this is the version after theirs, or the same.
        if (error instanceof ConflictError) continue
        throw error
      }
    }
    return { ...(await documentDetail(c.store, document, version)), added: events.length > 0, text: undefined }
  }
}

async function readPath(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path)
    if (size > MAX_DOCUMENT_BYTES)
      throw new FactotumError(
        'document.too_large',
        `${path} has ${size} bytes; the limit is ${MAX_DOCUMENT_BYTES}. Split it into several.`,
      )
    return await readFile(path)
  } catch (cause) {
    if (cause instanceof FactotumError) throw cause
    throw new FactotumError('document.unreadable', `${path} cannot be read: ${errorMessage(cause)}.`, { cause })
  }
}

const entityById = sql('select id from entity where id = ?')

/** The entities that an id or a key (an address, a customer number) stands for. Throws `entity.not_found`. */
async function entitiesOf(c: OpenCompany, who: string): Promise<string[]> {
  if (await c.store.first(entityById(who))) return [who]
  const found = await entitiesNamed(c.store, who)
  if (found.length > 0) return found
  throw new FactotumError(
    'entity.not_found',
    `Nobody is known by "${who}". Give an address or number that a fact was recorded under, or the id of an entity.`,
  )
}
