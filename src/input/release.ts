import { signalById, signalIs, signalReleased, type AnySignalKind, type SignalRow } from '../context/signals.ts'
import { FactotumError } from '../lib/errors.ts'
import { newestSeq, type Store } from '../store/index.ts'

/**
 * Takes in a signal that had been set aside: it joins its conversation and starts what reacts to it, at the trust that it came
 * with. What cannot be read as what it is said to be stays aside. Throws `signal.not_aside`, `signal.unreadable`, `signal.moved`.
 */
export async function releaseSignal(
  store: Store,
  kinds: ReadonlyMap<string, AnySignalKind>,
  id: string,
  reason: string | null,
): Promise<void> {
  const row = (await store.first<SignalRow>(signalById(id)))!
  if (row.state !== 'quarantined')
    throw new FactotumError(
      'signal.not_aside',
      `${id} is not set aside: it is ${row.state}. There is nothing to release.`,
    )
  const kind = kinds.get(row.kind)
  if (!kind || !isReadable(kind, row))
    throw new FactotumError(
      'signal.unreadable',
      `${id} cannot be read as "${row.kind}", so nothing here can act on it. "factotum signals ${id} --out FILE" saves it as it came.`,
    )
  const match = kind.match(JSON.parse(row.payload!) as never)
  const cause = await newestSeq(store, id)
  const body = { match: match === null ? null : store.pseudonym(match) }
  await store.commit({
    key: `release:${id}:${cause}`,
    events: [signalReleased(id, body, { private: { reason }, actor: 'operator', cause })],
    guards: [signalIs(id, 'quarantined')],
  })
}

/** What was set aside may be broken in any way, and what was erased says nothing. */
export function isReadable(kind: AnySignalKind, row: Pick<SignalRow, 'payload'>): boolean {
  return row.payload !== null && kind.payload.safeParse(JSON.parse(row.payload)).success
}
