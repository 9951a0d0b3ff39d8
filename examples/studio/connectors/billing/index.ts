import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Connector } from 'factotum/connector'
import { z } from 'factotum'
import { charges, file, moneyText, Overdue, overdue, refund } from './actions.ts'
import { call, type BillingConnection } from './client.ts'
import type { Fault } from './faults.ts'
import { note } from './notes.ts'
import { startBilling, type BillingService } from './service.ts'

export interface BillingConfig {
  /** Where the service is. Without it the connector runs one of its own, with books in `data/billing`. */
  readonly url?: string | undefined
  /** Its bearer token. */
  readonly token?: string | undefined
  /** Longest wait for one answer, in milliseconds. Default 5000. */
  readonly answerMs?: number
  /** What goes wrong at a service of its own whose books are new. Default: nothing. */
  readonly atFirst?: readonly Fault[]
}

type Connection = BillingConnection & { readonly own: BillingService | null }

function connect(config: BillingConfig = {}): Connector<Connection> {
  const { url, token = '', answerMs = 5_000, atFirst = [] } = config
  return {
    name: 'billing',
    // The sample's own service is another port at every start, and the same books.
    target: url ?? "the sample's billing service",
    limits: { concurrent: 4 },
    actions: [charges, refund, overdue, file, note],
    signals: [],
    async open({ dataFolder }) {
      if (url !== undefined) return { url, token, answerMs, own: null }
      const folder = join(dataFolder, 'billing')
      const kept = await keptToken(folder)
      const books = join(folder, 'books.json')
      const isNew = !existsSync(books)
      const own = await startBilling({ books, token: kept })
      if (isNew) own.setFaults(atFirst)
      return { url: own.url, token: kept, answerMs, own }
    },
    async close({ own }) {
      await own?.close()
    },
    probe: (connection) =>
      call({ connection, signal: AbortSignal.timeout(answerMs), key: '' }, '/', z.record(z.string(), z.json())),
    describe: (c) => `${c.url}${c.own ? ', books and token in data/billing' : ''}`,
  }
}

/** The token of the service in this process: made once, and kept beside its books. */
async function keptToken(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, 'token')
  const kept = await readFile(path, 'utf8').catch(() => '')
  if (kept) return kept
  const token = randomBytes(32).toString('hex')
  await writeFile(path, token, { mode: 0o600 })
  return token
}

export const billing = { connect, charges, refund, overdue, Overdue, file, note, moneyText } as const
