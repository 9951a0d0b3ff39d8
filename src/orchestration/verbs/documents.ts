import { addDocument as adding } from '../../context/documents/documents.ts'
import { MAX_TITLE, mediaTypeOf, readDocument } from '../../context/documents/reading.ts'
import { originalOf } from '../../context/recall/citation.ts'
import { FactotumError } from '../../lib/errors.ts'
import { shortHash } from '../../lib/json.ts'
import type { CallOptions, DocumentInput } from '../workflow.ts'
import { wordOf, type Services } from './services.ts'

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
      const added = await adding(
        store,
        {
          text: read.text,
          title: (input.title ?? read.title ?? '').slice(0, MAX_TITLE),
          mediaType,
          name: input.name ?? null,
          about,
          ...wordOf(services),
          source: input.because?.id ?? driver.run.signal,
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
