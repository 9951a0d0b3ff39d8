import { createPublicKey, verify } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Receiver } from '../../src/server/push/receiver.fixture.ts'
import type { Message } from '../../src/server/push/message.ts'

/** What a browser hands to `pushSubscribe`, with what reads the messages that come for it. */
export interface Browser {
  readonly endpoint: string
  readonly receiver: Receiver
  readonly subscription: { endpoint: string; p256dh: string; auth: string; origin: string }
}

export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** A push service as RFC 8030 has it, on this machine: it sees headers and bytes, and answers what it is told to. */
export class PushService {
  readonly received: Received[] = []
  /** What it answers next; then 201. `hang`: it never does. */
  script: (number | readonly [status: number, headers: Record<string, string>] | 'hang')[] = []
  readonly #server = createServer((asked, answer) => {
    const chunks: Buffer[] = []
    asked.on('data', (chunk: Buffer) => chunks.push(chunk))
    asked.on('end', () => {
      this.received.push({ path: asked.url!, headers: asked.headers, body: Buffer.concat(chunks) })
      const next = this.script.shift() ?? 201
      for (const wake of this.#waiting.splice(0)) wake()
      if (next === 'hang') return
      const [status, headers] = typeof next === 'number' ? [next, {}] : next
      answer.writeHead(status, headers).end(status === 201 ? '' : `not ${asked.url}`)
    })
  })
  readonly #waiting: (() => void)[] = []
  #browsers = 0

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return this
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  browser(): Browser {
    const receiver = new Receiver()
    const endpoint = `${this.url}/send/secret-${++this.#browsers}`
    return { endpoint, receiver, subscription: { endpoint, ...receiver.keys, origin: 'https://office.example.org' } }
  }

  /** What a browser was sent, read with its keys; each one signed by `key`. */
  messages({ endpoint, receiver }: Browser, key: string): Message[] {
    return this.received
      .filter(({ path }) => endpoint.endsWith(path))
      .map(({ headers, body }) => {
        checkSignature(headers.authorization!, this.url, key)
        return JSON.parse(receiver.read(body)) as Message
      })
  }

  async until(count: number): Promise<void> {
    while (this.received.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** As a push service checks it: RFC 8292, 2 and 4.2. Throws where it is not good. */
function checkSignature(authorization: string, audience: string, key: string): void {
  const [, head, claims, signature, k] = /^vapid t=([\w-]+)\.([\w-]+)\.([\w-]+), k=([\w-]+)$/.exec(authorization)!
  const point = Buffer.from(k!, 'base64url')
  const [x, y] = [point.subarray(1, 33).toString('base64url'), point.subarray(33).toString('base64url')]
  const publicKey = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' })
  const good = verify(
    'sha256',
    Buffer.from(`${head}.${claims}`),
    { key: publicKey, dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature!, 'base64url'),
  )
  const { aud, exp } = JSON.parse(Buffer.from(claims!, 'base64url').toString()) as { aud: string; exp: number }
  const inTime = exp > Date.now() / 1_000 && exp <= Date.now() / 1_000 + 86_400
  if (!good || k !== key || aud !== audience || !inTime) throw new Error(`not signed: ${authorization}`)
}
