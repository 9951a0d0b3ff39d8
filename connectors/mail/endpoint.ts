import { isIP } from 'node:net'

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

/** Every form in which a server can have seen the password and can send it back. Longest first. */
export function secretsOf(login: {
  readonly user?: string | undefined
  readonly password?: string | undefined
}): string[] {
  const { user = '', password = '' } = login
  if (password === '') return []
  // RFC 9051 4.3: a quoted string escapes these two, as the LOGIN of IMAP does.
  const plain = [password, password.replace(/["\\]/g, '\\$&')]
  // One side may take UTF-8 for ISO 8859-1, or the other way about.
  const mistaken = plain.flatMap((text) => [
    Buffer.from(text).toString('latin1'),
    Buffer.from(text, 'latin1').toString('utf8'),
  ])
  const encoded = [password, `\0${user}\0${password}`].map((text) => Buffer.from(text).toString('base64'))
  encoded.push(encodeURIComponent(password.toWellFormed()), Buffer.from(password).toString('hex'))
  return [...new Set([...plain, ...mistaken, ...encoded])].sort((a, b) => b.length - a.length)
}

const SAID_MAX = 500

/** One line of what a server or a socket said, bounded, with every form of a secret blotted out. */
export function redacted(said: string, secrets: readonly string[]): string {
  // Blotted out before it is cut: half a secret at the end would not be found any more.
  let plain = said
  for (const secret of secrets) plain = plain.replaceAll(secret, '[secret]')
  return plain.replace(/\s+/g, ' ').trim().slice(0, SAID_MAX)
}
