import type { Json } from '../../src/connector.ts'
import type { ImapAccount } from './imap.ts'
import type { SmtpTransport } from './smtp.ts'

const PROBE_MS = 30_000

/** What the two servers offer, in an order that does not change. Throws ActionError where one cannot be asked. */
export async function probe(transport: SmtpTransport, account: ImapAccount | null): Promise<Json> {
  const smtp = await transport.offers()
  if (account === null) return { smtp }
  const imap = await account.visit(AbortSignal.timeout(PROBE_MS), async (visit) => ({
    sent: await visit.sentFolder(),
    capabilities: visit.capabilities(),
  }))
  return { smtp, imap }
}
