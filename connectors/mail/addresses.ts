import { addressParser } from 'postal-mime'
import { cleanLine, hasTricks } from './clean-text.ts'
import { LIMITS } from './message.ts'

export const UNKNOWN_ADDRESS = 'unknown@invalid'

// No white space, control, format or unassigned characters: an address that only looks like another one is none.
const ADDRESS = /^[^\s@<>(),;:"\p{C}]+@[^\s@<>(),;:"\p{C}]+$/u
const NON_ASCII = /\P{ASCII}/u

/**
 * The address in lower case, or null when it is none. Nothing is removed to make it fit: an invisible character must
 * not turn a stranger's address into a known one, nor may normalisation turn a look-alike into ASCII.
 */
function readAddress(address: string): string | null {
  if (address.length > LIMITS.address) return null
  const plain = address.normalize('NFC').toLowerCase()
  if (plain.length > LIMITS.address || !ADDRESS.test(plain)) return null
  return NON_ASCII.test(address) && !NON_ASCII.test(plain) ? null : plain
}

/** The readable addresses of header values (RFC 5322 3.4), groups flattened, each once. */
export function addressList(field: string, values: readonly string[], defects: string[]): string[] {
  const mailboxes = values.flatMap((value) => addressParser(value, { flatten: true }))
  const read = mailboxes.map((mailbox) => readAddress(mailbox.address ?? ''))
  const good = [...new Set(read.filter((address) => address !== null))]
  const bad = read.filter((address) => address === null).length
  if (bad > 0) defects.push(`${bad} entries of ${field} are not addresses and were left out.`)
  if (good.length > LIMITS.addresses) {
    defects.push(`Of ${good.length} addresses in ${field} the first ${LIMITS.addresses} were kept.`)
  }
  return good.slice(0, LIMITS.addresses)
}

/** The sender of a From value; `unknown@invalid` when it names nobody readable. */
export function sender(values: readonly string[], defects: string[]): { from: string; fromName: string } {
  const mailboxes = addressParser(values[0] ?? '', { flatten: true })
  const first = mailboxes[0]
  const from = readAddress(first?.address ?? '')
  if (values.length === 0) defects.push(`There is no From; the sender is ${UNKNOWN_ADDRESS}.`)
  else if (from === null) defects.push(`From is not an address; the sender is ${UNKNOWN_ADDRESS}.`)
  if (values.length > 1) defects.push(`There are ${values.length} From fields; only the first counts.`)
  if (mailboxes.length > 1) defects.push(`From names ${mailboxes.length} addresses; only the first counts.`)
  const name = first?.name ?? ''
  if (hasTricks(name)) defects.push("The sender's name had line breaks, invisible or reordering characters; removed.")
  return { from: from ?? UNKNOWN_ADDRESS, fromName: cleanLine(name, LIMITS.name) }
}
