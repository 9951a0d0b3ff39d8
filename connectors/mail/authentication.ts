import type { Split } from './header-block.ts'
import type { Message } from './message.ts'

/*
 * Whether the operator's own receiving server vouches for the From of a mail, as RFC 8601 has it say so. Anybody can write an
 * Authentication-Results field: only the topmost one counts, and only when it is of exactly the server that the operator
 * names. Whatever is unusual about it, or about From, is no: a mail that two programs may read differently proves nothing.
 */

interface Result {
  readonly method: string
  readonly result: string
  /** Properties (`header.from`) in lower case, with every value that they were given. */
  readonly properties: ReadonlyMap<string, readonly string[]>
}

// RFC 5321 Keyword, RFC 2045 token, RFC 5322 quoted-string without line ends.
const KEYWORD = /[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?/y
const TOKEN = /[!#$%&'*+.0-9A-Z^_`a-z{|}~-]+/y
const QUOTED = /"((?:[^"\\\P{ASCII}\p{Cc}]|\\[\x20-\x7e])*)"/uy
const PROPERTY = /reason(?![\w.-])|[A-Za-z0-9-]+\.[A-Za-z0-9_-]+/iy
// Servers write base64 and addresses as they are. It ends where a list could go on.
const LOOSE = /[^\s;()"\\\P{ASCII}\p{Cc}]+/uy
const DIGITS = /[0-9]+/y

class Malformed extends Error {}

class Scanner {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get ended(): boolean {
    return this.#at === this.#text.length
  }

  take(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (!found) return null
    this.#at = pattern.lastIndex
    return found[1] ?? found[0]
  }

  need(pattern: RegExp): string {
    return this.take(pattern) ?? fail()
  }

  is(char: string): boolean {
    if (this.#text[this.#at] !== char) return false
    this.#at++
    return true
  }

  peek(char: string): boolean {
    return this.#text[this.#at] === char
  }

  /** White space and comments, which nest. Answers whether there were any. */
  cfws(): boolean {
    const start = this.#at
    let depth = 0
    for (; this.#at < this.#text.length; this.#at++) {
      const char = this.#text[this.#at]!
      if (char === '(') depth++
      else if (depth > 0 && char === ')') depth--
      else if (depth > 0 && char === '\\') this.#at++
      else if (depth === 0 && char !== ' ' && char !== '\t') break
    }
    if (depth > 0 || this.#at > this.#text.length) fail()
    return this.#at > start
  }
}

function fail(): never {
  throw new Malformed()
}

/** The server that wrote a field, and what it found. Null where it is not written as RFC 8601 section 2.2 has it. */
export function authenticationResults(value: string): { readonly server: string; readonly results: Result[] } | null {
  try {
    return read(new Scanner(value))
  } catch (error) {
    if (error instanceof Malformed) return null
    throw error
  }
}

function read(scan: Scanner): { server: string; results: Result[] } {
  scan.cfws()
  const server = (scan.take(QUOTED) ?? scan.need(TOKEN)).toLowerCase()
  scan.cfws()
  // A later version may mean something else by the same words.
  const version = scan.take(DIGITS)
  if (version !== null && version !== '1') fail()
  scan.cfws()
  const results: Result[] = []
  while (!scan.ended) {
    if (!scan.is(';')) fail()
    scan.cfws()
    const found = readResult(scan)
    if (found) results.push(found)
    else if (results.length > 0 || !scan.ended) fail()
  }
  return { server, results }
}

/** One result; null for `none`. */
function readResult(scan: Scanner): Result | null {
  const method = scan.need(KEYWORD).toLowerCase()
  scan.cfws()
  if (method === 'none' && scan.ended) return null
  if (scan.is('/')) {
    scan.cfws()
    if (scan.need(DIGITS) !== '1') fail()
    scan.cfws()
  }
  if (!scan.is('=')) fail()
  scan.cfws()
  const result = scan.need(KEYWORD).toLowerCase()
  const properties = new Map<string, string[]>()
  for (;;) {
    const apart = scan.cfws()
    if (scan.ended || scan.peek(';')) return { method, result, properties }
    if (!apart) fail()
    const name = scan.need(PROPERTY).toLowerCase()
    scan.cfws()
    if (!scan.is('=')) fail()
    scan.cfws()
    const quoted = scan.take(QUOTED)
    const plain = scan.take(LOOSE)
    if (quoted === null && plain === null) fail()
    properties.set(name, [...(properties.get(name) ?? []), `${quoted ?? ''}${plain ?? ''}`.toLowerCase()])
  }
}

// One mailbox, written so that no two programs can read another address out of it: no comments, groups, routes, quoted
// local parts or domain literals, and outside of quotes nothing in the name that could be part of an address.
const ADDRESS = String.raw`([\w.!#$%&'*+/=?^{|}~\x60-]+@((?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9-]*[A-Za-z0-9]))`
const MAILBOX = new RegExp(
  String.raw`^(?:(?:"(?:[^"\\\p{Cc}]|\\[\x20-\x7e])*"|[^"<>@,;:()\\[\]\p{Cc}]*)[ \t]*<${ADDRESS}>|${ADDRESS})$`,
  'u',
)

/** The fields of that name, which must be written without the blanks before the colon that filters may not look for. */
function fieldsOf(fields: readonly string[], name: string): (string | null)[] {
  return fields
    .filter((field) => field.slice(0, field.indexOf(':')).trimEnd().toLowerCase() === name)
    .map((field) =>
      field[name.length] === ':'
        ? field
            .slice(name.length + 1)
            .replaceAll('\r\n', '')
            .trim()
        : null,
    )
}

/** The domain of From where it is beyond doubt, and answers go there too. */
function senderDomain({ fields, defects }: Pick<Split, 'fields' | 'defects'>, message: Message): string | null {
  const froms = fieldsOf(fields, 'from')
  const mailbox = MAILBOX.exec((froms.length === 1 && froms[0]) || '')
  if (defects.length > 0 || !mailbox) return null
  const address = (mailbox[1] ?? mailbox[3]!).toLowerCase()
  const domain = (mailbox[2] ?? mailbox[4]!).toLowerCase()
  // A signature need not cover Reply-To: whoever sends a signed mail on can have its answers.
  return address === message.from && message.replyTo.endsWith(`@${domain}`) ? domain : null
}

/**
 * `verified` when `server` (the authserv-id of the operator's own receiving server) says in the topmost
 * Authentication-Results field that DMARC passed for the domain of From or, where it says nothing of DMARC, that a DKIM
 * signature of exactly that domain did. RFC 8601, RFC 7489 section 3.1 with strict alignment.
 */
export function senderTrust(
  head: Pick<Split, 'fields' | 'defects'>,
  message: Message,
  server: string,
): 'verified' | 'outsider' {
  const domain = senderDomain(head, message)
  const topmost = fieldsOf(head.fields, 'authentication-results')[0]
  if (domain === null || topmost === undefined || topmost === null) return 'outsider'
  const found = authenticationResults(topmost)
  if (found?.server !== server.toLowerCase()) return 'outsider'
  const passed = (r: Result, property: string): boolean => {
    const values = r.properties.get(property)
    return r.result === 'pass' && values?.length === 1 && values[0] === domain
  }
  const dmarc = found.results.filter((r) => r.method === 'dmarc')
  if (dmarc.length > 0) return dmarc.length === 1 && passed(dmarc[0]!, 'header.from') ? 'verified' : 'outsider'
  return found.results.some((r) => r.method === 'dkim' && passed(r, 'header.d')) ? 'verified' : 'outsider'
}
