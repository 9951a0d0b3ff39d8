import type { ImapFlowError } from 'imapflow'
import { ActionError } from '../../src/connector.ts'
import { redacted } from './endpoint.ts'

type Class = [kind: 'transient' | 'domain', code: string, advice: string]

// TLS alerts and certificate checks of Node carry these in their code.
const CERTIFICATE = /CERT|SELF_SIGNED|ISSUER|ALTNAME|UNABLE_TO_VERIFY/
const TIMEOUT = /^(CONNECT_TIMEOUT|GREETING_TIMEOUT|UPGRADE_TIMEOUT|ETIMEOUT|ETIMEDOUT)$/
const TLS = /^(UPGRADE_TIMEOUT|STARTTLS_INJECTION|ERR_SSL|ClosedAfterConnectTLS|EPROTO)/
const GARBAGE = /^(ParserError|LineTooLarge|LiteralTooLarge|ResponseTooLarge|TooMany|UnexpectedTag|MissingTag|Invalid)/

// RFC 5530 3: what a tagged NO says it is. UNAVAILABLE and INUSE pass; a full mailbox needs a person.
const PASSING = /^(UNAVAILABLE|INUSE|SERVERBUG|CONTACTADMIN|LIMIT)$/

function refusal(code: string): Class {
  if (PASSING.test(code)) return ['transient', 'mail.imap_unavailable', 'The IMAP server cannot do it now']
  if (code === 'TRYCREATE' || code === 'NONEXISTENT')
    return ['domain', 'mail.imap_no_folder', 'The folder does not exist; create it or name another as imap.sent']
  return ['domain', 'mail.imap_refused', 'The IMAP server refused; read its answer']
}

function classify(error: ImapFlowError): Class {
  const code = error.code ?? ''
  const said = error.serverResponseCode ?? ''
  if (CERTIFICATE.test(code) || CERTIFICATE.test(error.message))
    return ['domain', 'mail.imap_tls', "The IMAP server's certificate is not trusted; correct it or configure its CA"]
  if (error.tlsFailed === true || TLS.test(code))
    return ['domain', 'mail.imap_tls', 'The connection to the IMAP server could not be encrypted; no login was sent']
  if (error.authenticationFailed === true && !PASSING.test(said))
    return ['domain', 'mail.imap_auth', 'The IMAP server refused the login; check user and password']
  if (TIMEOUT.test(code)) return ['transient', 'mail.imap_timeout', 'The IMAP server did not answer in time']
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return ['transient', 'mail.imap_dns', "The IMAP server's name was not found"]
  if (GARBAGE.test(code))
    return ['transient', 'mail.imap_protocol', 'The server did not answer as an IMAP server does; check host and port']
  if (error.responseStatus === 'NO' || error.responseStatus === 'BAD') return refusal(said)
  return ['transient', 'mail.imap_connect', 'The connection to the IMAP server failed']
}

/** What failed, without the library's own error: that one carries the command as it was sent. */
export function imapFailure(thrown: unknown, secrets: readonly string[]): ActionError {
  if (thrown instanceof ActionError) return thrown
  const error = (thrown instanceof Error ? thrown : new Error(String(thrown))) as ImapFlowError
  const [kind, code, advice] = classify(error)
  const response = typeof error.response === 'string' ? error.response : ''
  const said = error.responseText || response || error.reason || error.message
  return new ActionError(kind, code, `${advice}: ${redacted(said, secrets)}`)
}
