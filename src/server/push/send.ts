import { lookup as resolve, type LookupAddress } from 'node:dns'
import { request as requestPlain } from 'node:http'
import { request } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { isPublicAddress } from '../../lib/addresses.ts'

/** What a push service made of a message. `error`: a code and a host, never the endpoint. */
export type Outcome =
  | { readonly was: 'taken' }
  /** The browser is not subscribed any more (RFC 8030, 7.3). */
  | { readonly was: 'gone' }
  /** It may work later; `afterMs`: what the service asked for, or null. */
  | { readonly was: 'later'; readonly afterMs: number | null; readonly error: string }
  /** It will not work like this. */
  | { readonly was: 'refused'; readonly error: string }

const TIMEOUT_MS = 15_000
const MAX_ENDPOINT = 1_000
/** A service that asks for more is asked again after so long. */
const MAX_AFTER_MS = 6 * 3_600_000

/**
 * Where a browser says that messages for it go, checked: https, and an address that anybody could have, for a page could name
 * what stands beside the server else. Null: it is none. `loopback`: for tests, which have their push service on this machine.
 */
export function endpointOf(text: string, loopback: boolean): URL | null {
  const url = text.length <= MAX_ENDPOINT ? URL.parse(text) : null
  if (!url || url.username !== '' || url.password !== '') return null
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (loopback && (host === '127.0.0.1' || host === 'localhost')) return url
  if (url.protocol !== 'https:') return null
  if (isIP(host) !== 0) return isPublicAddress(host) ? url : null
  return host.includes('.') && !/(^|\.)(localhost|local|internal|home\.arpa)\.?$/.test(host) ? url : null
}

export interface Posted {
  readonly endpoint: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  readonly loopback: boolean
}

/** Hands a message to a push service (RFC 8030, 5). Never throws, and follows no redirect. */
export function post({ endpoint, headers, body, loopback }: Posted): Promise<Outcome> {
  const url = endpointOf(endpoint, loopback)
  if (!url) return Promise.resolve({ was: 'refused', error: 'its endpoint is no public https address' })
  const { host } = url
  return new Promise((done) => {
    const lookup = loopback ? {} : { lookup: publicOnly }
    const send = url.protocol === 'https:' ? request : requestPlain
    const asked = send(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': body.length },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...lookup,
    })
    asked.once('response', (response) => {
      // What it says beside the status may repeat the endpoint, and nobody needs it.
      response.destroy()
      done(outcomeOf(response.statusCode ?? 0, response.headers['retry-after'], host))
    })
    asked.on('error', (error) => {
      const { code, name } = error as NodeJS.ErrnoException
      const what = code ?? name
      if (what === PRIVATE) return done({ was: 'refused', error: `${host} is an address of a private network` })
      done({ was: 'later', afterMs: null, error: `${host} cannot be reached (${what})` })
    })
    asked.end(body)
  })
}

function outcomeOf(status: number, retryAfter: string | undefined, host: string): Outcome {
  if (status >= 200 && status < 300) return { was: 'taken' }
  if (status === 404 || status === 410) return { was: 'gone' }
  const error = `${host} answered ${status}`
  if (status === 429 || status === 408 || status >= 500) return { was: 'later', afterMs: afterMs(retryAfter), error }
  return { was: 'refused', error }
}

/** Seconds, or a date (RFC 9110, 10.2.3). */
function afterMs(text: string | undefined): number | null {
  if (text === undefined) return null
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - Date.now()
  return Number.isNaN(ms) ? null : Math.min(Math.max(0, ms), MAX_AFTER_MS)
}

const PRIVATE = 'PRIVATE_ADDRESS'

/** The connection is made to the very addresses that were checked: a name that means another one next time gains nothing. */
const publicOnly: LookupFunction = (host, options, done) => {
  resolve(host, { ...options, all: true }, (error, found: LookupAddress[]) => {
    if (error) return done(error, [])
    if (!found.every(({ address }) => isPublicAddress(address)))
      return done(Object.assign(new Error('A private address.'), { code: PRIVATE }), [])
    if (options.all) return done(null, found)
    done(null, found[0]!.address, found[0]!.family)
  })
}
