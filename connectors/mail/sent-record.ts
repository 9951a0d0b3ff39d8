/** Where mails that were sent can be found again. */
export interface SentRecord {
  /**
   * Looks for the mail whose Message-ID begins with `idLeft` and an @: the part that is the same for every try, even
   * when the company's address has changed since. `triedMsAgo`: how long ago the last try was made.
   */
  find(idLeft: string, signal: AbortSignal, triedMsAgo?: number): Promise<FoundMail>
  /** Puts a copy of a mail that was sent there, unless it is there already. Never throws: the mail was sent. */
  file?(mail: { readonly idLeft: string; readonly bytes: Uint8Array }, signal: AbortSignal): Promise<Filed>
}

export type FoundMail =
  | { readonly found: 'yes'; readonly messageId: string; readonly where: string }
  /** It is certain that it was not accepted, and no earlier try can still bring it. */
  | { readonly found: 'no' }
  | { readonly found: 'unknown' }

/** `why` is for the operator: bounded, without secrets. */
export type Filed = { readonly filed: true } | { readonly filed: false; readonly why: string }

/** Whether a Message-ID (without `<>`) is the one that is looked for. */
export function isIt(messageId: string, idLeft: string): boolean {
  return messageId.startsWith(`${idLeft}@`)
}
