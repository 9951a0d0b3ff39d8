import { z } from 'zod'
import {
  documentById,
  versionOf,
  versionsOf,
  aboutOf,
  type DocumentRow,
  type VersionRow,
} from '../../context/documents/documents.ts'
import { indexState } from '../../context/recall/indexing.ts'
import { encodings, vectorUses, type EncodingRow } from '../../context/recall/vectors.ts'
import type { Recalled } from '../../context/recall/recall.ts'
import { FactotumError } from '../../lib/errors.ts'
import type { Json } from '../../lib/json.ts'
import { sql, type Store } from '../../store/index.ts'
import { page, type Paging } from './page.ts'

const labelsOf = sql('select label from entity_key where entity = ? order by lookup')

export interface DocumentItem {
  readonly id: string
  readonly version: number
  readonly title: string
  readonly mediaType: string
  readonly characters: number
  readonly trust: string
  readonly at: number
  readonly about: readonly string[]
}

interface DocumentTables {
  readonly document: DocumentRow
  readonly document_version: VersionRow
  readonly document_about: { readonly entity: string; readonly document: string; readonly version: number }
}

/** The documents in their newest version, those that changed last first; all of them, or those about one of `about`. */
export function documentList(store: Store, about: readonly string[] | null, paging: Paging) {
  return page(paging, {
    order: z.tuple([z.int(), z.string()]),
    read: (after, limit) =>
      store
        .select<DocumentTables>()
        .selectFrom('document as d')
        .innerJoin('document_version as v', 'v.document', 'd.id')
        .selectAll('v')
        .select('d.updated_at')
        .$if(about === null, (d) => d.whereRef('v.version', '=', 'd.version'))
        // What is said of somebody may stand in an older version, which the newest, about others, did not replace.
        .$if(about !== null, (d) =>
          d
            .where('v.until', 'is', null)
            .where((e) =>
              e.exists(
                e
                  .selectFrom('document_about as a')
                  .select('a.entity')
                  .whereRef('a.document', '=', 'd.id')
                  .whereRef('a.version', '=', 'v.version')
                  .where('a.entity', 'in', about!),
              ),
            ),
        )
        .$if(after !== null, (d) =>
          d.where((e) => e(e.refTuple('d.updated_at', 'd.id'), '<', e.tuple(after![0], after![1]))),
        )
        .orderBy('d.updated_at', 'desc')
        .orderBy('d.id', 'desc')
        .limit(limit)
        .execute(),
    place: (row) => [row.updated_at, row.document],
    show: (row) => itemOf(store, row),
  })
}

async function itemOf(store: Store, row: VersionRow): Promise<DocumentItem> {
  const about = await store.read<{ entity: string }>(aboutOf(row.document, row.version))
  return {
    id: row.document,
    version: row.version,
    title: titleOf(row),
    mediaType: row.media_type,
    characters: row.characters,
    trust: row.trust,
    at: row.at,
    about: await Promise.all(about.map(({ entity }) => labelOf(store, entity))),
  }
}

function titleOf(row: VersionRow): string {
  if (row.text === null) return '(erased)'
  return row.title || row.text.replace(/\s+/g, ' ').trim().slice(0, 60)
}

async function labelOf(store: Store, entity: string): Promise<string> {
  const rows = await store.read<{ label: string | null }>(labelsOf(entity))
  return rows.find((row) => row.label !== null)?.label ?? entity
}

const byPart = sql(`select id from document where id like ? escape '!' limit 2`)

/** One document: by its id, or a part of it that no other has. Throws `document.not_found`. */
export async function documentDetail(store: Store, given: string, version?: number) {
  const part = given.replaceAll(/[!%_]/g, '!$&')
  const found = await store.read<{ id: string }>(byPart(`%${part}%`))
  const document =
    (await documentById(store, given)) ?? (found.length === 1 ? await documentById(store, found[0]!.id) : undefined)
  const row = document && (await store.first<VersionRow>(versionOf(document.id, version ?? document.version)))
  if (!document || !row)
    throw new FactotumError(
      'document.not_found',
      document
        ? `The document ${document.id} has versions 1 to ${document.version}, and no ${version}.`
        : `There is no document "${given}". "factotum documents" lists them.`,
    )
  const versions = await store.read<VersionRow>(versionsOf(document.id))
  return {
    ...(await itemOf(store, row)),
    name: row.name,
    actor: row.actor,
    source: row.source,
    original: row.original === null ? null : (JSON.parse(row.original) as Json),
    until: row.until,
    /** Whether `file` gives the original that it was read from. */
    hasFile: row.raw !== null,
    text: row.text ?? undefined,
    versions: versions.map((v) => ({
      version: v.version,
      at: v.at,
      until: v.until,
      characters: v.characters,
      title: titleOf(v),
    })),
  }
}

/** What was recalled, with where each stands. */
export async function recallView(store: Store, { passages, facts, nothing, withoutMeaning }: Recalled) {
  return {
    facts: await Promise.all(
      facts.map(async ({ value, entity, ...fact }) => ({
        ...fact,
        entity,
        of: await labelOf(store, entity),
        value: JSON.parse(value) as Json,
      })),
    ),
    passages: passages.map(({ citation, score, ...passage }) => ({
      ...passage,
      ...citation,
      score: Math.round(score * 1_000) / 1_000,
      recalled: true as const,
    })),
    nothing,
    withoutMeaning,
  }
}

const vectorCount = sql('select model, count(*) as n from vector group by model order by model')

export async function indexReport(store: Store) {
  const { version, seq, passages, words } = await indexState(store)
  return {
    version,
    passages,
    words,
    events: seq,
    behind: (await store.engine.head()) - seq,
    vectors: await store.read<{ model: string; n: number }>(vectorCount()),
  }
}

/** What vectors cost, and what they brought. */
export async function recallCosts(store: Store) {
  const uses = await store.read<{ model: string; kept: number; ahead_used: number }>(vectorUses())
  const models = await store.read<EncodingRow>(encodings())
  return models.map((m) => {
    const { kept, ahead_used } = uses.find((u) => u.model === m.model) ?? { kept: 0, ahead_used: 0 }
    const { took_ms: tookMs, ...rest } = m
    return { ...rest, tookMs, kept: Number(kept), aheadUsed: Number(ahead_used) }
  })
}
