import { existsSync, readFileSync } from 'node:fs'
import { FactotumError } from '../lib/errors.ts'
import { openCompany } from '../server/open.ts'
import { operate, type Args, type OperationName, type Result } from '../server/operations.ts'
import { serverFile, type ServerFile } from '../server/serve.ts'
import { loadCompany } from './company-folder.ts'

/**
 * Asks the company: through the server that runs beside this command, or, when none does, by opening the store for
 * the moment. A server file that a killed process left behind is told by its not answering.
 */
export async function ask<N extends OperationName>(folder: string, name: N, args: Args<N>): Promise<Result<N>> {
  const server = readServerFile(folder)
  if (server) {
    const answer = await post(server, name, args)
    if (answer) return answer.body as Result<N>
  }
  const company = await openCompany({ folder, company: await loadCompany(folder) })
  try {
    return (await operate(company, name, args)) as Result<N>
  } finally {
    await company.close()
  }
}

function readServerFile(folder: string): ServerFile | null {
  const path = serverFile(folder)
  if (!existsSync(path)) return null
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ServerFile
  } catch {
    return null
  }
}

/** What the server answered; null where none of ours is there. */
async function post(server: ServerFile, name: string, args: unknown): Promise<{ readonly body: unknown } | null> {
  let response: Response
  try {
    response = await fetch(`${server.url}/v1/${name}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(args),
    })
  } catch {
    return null
  }
  // Another program may have taken the port of a server that was killed.
  if (response.status === 401 || !/\bjson\b/.test(response.headers.get('content-type') ?? '')) return null
  const body: unknown = await response.json()
  if (response.ok) return { body }
  const { code, detail } = body as { code?: string; detail?: string }
  throw new FactotumError(code ?? 'http.error', detail ?? `The server answered ${response.status}.`)
}
