import { OPERATOR } from '../../lib/caller.ts'
import { sql, type Store } from '../../store/index.ts'
import { ACCESS, linkMade } from './events.ts'
import { hashOf, newSecret } from './secrets.ts'

const keep = sql('insert into access_link (hash, expires_at) values (?, ?)')
const removeAll = sql('delete from access_link')
const use = sql('delete from access_link where hash = ? and expires_at > ? returning hash')

/** A key in a terminal's history opens nothing for longer. */
const LINK_MS = 3_600_000

/**
 * A key that signs the operator in once, in place of the one before. `asked`: by somebody, and not by a start; that is in
 * the ledger.
 */
export async function makeLink(store: Store, asked: boolean): Promise<{ key: string; expiresAt: number }> {
  const key = newSecret('fcl')
  const expiresAt = store.clock.now() + LINK_MS
  const also = [removeAll(), keep(hashOf(key), expiresAt)]
  if (!asked) await store.write(also)
  else {
    const events = [linkMade(ACCESS, { expiresAt }, { actor: OPERATOR })]
    await store.commit({ key: store.newId('link'), events, also })
  }
  return { key, expiresAt }
}

/** Whether this key was good: it is not any more. */
export async function useLink(store: Store, key: string): Promise<boolean> {
  const [used] = await store.write([use(hashOf(key), store.clock.now())])
  return used!.length === 1
}
