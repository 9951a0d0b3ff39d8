import { ActionError, type Json } from '../../src/connector.ts'

/** A value, or where it comes from: what a function answers is a secret. */
export type Setting = string | (() => string | undefined)

/** Settings with their values, and what takes every form of the secret ones out of a text. */
export interface Resolved {
  readonly headers: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  readonly redact: (text: string) => string
}

/** Shorter pieces of a secret are words that texts are full of; the whole is taken out however short. */
const MIN_SECRET = 5

/**
 * Reads the settings, functions called. Throws `http.secret_missing` and `http.secret_invalid`, naming the setting and
 * never its value.
 */
export function resolveSettings(
  service: string,
  headers: Readonly<Record<string, Setting>>,
  query: Readonly<Record<string, Setting>>,
): Resolved {
  const secrets: string[] = []
  const valueOf = (name: string, setting: Setting, header: boolean): string => {
    const value = typeof setting === 'string' ? setting : setting()
    const invalid = (code: string, what: string) =>
      new ActionError(
        'domain',
        code,
        `${service} ${what} ${name}. Correct what company.ts reads it from and start again.`,
      )
    if (value === undefined || value.trim() === '') throw invalid('http.secret_missing', 'has no value for')
    if (header && !/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
      throw invalid('http.secret_invalid', 'has a value that no header can carry for')
    if (typeof setting !== 'string') secrets.push(value)
    return value
  }
  const resolve = (settings: Readonly<Record<string, Setting>>, header: boolean) =>
    Object.fromEntries(Object.entries(settings).map(([name, s]) => [name.toLowerCase(), valueOf(name, s, header)]))
  const read = { headers: resolve(headers, true), query: queryOf(query, valueOf) }
  return { ...read, redact: redactor(secrets) }
}

function queryOf(
  query: Readonly<Record<string, Setting>>,
  valueOf: (name: string, setting: Setting, header: boolean) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(query).map(([name, setting]) => [name, valueOf(name, setting, false)]))
}

/** Blots out the secrets, the words of them ("Bearer …"), and the user and password of Basic credentials (RFC 7617). */
function redactor(secrets: readonly string[]): (text: string) => string {
  const pieces = secrets.flatMap((secret) => {
    const words = secret.split(/[\s,;="]+/)
    const basic = /^basic\s+(\S+)$/i.exec(secret)?.[1]
    const pair = basic === undefined ? '' : Buffer.from(basic, 'base64').toString()
    return [secret, secret.replace(/^\w+\s+/, ''), ...words, pair, pair.slice(pair.indexOf(':') + 1)]
  })
  const telling = pieces.filter((piece) => piece.length >= MIN_SECRET && !/^(bearer|basic|token|digest)$/i.test(piece))
  const forms = [...secrets, ...telling].flatMap((piece) => [
    piece,
    encodeURIComponent(piece),
    JSON.stringify(piece).slice(1, -1),
    Buffer.from(piece).toString('base64'),
    Buffer.from(piece).toString('base64url'),
  ])
  const longestFirst = [...new Set(forms)].sort((a, b) => b.length - a.length)
  return (text) => longestFirst.reduce((rest, form) => rest.replaceAll(form, '[secret]'), text)
}

/** A value with the secrets taken out of its texts and keys; numbers stay what they are. */
export function redactJson(value: Json, redact: (text: string) => string): Json {
  if (typeof value === 'string') return redact(value)
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map((item: Json) => redactJson(item, redact))
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [redact(key), redactJson(item as Json, redact)]))
}
