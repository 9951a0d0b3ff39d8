/**
 * A mail, or a place mails are read from, that cannot be used.
 *
 * `code` is stable: `mail.empty`, `mail.too_large`, `mail.source_missing`, `mail.source_unreadable`,
 * `mail.source_unsupported`, `mail.bad_authenticator`. `message` says what to do next.
 */
export class MailError extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'MailError'
    this.code = code
  }
}
