import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Connector } from 'factotum/connector'
import { z } from 'factotum'
import { charges, file, moneyText, Overdue, overdue, refund } from './actions.ts'
import { call, type BillingConnection } from './client.ts'
import { startBilling, type BillingService } from './service.ts'

export interface BillingConfig {
  /** Where the service is. Without it the connector runs one of its own, with books in `data/billing`. */
  readonly url?: string | undefined
  /** Its bearer token. */
  readonly token?: string | undefined
  /** Longest wait for one answer, in milliseconds. Default 5000. */
  readonly answerMs?: number
}

type Connection = BillingConnection & { readonly own: BillingService | null }

function connect(config: BillingConfig = {}): Connector<Connection> {
  const { url, token = '', answerMs = 5_000 } = config
  return {
    name: 'billing',
    // The sample's own service is another port at every start, and the same books.
    target: url ?? 'its own service',
    limits: { concurrent: 4 },
    actions: [charges, refund, overdue, file],
    signals: [],
    async open({ dataFolder }) {
      if (url !== undefined) return { url, token, answerMs, own: null }
      const folder = join(dataFolder, 'billing')
      const kept = await keptToken(folder)
      const own = await startBilling({ books: join(folder, 'books.json'), token: kept })
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

export const billing = { connect, charges, refund, overdue, Overdue, file, moneyText } as const
