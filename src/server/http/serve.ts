import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { serve as listen, type ServerType } from '@hono/node-server'
import { FactotumError } from '../../lib/errors.ts'
import { Access } from '../access/access.ts'
import { placeOf, type Reach } from '../access/place.ts'
import { app } from './app.ts'
import { EventStream } from './stream.ts'
import { writePrivate } from '../keys.ts'
import type { OpenCompany } from '../open.ts'

const DEFAULT_PORT = 7717

export interface Listening {
  /** On this machine. */
  readonly url: string
  /** What others ask it as, where they can. */
  readonly publicUrl: string | null
  close(): Promise<void>
}

/** Where a running server can be found by the command beside it: only its owner may read it. */
export interface ServerFile {
  readonly url: string
  readonly publicUrl: string | null
  readonly token: string
  readonly pid: number
}

export interface ServeOptions extends Reach {
  readonly port?: number
}

export function serverFile(folder: string): string {
  return join(folder, 'data', 'server.json')
}

/**
 * Serves an open company: on loopback, or where `Reach` says. Port 0 takes any free one; without a port, 7717 or, where that is
 * taken, any. With TLS of its own it listens twice: for the network, and for this machine. Throws `server.port_taken` for
 * a port that was asked for, and what `placeOf` throws.
 */
export async function serve(company: OpenCompany, options: ServeOptions = {}): Promise<Listening> {
  const place = placeOf(options)
  const token = randomBytes(32).toString('base64url')
  const stream = new EventStream(company.store)
  const access = new Access(company.store, token, place)
  const { fetch } = app(company, access, stream)
  const { tls, host } = options
  const servers: ServerType[] = []
  try {
    if (tls) {
      const open = await bindAsked(options.port, (port) => bind(fetch, { port, ...(host ? { host } : {}), tls }))
      servers.push(open, await bind(fetch, { port: 0, host: LOOPBACK_ADDRESS }))
    } else servers.push(await bindAsked(options.port, (port) => bind(fetch, { port, host: host ?? LOOPBACK_ADDRESS })))
  } catch (error) {
    await closeAll(servers)
    throw error
  }
  const url = `http://${here(tls ? undefined : host)}:${portOf(servers.at(-1)!)}`
  const publicUrl =
    place.proxy?.origin ?? (tls ? `https://${place.names[0] ?? host ?? ''}:${portOf(servers[0]!)}` : null)
  const file = serverFile(company.folder)
  await writePrivate(file, JSON.stringify({ url, publicUrl, token, pid: process.pid } satisfies ServerFile))
  return {
    url,
    publicUrl,
    async close() {
      await rm(file, { force: true })
      await stream.close()
      await closeAll(servers)
      await access.refusals.flush()
    },
  }
}

const LOOPBACK_ADDRESS = '127.0.0.1'

/** How this machine asks what listens at `host`. */
function here(host: string | undefined): string {
  if (host === undefined || host === '0.0.0.0' || host === '::' || host === 'localhost') return LOOPBACK_ADDRESS
  return host.includes(':') ? `[${host}]` : host
}

/** A port that was asked for is taken or refused; without one, the usual, or any. */
async function bindAsked(port: number | undefined, bindTo: (port: number) => Promise<ServerType>): Promise<ServerType> {
  try {
    return await bindTo(port ?? DEFAULT_PORT)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    if (port === undefined) return bindTo(0)
    throw new FactotumError('server.port_taken', `Port ${port} is taken. Choose another with --port, or leave it out.`)
  }
}

interface At {
  readonly port: number
  readonly host?: string
  readonly tls?: { readonly cert: string; readonly key: string }
}

function bind(fetch: (request: Request) => Response | Promise<Response>, { port, host, tls }: At): Promise<ServerType> {
  return new Promise((resolve, reject) => {
    const secured = tls ? { createServer: createTlsServer, serverOptions: { ...tls } } : {}
    const server = listen({ fetch, port, ...(host ? { hostname: host } : {}), ...secured }, () => resolve(server))
    server.once('error', reject)
  })
}

function portOf(server: ServerType): number {
  return (server.address() as AddressInfo).port
}

async function closeAll(servers: readonly ServerType[]): Promise<void> {
  for (const server of servers) {
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
      if ('closeAllConnections' in server) server.closeAllConnections()
    })
  }
}
