import { hash } from 'node:crypto'
import { z } from 'zod'
import { action, ActionError, type ActionContext } from '../../src/connector.ts'
import { Message } from './message.ts'
import { SendFailure, type SmtpTransport } from './smtp.ts'

/** What the mail connector opens: one way out, and the address everything is sent from. */
export interface MailConnection {
  readonly transport: SmtpTransport
  readonly from: string
}

const Receipt = z.object({
  messageId: z.string(),
  accepted: z.array(z.string()),
  /** Recipients that the server refused while it took the mail for the others. */
  rejected: z.array(z.object({ address: z.string(), response: z.string() })),
  response: z.string(),
})
type Receipt = z.infer<typeof Receipt>

interface Outgoing {
  readonly to: string
  readonly subject: string
  readonly body: string
  readonly inReplyTo?: string
  readonly references?: readonly string[]
}

/** The same for every try of one effect, so that the receiver can tell a repetition. */
function messageId(key: string, from: string): string {
  const domain = /@([^>\s]+)/.exec(from)?.[1] ?? 'factotum.invalid'
  return `${hash('sha256', key).slice(0, 32)}@${domain}`
}

async function send(mail: Outgoing, ctx: ActionContext): Promise<Receipt> {
  const { transport, from } = ctx.connection as MailConnection
  const id = messageId(ctx.key, from)
  try {
    const sent = await transport.send(
      {
        to: mail.to,
        subject: mail.subject,
        text: mail.body,
        messageId: id,
        date: ctx.proposedAt,
        ...(mail.inReplyTo === undefined ? {} : { inReplyTo: mail.inReplyTo }),
        ...(mail.references === undefined ? {} : { references: [...mail.references] }),
      },
      ctx.signal,
    )
    return { messageId: id, accepted: sent.accepted, rejected: sent.rejected, response: sent.response }
  } catch (error) {
    if (error instanceof SendFailure) throw new ActionError(error.kind, error.code, error.message)
    throw error
  }
}

const Reply = z.object({
  /** The message that is answered. */
  to: Message,
  body: z.string().min(1),
  subject: z.string().max(1_000).optional(),
})

function subjectOf(input: z.infer<typeof Reply>): string {
  return input.subject ?? (/^(re|aw|sv)\s*:/i.test(input.to.subject) ? input.to.subject : `Re: ${input.to.subject}`)
}

/** Answers a mail, in its thread (RFC 5322 3.6.4), to where its sender wants answers. */
export const reply = action('mail.reply', {
  risk: 'irreversible',
  input: Reply,
  output: Receipt,
  hold: '10s',
  timeout: '2m',
  title: (input) => `Reply to ${input.to.replyTo}: ${subjectOf(input)}`,
  preview: (input) => ({ to: input.to.replyTo, subject: subjectOf(input), body: input.body }),
  message: (input, sent) => ({
    party: input.to.replyTo,
    subject: subjectOf(input),
    text: input.body,
    ids: [...input.to.references, input.to.id, ...(sent ? [sent.messageId] : [])],
  }),
  run: (input, ctx) =>
    send(
      {
        to: input.to.replyTo,
        subject: subjectOf(input),
        body: input.body,
        inReplyTo: input.to.id,
        references: [...input.to.references, input.to.id],
      },
      ctx,
    ),
})

/** Sends a new mail. */
export const compose = action('mail.send', {
  risk: 'irreversible',
  input: z.object({ to: z.email(), subject: z.string().min(1).max(1_000), body: z.string().min(1) }),
  output: Receipt,
  hold: '10s',
  timeout: '2m',
  title: (input) => `Mail to ${input.to}: ${input.subject}`,
  message: (input, sent) => ({
    party: input.to,
    subject: input.subject,
    text: input.body,
    ids: sent ? [sent.messageId] : [],
  }),
  run: (input, ctx) => send(input, ctx),
})
