import { ActionError } from '../../src/connector.ts'
import { redacted } from './endpoint.ts'

export type FailureKind = ActionError['kind']

/** What nodemailer says about an error: which step failed, and the server's complete answer to it if there was one. */
export type SmtpError = {
  message: string
  code?: string | undefined
  command?: string | undefined
  responseCode?: number | undefined
  originalCode?: string | undefined
}

/**
 * A mail that was not, or perhaps not, sent:
 * - `transient`: certainly nothing was accepted, and it may work later
 * - `domain`: certainly nothing was accepted, and trying again changes nothing
 * - `uncertain`: the content was on its way when the answer got lost; the server may have accepted it
 *
 * `code` is stable: `mail.dns`, `mail.connect`, `mail.timeout`, `mail.tls`, `mail.auth`, `mail.deferred` (4xx),
 * `mail.refused` (5xx), `mail.protocol`, `mail.invalid`, `mail.closed`, `mail.lost`. `reply` is the server's three-digit
 * code, where it gave one. No part of it ever holds the password.
 */
export class SendFailure extends ActionError {
  readonly reply: number | null

  constructor(kind: FailureKind, code: string, message: string, reply: number | null = null) {
    super(kind, code, message)
    this.name = 'SendFailure'
    this.reply = reply
  }
}

type Class = [kind: FailureKind, code: string, advice: string]

// RFC 5321 4.2.1: 4yz may work later, 5yz will not.
function byReply(reply: number, auth: boolean): Class | null {
  if (reply >= 400 && reply < 500) return ['transient', 'mail.deferred', 'The server asks to try again later']
  if (reply < 500 || reply > 599) return null
  if (auth) return ['domain', 'mail.auth', 'The server refused the login; check user and password']
  return ['domain', 'mail.refused', 'The server refused the mail; read its answer, correct the mail and send it anew']
}

// TLS alerts and certificate checks of Node carry these in the code that nodemailer keeps as originalCode.
const CERTIFICATE = /CERT|SELF_SIGNED|ISSUER|ALTNAME|UNABLE_TO_VERIFY/

function byCode(error: SmtpError): Class {
  const certificate = CERTIFICATE.test(error.originalCode ?? '')
  if (certificate)
    return ['domain', 'mail.tls', "The server's certificate is not trusted; correct it or configure its CA"]
  switch (error.code) {
    case 'EDNS':
      return ['transient', 'mail.dns', "The server's name was not found"]
    case 'ETIMEDOUT':
      return ['transient', 'mail.timeout', 'The server did not answer in time']
    case 'ECONNECTION':
    case 'ESOCKET':
      return ['transient', 'mail.connect', 'The connection failed before the mail was handed over']
    case 'ETLS':
      return ['transient', 'mail.tls', 'The connection could not be encrypted']
    case 'EPROTOCOL':
      return ['transient', 'mail.protocol', 'The server did not answer as a mail server does; check host and port']
    case 'EAUTH':
    case 'ENOAUTH':
      return ['domain', 'mail.auth', 'The login failed; check user and password']
    default:
      return ['domain', 'mail.invalid', 'The mail could not be handed over; correct it and send it anew']
  }
}

/**
 * Classifies an error by what the server can have done.
 *
 * Until content was begun nothing can have been accepted (RFC 5321 4.1.1.4: only the end of the data hands the mail
 * over). After that only a complete reply to the content itself is proof: nodemailer reports that as EMESSAGE on
 * DATA, while a lost or silent connection is ECONNECTION, ESOCKET or ETIMEDOUT on CONN in every phase, perhaps with
 * the unterminated rest of a line as its response, so neither code nor response tells the phases apart.
 */
function classify(error: SmtpError, contentBegun: boolean): Class {
  const reply = error.responseCode ?? 0
  if (!contentBegun) return byReply(reply, error.code === 'EAUTH') ?? byCode(error)
  const answered = error.code === 'EMESSAGE' && error.command === 'DATA' ? byReply(reply, false) : null
  return (
    answered ?? [
      'uncertain',
      'mail.lost',
      'The answer to the mail got lost; ask the recipient or the server if it arrived',
    ]
  )
}

/** The failure for `error`, with every form in which `secrets` could be echoed by a server blotted out. */
export function sendFailure(error: SmtpError, contentBegun: boolean, secrets: readonly string[]): SendFailure {
  const [kind, code, advice] = classify(error, contentBegun)
  return new SendFailure(kind, code, `${advice}: ${redacted(error.message, secrets)}`, error.responseCode ?? null)
}
