import { hash } from 'node:crypto'
import { z } from 'zod'
import { action, type ActionContext, type Reconciled } from '../../src/connector.ts'
import { Message } from './message.ts'
import type { SentRecord } from './sent-record.ts'
import type { SmtpTransport } from './smtp.ts'

/** What the mail connector opens: one way out, and the address everything is sent from. */
export interface MailConnection {
  readonly transport: SmtpTransport
  readonly from: string
  /** Where a mail whose answer was lost can be found. Without it only the operator can find out. */
  readonly sent?: SentRecord
}

const Receipt = z.object({
  messageId: z.string(),
  accepted: z.array(z.string()),
  /** Recipients that the server refused while it took the mail for the others. */
  rejected: z.array(z.object({ address: z.string(), response: z.string() })),
  response: z.string(),
  /** Whether a copy is in the folder of sent mails. Absent where that is not this connector's to do. */
  filed: z.boolean().optional(),
  /** Why there is none. The mail was sent all the same. */
  notFiled: z.string().optional(),
})
type Receipt = z.infer<typeof Receipt>

interface Outgoing {
  readonly to: string
  readonly subject: string
  readonly body: string
  readonly inReplyTo?: string
  readonly references?: readonly string[]
}

/** What a Message-ID begins with: the same for every try of one effect, and of no other. */
export const idLeft = (key: string) => hash('sha256', key).slice(0, 32)

/** The same for every try of one effect, so that the receiver can tell a repetition. */
function messageId(key: string, from: string): string {
  const domain = /@([^>\s]+)/.exec(from)?.[1] ?? 'factotum.invalid'
  return `${idLeft(key)}@${domain}`
}

async function filed(sent: SentRecord | undefined, bytes: Uint8Array, ctx: ActionContext): Promise<Partial<Receipt>> {
  if (!sent?.file) return {}
  const copy = await sent.file({ idLeft: idLeft(ctx.key), bytes }, ctx.signal)
  return copy.filed ? { filed: true } : { filed: false, notFiled: copy.why }
}

async function send(mail: Outgoing, ctx: ActionContext): Promise<Receipt> {
  const { transport, from, sent: record } = ctx.connection as MailConnection
  const id = messageId(ctx.key, from)
  const { accepted, rejected, response, bytes } = await transport.send(
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
  return { messageId: id, accepted, rejected, response, ...(await filed(record, bytes, ctx)) }
}

/** Looks for the mail where sent mails are. Only where nothing was sent for certain is it told as absent. */
async function reconcile(to: string, ctx: ActionContext): Promise<Reconciled<Receipt>> {
  const { sent } = ctx.connection as MailConnection
  const there = sent ? await sent.find(idLeft(ctx.key), ctx.signal, ctx.triedMsAgo) : ({ found: 'unknown' } as const)
  if (there.found !== 'yes') return there
  // A mail goes to one recipient: where it was taken, it was taken for that one.
  const { messageId: id, where } = there
  const receipt = { messageId: id, accepted: [to], rejected: [], response: `Found in ${where}.` }
  return { found: 'yes', output: { ...receipt, ...(sent?.file ? { filed: true } : {}) } }
}

/**
 * Longer than it can take until a mail is found or its absence is proof (see providers.ts). An attempt to send one ends much
 * earlier, with its own finding.
 */
const TIMEOUT = '15m'

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
  timeout: TIMEOUT,
  // To look takes as long as the provider may need.
  absentAfter: 0,
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
  reconcile: (input, ctx) => reconcile(input.to.replyTo, ctx),
})

/** Sends a new mail. */
export const compose = action('mail.send', {
  risk: 'irreversible',
  input: z.object({ to: z.email(), subject: z.string().min(1).max(1_000), body: z.string().min(1) }),
  output: Receipt,
  hold: '10s',
  timeout: TIMEOUT,
  // To look takes as long as the provider may need.
  absentAfter: 0,
  title: (input) => `Mail to ${input.to}: ${input.subject}`,
  message: (input, sent) => ({
    party: input.to,
    subject: input.subject,
    text: input.body,
    ids: sent ? [sent.messageId] : [],
  }),
  run: (input, ctx) => send(input, ctx),
  reconcile: (input, ctx) => reconcile(input.to, ctx),
})
