import { addDocument as adding, partyOf } from '../../context/documents/documents.ts'
import { MAX_TITLE, mediaTypeOf, readDocument } from '../../context/documents/reading.ts'
import { originalOf } from '../../context/recall/citation.ts'
import { FactotumError } from '../../lib/errors.ts'
import { shortHash } from '../../lib/json.ts'
import { sql } from '../../store/index.ts'
import type { CallOptions, DocumentInput } from '../workflow.ts'
import { wordOf, type Services } from './services.ts'

const startOf = sql('select signal, parent from run where id = ?')

/** Whom it is from: who sent what it is said to come from, else what the run began with, or the run that began it. */
async function senderOf({ store, driver }: Services, source: string | null): Promise<string | null> {
  const party = source === null ? null : await partyOf(store, source)
  for (let run: string | null = driver.run.id; party === null && run !== null;) {
    const start: { signal: string | null; parent: string | null } | undefined = await store.first(startOf(run))
    if (start?.signal) return partyOf(store, start.signal)
    run = start?.parent ?? null
  }
  return party
}

/**
 * Keeps a document under the label of the run. What is the same as a passage that is known already keeps that as its
 * original: it is found where it was first said, and is no second source of it.
 */
export function addDocument(
  services: Services,
  input: DocumentInput,
  options: CallOptions = {},
): Promise<{ readonly id: string; readonly version: number }> {
  const { store, driver } = services
  const about = (input.about === undefined ? [] : [input.about].flat()).map((entity) => entity.id)
  const bytes = input.bytes ?? Buffer.from(input.text ?? '')
  return driver.call({
    kind: 'documents.add',
    name: options.name ?? 'document',
    key: options.key,
    input: [input.name ?? null, input.title ?? null, about, shortHash(Buffer.from(bytes).toString('base64'))],
    begin: async ({ cause }) => {
      if ((input.bytes === undefined) === (input.text === undefined))
        throw new FactotumError('document.bad_input', 'Give a document either as text or as bytes.')
      const mediaType =
        input.mediaType ?? (input.text === undefined ? mediaTypeOf(bytes, input.name ?? '') : 'text/plain')
      const read = await readDocument(bytes, mediaType)
      const source = input.because?.id ?? driver.run.signal
      const added = await adding(
        store,
        {
          text: read.text,
          title: (input.title ?? read.title ?? '').slice(0, MAX_TITLE),
          mediaType,
          name: input.name ?? null,
          about,
          party: await senderOf(services, source),
          ...wordOf(services),
          source,
          original: await originalOf(store, read.text),
          raw: input.bytes ?? null,
        },
        { actor: `run:${driver.run.id}`, cause },
      )
      const { document: id, version, events, guards, also } = added
      return { done: { refs: { id, version } }, events, guards, also }
    },
    read: (completion) => completion.refs as unknown as { id: string; version: number },
  })
}
