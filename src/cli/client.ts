import { existsSync, readFileSync } from 'node:fs'
import { request, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { FactotumError } from '../lib/errors.ts'
import { AS_OF, STOOD } from '../server/http/app.ts'
import type { Moment } from '../server/as-of.ts'
import {
  assertReads,
  operate,
  operateAsOf,
  OPERATIONS,
  type Args,
  type Item,
  type ListName,
  type OperationName,
  type Result,
} from '../server/operations.ts'
import type { Page } from '../server/views/page.ts'
import { openCompany, type OpenCompany } from '../server/open.ts'
import { queryOf } from '../lib/query.ts'
import { serverFile, type ServerFile } from '../server/http/serve.ts'
import { stoodAt, whenAsked } from './as-of.ts'
import { loadCompany } from './company-folder.ts'

/**
 * Asks the company: through the server that runs beside this command, or, when none does, by opening the store for
 * the moment (`onOpen` is handed it then). A server file that a killed process left behind is told by its not answering. Throws `cli.server_lost`.
 */
export async function ask<N extends OperationName>(
  folder: string,
  name: N,
  args: Args<N>,
  onOpen: (company: OpenCompany) => void = () => {},
): Promise<Result<N>> {
  const server = readServerFile(folder)
  const when = whenAsked()
  // Here and not only there: a server that does not know "as of" would do it now.
  if (when !== undefined) assertReads(name)
  if (server) {
    const answer = await post(server, name, args, when)
    if (answer) return answer.body as Result<N>
  }
  const company = await openCompany({ folder, company: await loadCompany(folder) })
  try {
    onOpen(company)
    if (when === undefined) return (await operate(company, name, args)) as Result<N>
    const { head, at, answer } = await operateAsOf(company, name, args, when)
    stoodAt({ head, at })
    return answer as Result<N>
  } finally {
    await company.close()
  }
}

/** Everything of a list, page by page. */
export async function askAll<N extends ListName>(folder: string, name: N, args: Args<N>): Promise<Item<N>[]> {
  const found: Item<N>[] = []
  let cursor: string | null = null
  do {
    const given: object = cursor === null ? {} : { cursor }
    const page = (await ask(folder, name, { limit: 1_000, ...(args as object), ...given } as never)) as Page<Item<N>>
    found.push(...page.items)
    cursor = page.next
  } while (cursor !== null)
  return found
}

/** The server that runs beside this command, as it said when it started; null: none. */
export function readServerFile(folder: string): ServerFile | null {
  const path = serverFile(folder)
  if (!existsSync(path)) return null
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ServerFile
  } catch {
    return null
  }
}

/** What the server answered; null where none of ours is there: nobody listens, or another program took its port. */
async function post(
  server: ServerFile,
  name: OperationName,
  args: unknown,
  when: string | undefined,
): Promise<{ readonly body: unknown } | null> {
  const response = await send(server, requestOf(name, args as Record<string, unknown>, when))
  if (response === null) return null
  const status = response.statusCode ?? 0
  const body = parse(
    await text(response).catch((cause: unknown) => {
      throw serverLost(cause)
    }),
  )
  if (body === undefined || status === 401 || !/\bjson\b/.test(response.headers['content-type'] ?? '')) return null
  if (status === 200) {
    if (when !== undefined) stoodAt(momentIn(response))
    return { body }
  }
  const { code, detail } = (body ?? {}) as { readonly code?: unknown; readonly detail?: unknown }
  if (typeof code !== 'string' || typeof detail !== 'string') return null
  throw new FactotumError(code, detail)
}

/** Throws `asof.server`: an older server would answer of today. */
function momentIn(response: IncomingMessage): Moment {
  const [head, at] = String(response.headers[STOOD] ?? '').split(' ')
  if (at === undefined)
    throw new FactotumError(
      'asof.server',
      'The server that runs is of a version that does not know --as-of. Start it again with this one.',
    )
  return { head: Number(head), at: Number(at) }
}

function parse(answer: string): unknown {
  try {
    return JSON.parse(answer) as unknown
  } catch {
    return undefined
  }
}

interface Asking {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body: string
}

function requestOf(name: OperationName, args: Record<string, unknown>, when: string | undefined): Asking {
  const asked = when === undefined ? {} : { [AS_OF]: when }
  if (OPERATIONS[name].mood === 'change')
    return { method: 'POST', path: `${name}?${queryOf(asked)}`, body: JSON.stringify(args) }
  return { method: 'GET', path: `${name}?${queryOf({ ...args, ...asked })}`, body: '' }
}

/** Without a limit in time, which `fetch` has: to verify a long ledger takes minutes. */
function send({ url, token }: ServerFile, { method, path, body }: Asking): Promise<IncomingMessage | null> {
  return new Promise((resolve, reject) => {
    let connected = false
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    }
    request(`${url}/v1/${path}`, { method, agent: false, headers }, resolve)
      .on('socket', (socket) => socket.once('connect', () => (connected = true)))
      .on('error', (cause: NodeJS.ErrnoException) => {
        // Nobody took the request, or what answered it does not speak HTTP.
        if (!connected || cause.code?.startsWith('HPE_')) resolve(null)
        else reject(serverLost(cause))
      })
      .end(body)
  })
}

function serverLost(cause: unknown): FactotumError {
  return new FactotumError(
    'cli.server_lost',
    'The server went away while it worked, so it is not known whether this was done. Ask again: "factotum status" says what there is.',
    { cause },
  )
}
