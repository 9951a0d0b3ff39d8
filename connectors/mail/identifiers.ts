import { LIMITS } from './message.ts'

// Lone surrogates, controls, format characters and white space have no place in an id.
const ID = /^[^\s<>\p{C}]+$/u

/** `id` when it can be used as a message id, normalised; else null. */
function usable(id: string): string | null {
  if (id.length > LIMITS.id * 2) return null
  const plain = id.replace(/\s+/g, '').normalize('NFC')
  return plain.length <= LIMITS.id && ID.test(plain) ? plain : null
}

/**
 * The ids in a Message-ID, References or In-Reply-To value (RFC 5322 3.6.4), without `<>`, in order. Words outside of
 * `<>` count only when there are no brackets and they have an `@`.
 */
export function messageIds(value: string): string[] {
  const bracketed = value.match(/<[^<>]{1,1200}>/g)
  const found = bracketed?.map((id) => id.slice(1, -1)) ?? value.split(/\s+/).filter((word) => word.includes('@'))
  return found.map(usable).filter((id) => id !== null)
}

/** References then In-Reply-To, each once. Over the limit the first and the latest are kept (as in RFC 5537 3.4.4). */
export function references(values: readonly string[], defects: string[]): string[] {
  const ids = [...new Set(values.flatMap(messageIds))]
  const first = ids[0]
  if (first === undefined || ids.length <= LIMITS.references) return ids
  defects.push(`Of ${ids.length} references the first and the last ${LIMITS.references - 1} were kept.`)
  return [first, ...ids.slice(1 - LIMITS.references)]
}
