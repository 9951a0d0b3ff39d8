import { hash } from 'node:crypto'
import { blob } from '../context/blobs.ts'
import { signalReceived, type AnySignalKind, type Trust } from '../context/signals.ts'
import type { Incoming } from '../execution/action.ts'
import { FactotumError } from '../lib/errors.ts'
import { jsonCopy, type Json } from '../lib/json.ts'
import { StoreError, type Store } from '../store/index.ts'

/** `new`: it was not known. `duplicate`: it was. `quarantined`: it is set aside where the operator sees it. */
export type Reception = 'new' | 'duplicate' | 'quarantined'

/** A whole mail, and so a whole signal, is at most this long. Its raw bytes are kept as a blob either way. */
const MAX_PAYLOAD_BYTES = 2 * 1024 * 1024

/**
 * Takes in one thing from outside. A signal enters once per source and external id: the same again is a duplicate, the
 * same id with other content is set aside. Resolves when it is durable.
 */
export async function receive(
  store: Store,
  source: string,
  kind: AnySignalKind,
  incoming: Incoming,
): Promise<Reception> {
  const external = store.pseudonym(`signal:${source}:${incoming.externalId}`)
  const digest = store.pseudonym(`content:${incoming.content}`)
  const raw = blob(incoming.raw)
  const also = [raw.write, ...incoming.attachments.map((bytes) => blob(bytes).write)]
  const commit = async (key: string, reason: string | null): Promise<Reception> => {
    const state = reason === null ? 'new' : 'quarantined'
    const payload = jsonCopy(incoming.payload, `The signal "${incoming.name}"`, MAX_PAYLOAD_BYTES)
    const match = reason === null ? kind.match(payload as never) : null
    const event = signalReceived(
      store.newId('sig'),
      {
        kind: kind.signal,
        source,
        trust: incoming.trust,
        state,
        match: match === null ? null : store.pseudonym(match),
        digest,
      },
      { private: { payload, raw: raw.hash, reason }, actor: `connector:${source}` },
    )
    const result = await store.commit({ key, events: [event], also })
    return result.duplicate ? 'duplicate' : state === 'new' ? 'new' : 'quarantined'
  }
  try {
    return await commit(`sig:${external}`, incoming.defect)
  } catch (error) {
    if (!(error instanceof StoreError && error.code === 'store.key_reused')) throw error
    return commit(
      `sig:${external}:${digest}`,
      'Something else came under an id that is known already: it may be forged.',
    )
  }
}

/** A signal that the operator or a program of theirs sends: a command, a webhook's body. Throws `signal.bad_payload`. */
export async function sendSignal(
  store: Store,
  source: string,
  kind: AnySignalKind,
  payload: unknown,
  options: { readonly id?: string; readonly trust?: Trust } = {},
): Promise<Reception> {
  const parsed = kind.payload.safeParse(payload)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new FactotumError(
      'signal.bad_payload',
      `A signal "${kind.signal}" does not look like that, at ${issue?.path.join('.') || 'the top'}: ${issue?.message ?? 'invalid'}.`,
    )
  }
  const text = JSON.stringify(parsed.data)
  return receive(store, source, kind, {
    externalId: options.id ?? store.newId('cmd'),
    name: kind.signal,
    payload: parsed.data as Json,
    content: hash('sha256', text),
    trust: options.trust ?? 'operator',
    raw: Buffer.from(text),
    attachments: [],
    defect: null,
  })
}
