import { request, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'

/** Where a server listens. */
export interface At {
  readonly url: string
  readonly token: string
}

/** A reader of the event stream over a socket of its own. It notes the number of each event, and that they come in order. */
export class Reader {
  /** The number of the newest event that came. */
  last: number
  /** How many came. */
  count = 0
  bytes = 0
  /** What came twice, out of order, or after a gap. */
  wrong: string | null = null
  ended = false
  /** It ended as the server meant it to, and was not cut off. */
  complete = false
  #response: IncomingMessage | null = null
  #rest = ''

  constructor(after: number) {
    this.last = after
  }

  /** Goes on after the last that came. Resolves when the server has answered. */
  async open({ url, token }: At): Promise<void> {
    this.ended = false
    this.#rest = ''
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}` }
      request(`${url}/v1/events?after=${this.last}`, { agent: false, headers }, resolve).on('error', reject).end()
    })
    if (response.statusCode !== 200) throw new Error(`The stream answered ${response.statusCode}`)
    this.#response = response
    response.setEncoding('utf8')
    response.on('data', (text: string) => this.#take(text))
    const end = () => {
      this.ended = true
      this.complete = response.complete
    }
    response.on('error', end)
    response.on('close', end)
  }

  close(): void {
    this.#response?.destroy()
  }

  #take(text: string): void {
    this.bytes += text.length
    const parts = (this.#rest + text).split('\n\n')
    this.#rest = parts.pop()!
    for (const part of parts) {
      if (!part.includes('\nevent: ledger\n')) continue
      const seq = Number(/^id: (\d+)\n/.exec(part)?.[1])
      if (seq !== this.last + 1) this.wrong ??= `${seq} came after ${this.last}`
      this.last = seq
      this.count++
    }
  }
}

/** Asks for the stream and never reads a byte of it. */
export async function deaf({ url, token }: At, after: number): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  socket.pause()
  socket.on('error', () => {})
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  socket.write(
    `GET /v1/events?after=${after} HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: Bearer ${token}\r\n\r\n`,
  )
  return socket
}
