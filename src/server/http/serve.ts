import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { serve as listen, type ServerType } from '@hono/node-server'
import { FactotumError } from '../../lib/errors.ts'
import { app } from './app.ts'
import { writePrivate } from '../keys.ts'
import type { OpenCompany } from '../open.ts'

const DEFAULT_PORT = 7717

export interface Listening {
  readonly url: string
  close(): Promise<void>
}

/** Where a running server can be found by the command beside it: only its owner may read it. */
export interface ServerFile {
  readonly url: string
  readonly token: string
  readonly pid: number
}

export function serverFile(folder: string): string {
  return join(folder, 'data', 'server.json')
}

/**
 * Serves an open company on loopback. Port 0 takes any free one; without a port, 7717 or, where that is taken, any.
 * Throws `server.port_taken` for a port that was asked for.
 */
export async function serve(company: OpenCompany, options: { readonly port?: number } = {}): Promise<Listening> {
  const token = randomBytes(32).toString('base64url')
  const fetch = app(company, token).fetch
  const server = await bind(fetch, options.port ?? DEFAULT_PORT).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error
    if (options.port === undefined) return bind(fetch, 0)
    throw new FactotumError(
      'server.port_taken',
      `Port ${options.port} is taken. Choose another with --port, or leave it out.`,
    )
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const file = serverFile(company.folder)
  await writePrivate(file, JSON.stringify({ url, token, pid: process.pid } satisfies ServerFile))
  return {
    url,
    async close() {
      await rm(file, { force: true })
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        if ('closeAllConnections' in server) server.closeAllConnections()
      })
    },
  }
}

function bind(fetch: (request: Request) => Response | Promise<Response>, port: number): Promise<ServerType> {
  return new Promise((resolve, reject) => {
    const server = listen({ fetch, port, hostname: '127.0.0.1' }, () => resolve(server))
    server.once('error', reject)
  })
}
