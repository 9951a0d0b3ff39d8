import { hash } from 'node:crypto'
import { sql, type Bound, type Store } from '../store/index.ts'

const insertBlob = sql('insert into blob (hash, size, bytes) values (?, ?, ?) on conflict (hash) do nothing')
const selectBlob = sql('select bytes from blob where hash = ?')

/** Large content, named by its SHA-256. `write` goes into the commit whose event refers to it. */
export function blob(bytes: Uint8Array): { readonly hash: string; readonly write: Bound } {
  const name = hash('sha256', bytes)
  return { hash: name, write: insertBlob(name, bytes.length, bytes) }
}

export async function readBlob(store: Store, name: string): Promise<Uint8Array | undefined> {
  return (await store.first<{ bytes: Uint8Array }>(selectBlob(name)))?.bytes
}
