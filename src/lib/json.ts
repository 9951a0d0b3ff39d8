import { hash } from 'node:crypto'
import { FactotumError } from './errors.ts'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** No recorded value is larger than this, after blobs are split out: history must stay cheap to read back. */
export const MAX_JSON_BYTES = 1_048_576
const MAX_DEPTH = 100

function refuse(path: string, what: string): never {
  throw new FactotumError(
    'json.not_json',
    `The value at ${path || 'the top'} is ${what}, which JSON cannot hold. Return plain objects, arrays, strings, finite numbers, booleans or null.`,
    { metadata: { path } },
  )
}

/**
 * A copy of a value as it will come back from its record (`undefined` at the top is `null`), so that whoever goes on
 * with it sees the same live and replayed, and cannot change what was recorded. Validates and counts on the way:
 * throws `json.not_json` naming the path, and `json.too_large` above `maxBytes` of JSON. `bytes`: what stands for a
 * Uint8Array; without it they are refused.
 */
export function jsonCopy(
  value: unknown,
  what: string,
  maxBytes = MAX_JSON_BYTES,
  bytes?: (value: Uint8Array) => Json,
): Json {
  if (value === undefined) return null
  const size: Size = { chars: 0, trail: [], limit: maxBytes * MOST_CHARS_A_BYTE, what, bytes }
  const copied = copy(value, 0, size)
  // A UTF-16 unit is at most six bytes of JSON, so that only large values need an exact count.
  if (size.chars * 6 > maxBytes) {
    const length = Buffer.byteLength(JSON.stringify(copied))
    if (length > maxBytes) tooLarge(what, `${length}`, maxBytes)
  }
  return copied
}

interface Size {
  chars: number
  /** The key or index that was followed at each depth. */
  readonly trail: (string | number)[]
  /** Above this many the value is certainly too large: what is shared many times over is not expanded to the end. */
  readonly limit: number
  readonly what: string
  readonly bytes: ((value: Uint8Array) => Json) | undefined
}

/** `0` and its comma are two bytes and count as ten: the most that any value is overestimated by. */
const MOST_CHARS_A_BYTE = 5

function tooLarge(what: string, length: string, maxBytes: number): never {
  throw new FactotumError(
    'json.too_large',
    `${what} is ${length} bytes of JSON; the limit is ${maxBytes}. Return a reference, or put the bytes in a Uint8Array, which is kept as a blob.`,
    { metadata: { maxBytes } },
  )
}

function copy(value: unknown, depth: number, size: Size): Json {
  if (size.chars > size.limit) {
    const maxBytes = size.limit / MOST_CHARS_A_BYTE
    tooLarge(size.what, `more than ${maxBytes}`, maxBytes)
  }
  switch (typeof value) {
    case 'string':
      size.chars += value.length + 3
      return value
    case 'boolean':
      size.chars += 6
      return value
    case 'number':
      if (!Number.isFinite(value)) refuse(path(size, depth), String(value))
      size.chars += 10
      return Object.is(value, -0) ? 0 : value
    case 'object':
      if (value === null) {
        size.chars += 5
        return null
      }
      if (depth > MAX_DEPTH) refuse(path(size, depth), `nested deeper than ${MAX_DEPTH} levels (or a cycle)`)
      if (size.bytes && value instanceof Uint8Array) return size.bytes(value)
      size.chars += 2
      return Array.isArray(value) ? copyArray(value, depth, size) : copyObject(value, depth, size)
    default:
      return refuse(path(size, depth), `a ${typeof value}`)
  }
}

/** Where a value is, from the keys that lead to it: put together only for a refusal. */
function path(size: Size, depth: number): string {
  let out = ''
  for (const key of size.trail.slice(0, depth)) out += typeof key === 'number' ? `[${key}]` : out ? `.${key}` : key
  return out
}

function copyArray(value: readonly unknown[], depth: number, size: Size): Json[] {
  const out: Json[] = []
  for (let i = 0; i < value.length; i++) {
    size.trail[depth] = i
    if (value[i] === undefined) refuse(path(size, depth + 1), 'undefined in an array')
    out.push(copy(value[i], depth + 1, size))
  }
  return out
}

function copyObject(value: object, depth: number, size: Size): Json {
  const proto: unknown = Object.getPrototypeOf(value)
  if (proto !== Object.prototype && proto !== null) {
    const name = (value as { constructor?: { name?: string } }).constructor?.name ?? 'a class'
    refuse(path(size, depth), `an instance of ${name}`)
  }
  const from = value as Readonly<Record<string, unknown>>
  const out: Record<string, Json> = {}
  for (const key of Object.keys(from)) {
    const item = from[key]
    if (item === undefined) continue
    // As JSON.parse makes it: a plain property, whatever it is called.
    if (key === '__proto__') refuse(path(size, depth), 'an object with a property "__proto__"')
    size.chars += key.length + 4
    size.trail[depth] = key
    out[key] = copy(item, depth + 1, size)
  }
  return out
}

/** JSON with sorted keys, so that equal values have equal text (RFC 8785 for the values that we allow). */
function canonicalJson(value: unknown): string {
  if (value === undefined) return 'null'
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const entries = Object.entries(value).filter(([, v]) => v !== undefined)
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`).join(',')}}`
}

/** SHA-256 of a value's canonical JSON, base64url, 22 characters (132 bits): enough to tell inputs apart. */
export function shortHash(value: unknown): string {
  return hash('sha256', canonicalJson(value), 'base64url').slice(0, 22)
}
