import { setTimeout as delay } from 'node:timers/promises'
import type { ImapAccount } from './imap.ts'
import type { ProviderProfile } from './providers.ts'
import type { Filed, FoundMail, SentRecord } from './sent-record.ts'

const FIRST_LOOK_AGAIN_MS = 1_000
const LOOK_AGAIN_MAX_MS = 60_000
/** A copy that is not there so long after the try may have been read, moved or deleted: its absence proves nothing. */
const KEPT_MS = 60 * 60_000

/**
 * The folder of sent mails as the record of what was sent.
 *
 * A copy goes there after the server took the mail, never before. A copy put into Sent first would be found by whoever
 * looks later and would say "sent" of a mail that nobody took. One put into Drafts first would only say what the
 * company's own record says already (that it was about to be sent), and it would lie where the operator can send it a
 * second time. So a process that dies between the two leaves no copy, and absence proves nothing: the operator decides.
 */
export function sentOverImap(account: ImapAccount, profile: ProviderProfile): SentRecord {
  const look = (idLeft: string, signal: AbortSignal) =>
    account.visit(signal, async (visit): Promise<FoundMail> => {
      const folder = await visit.sentFolder()
      const messageId = await visit.find(folder, idLeft)
      return messageId === null ? { found: 'no' } : { found: 'yes', messageId, where: folder }
    })

  async function find(idLeft: string, signal: AbortSignal, triedMsAgo: number): Promise<FoundMail> {
    const settle_ms = triedMsAgo > KEPT_MS ? null : profile.settle_ms
    const settled_at = performance.now() + Math.max(0, (settle_ms ?? 0) - triedMsAgo)
    for (let pause_ms = FIRST_LOOK_AGAIN_MS; ; pause_ms = Math.min(pause_ms * 2, LOOK_AGAIN_MAX_MS)) {
      const left_ms = settled_at - performance.now()
      const now = await look(idLeft, signal)
      if (now.found === 'yes') return now
      if (settle_ms === null) return { found: 'unknown' }
      if (left_ms <= 0) return { found: 'no' }
      await delay(Math.min(pause_ms, left_ms), undefined, { signal, ref: false })
    }
  }

  async function file(
    mail: { readonly idLeft: string; readonly bytes: Uint8Array },
    signal: AbortSignal,
  ): Promise<Filed> {
    try {
      return await account.visit(signal, async (visit): Promise<Filed> => {
        const folder = await visit.sentFolder()
        if ((await visit.find(folder, mail.idLeft)) === null) await visit.append(folder, mail.bytes)
        return { filed: true }
      })
    } catch (error) {
      return { filed: false, why: error instanceof Error ? error.message : String(error) }
    }
  }

  return {
    // An IMAP server that cannot be asked tells nothing.
    find: (idLeft, signal, triedMsAgo = 0) => find(idLeft, signal, triedMsAgo).catch(() => ({ found: 'unknown' })),
    ...(profile.filesEverySubmission ? {} : { file }),
  }
}
