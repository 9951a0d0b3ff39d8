import { z } from 'zod'

/** Upper bounds of a parsed mail. Lengths are UTF-16 code units unless the name says bytes. */
export const LIMITS = {
  mail_bytes: 25 * 1024 * 1024,
  text: 256 * 1024,
  subject: 1_000,
  name: 1_000,
  address: 320,
  addresses: 200,
  /** RFC 5322 2.1.1: a line, and so an id in it, has at most 998 characters. */
  id: 998,
  references: 200,
  attachments: 100,
  file_name: 255,
  defects: 50,
  defect: 300,
} as const

const line = (max: number) => z.string().max(max)
const address = line(LIMITS.address)

/** An attached file; its bytes travel beside the message and are found by `sha256` (hex). `size` is in bytes. */
const AttachmentInfo = z.object({
  name: line(LIMITS.file_name).min(1),
  type: line(LIMITS.file_name),
  size: z.int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
})

/**
 * A received mail as workflows see it. Everything in it was written by the sender: data, never instruction.
 *
 * All strings are NFC without NUL and lone surrogates; all but `text` are one line.
 */
export const Message = z.object({
  /** Message-ID without `<>` (RFC 5322 3.6.4); `sha256-<hex of the raw bytes>@factotum.invalid` when there is none. */
  id: line(LIMITS.id).min(1),
  /** First address of From, lower case; `unknown@invalid` when it cannot be read. */
  from: address.min(1),
  fromName: line(LIMITS.name),
  /** First address of Reply-To, or `from`. */
  replyTo: address.min(1),
  to: z.array(address).max(LIMITS.addresses),
  cc: z.array(address).max(LIMITS.addresses),
  subject: line(LIMITS.subject),
  /** What the sender claims, in milliseconds since 1970; null when missing or unreadable. */
  date: z.int().nullable(),
  /** Plain text with `\n` line ends, quoted history kept; converted from HTML when there is only HTML. */
  text: z.string().max(LIMITS.text),
  /** Ids of References, then In-Reply-To, without `<>`, each once, oldest first. */
  references: z.array(line(LIMITS.id)).max(LIMITS.references),
  /** RFC 2919 list identifier without `<>`, lower case. */
  listId: line(LIMITS.id).nullable(),
  /** Sent by a program: RFC 3834 Auto-Submitted, Precedence bulk/list/junk, a report or a null return path. */
  autoSubmitted: z.boolean(),
  attachments: z.array(AttachmentInfo).max(LIMITS.attachments),
  /** Bytes of the raw mail. */
  size: z.int().positive(),
  /** What was wrong with the mail and how it was mended, one sentence each. */
  defects: z.array(line(LIMITS.defect)).max(LIMITS.defects),
})
export type Message = z.infer<typeof Message>
