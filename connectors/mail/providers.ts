/** What is known of a mail provider beside the protocols: what it does with a mail that it takes over SMTP. */
export interface ProviderProfile {
  /** It puts a copy of every submission into Sent by itself, under the Message-ID that it was given. */
  readonly filesEverySubmission: boolean
  /**
   * How long after a try its copy can be missing, in milliseconds; what is absent from Sent after that was not sent.
   * Null where absence proves nothing.
   */
  readonly settle_ms: number | null
}

/**
 * RFC 5321 4.5.3.2.6: a server may think about a mail for ten minutes after the final dot, whether the client is still
 * there to hear it or not. It is also longer than any attempt of ours lasts.
 */
const SETTLE_MS = 10 * 60_000

const FILES_NONE: ProviderProfile = { filesEverySubmission: false, settle_ms: null }

/**
 * Only what a provider has published about itself. Who is not listed is taken to file nothing: its copies are appended,
 * and what is absent is uncertain.
 */
export const PROVIDERS = {
  // Google's recommended IMAP client settings (support.google.com/mail/answer/78892): "Do not save sent messages on the
  // server. If your client is sending mail through Gmail's SMTP server, your sent messages will be automatically copied
  // to the [Gmail]/Sent Mail folder."
  gmail: { filesEverySubmission: true, settle_ms: SETTLE_MS },
  // Exchange Team Blog, 20 April 2018, "Changes coming to the SMTP Authenticated Submission client protocol": "Sent
  // email will now be stored in the Sent Items folder of the mailbox." It does not say which mailbox when one sends as
  // another, nor what a full one does, so absence proves nothing.
  microsoft365: { filesEverySubmission: true, settle_ms: null },
} as const satisfies Record<string, ProviderProfile>

export type Provider = keyof typeof PROVIDERS

/** The profile that holds: what the company says itself comes before what is known of its provider. */
export function profileOf(provider: Provider | undefined, own: boolean | ProviderProfile | undefined): ProviderProfile {
  if (typeof own === 'object') return own
  if (own === true) return { filesEverySubmission: true, settle_ms: SETTLE_MS }
  if (own === false || provider === undefined) return FILES_NONE
  return PROVIDERS[provider]
}
