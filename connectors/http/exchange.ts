import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import { ActionError } from '../../src/connector.ts'
import type { Reach } from './addresses.ts'

export interface Outgoing {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
}

/** The exchange broke off. `sent`: the service may have been given the request. */
export class Broken extends Error {
  readonly sent: boolean
  readonly code: string

  constructor(sent: boolean, code: string, message: string) {
    super(message)
    this.name = 'Broken'
    this.sent = sent
    this.code = code
  }
}

/** One request and its answer, over a connection of its own. Throws `Broken`, and what `reach` refuses. */
export function exchange(out: Outgoing, reach: Reach, maxBytes: number, signal: AbortSignal): Promise<Answer> {
  const secure = out.url.protocol === 'https:'
  return new Promise((resolve, reject) => {
    let sent = false
    const fail = (error: unknown) => reject(error instanceof ActionError ? error : broken(error, sent, signal))
    try {
      reach.checkHost(out.url.hostname)
      signal.throwIfAborted()
      const options: RequestOptions = {
        method: out.method,
        headers: { ...out.headers, ...(out.body === null ? {} : { 'content-length': Buffer.byteLength(out.body) }) },
        lookup: reach.lookup,
        // No connection is used twice: an answer then always belongs to the request it was given for.
        agent: false,
        signal,
      }
      const request = (secure ? httpsRequest : httpRequest)(out.url, options, (response) => {
        read(response, maxBytes).then(resolve, fail)
      })
      request.on('error', fail)
      request.on('socket', (socket) => socket.once(secure ? 'secureConnect' : 'connect', () => (sent = true)))
      request.end(out.body ?? undefined)
    } catch (error) {
      fail(error)
    }
  })
}

async function read(response: IncomingMessage, maxBytes: number): Promise<Answer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) {
      response.destroy()
      throw new Broken(true, 'http.too_large', `The answer is longer than ${maxBytes} bytes.`)
    }
    chunks.push(chunk)
  }
  return { status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString() }
}

// How OpenSSL and Node call a certificate that they do not trust.
const CERTIFICATE = /CERT|SELF_SIGNED|ISSUER|ALTNAME|UNABLE_TO_VERIFY/

function broken(error: unknown, sent: boolean, signal: AbortSignal): Error {
  if (error instanceof Broken) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
  if (signal.aborted) return new Broken(sent, 'http.timeout', 'The service did not answer in time.')
  if (!sent && CERTIFICATE.test(code))
    return new ActionError('domain', 'http.tls', `The certificate of the service is not trusted (${code}).`)
  if (code.startsWith('ERR_INVALID'))
    return new ActionError(
      'domain',
      'http.bad_request',
      `The request cannot be written as HTTP (${code}). Correct its action.`,
    )
  if (!sent) return new Broken(false, 'http.unreachable', `The service cannot be reached (${code}).`)
  return new Broken(true, 'http.lost', `The answer of the service got lost (${code}).`)
}
