import { createHash } from 'node:crypto'
import type { Attachment } from 'postal-mime'
import { cleanLine, hasTricks } from './clean-text.ts'
import { LIMITS, type Message } from './message.ts'

/** The bytes of an attachment, found from `Message.attachments` by their SHA-256 (hex). */
export type AttachmentBytes = { sha256: string; bytes: Uint8Array }

const TYPE = /^[a-z0-9!#$&^_.+-]{1,127}\/[a-z0-9!#$&^_.+-]{1,127}$/

/** A file name without folders, control or direction-changing characters; `attachment-<n>` when nothing is left. */
function fileName(name: string, n: number): string {
  const last = cleanLine(name, LIMITS.file_name).split(/[/\\]/).at(-1)?.trim() ?? ''
  return /^\.*$/.test(last) ? `attachment-${n}` : last
}

function contentBytes(content: Attachment['content']): Uint8Array {
  if (typeof content === 'string') return Buffer.from(content)
  return content instanceof Uint8Array ? content : new Uint8Array(content)
}

/** Describes the attachments of a mail and collects their bytes, equal contents once. */
export function collectAttachments(
  found: readonly Attachment[],
  defects: string[],
): { infos: Message['attachments']; contents: AttachmentBytes[] } {
  const contents = new Map<string, AttachmentBytes>()
  const infos = found.slice(0, LIMITS.attachments).map((attachment, i) => {
    const bytes = contentBytes(attachment.content)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    contents.set(sha256, { sha256, bytes })
    if (hasTricks(attachment.filename ?? '')) {
      defects.push(`The name of attachment ${i + 1} had line breaks, invisible or reordering characters; removed.`)
    }
    const type = TYPE.test(attachment.mimeType) ? attachment.mimeType : 'application/octet-stream'
    return { name: fileName(attachment.filename ?? '', i + 1), type, size: bytes.length, sha256 }
  })
  if (found.length > infos.length) {
    defects.push(`Of ${found.length} attachments the first ${LIMITS.attachments} were kept.`)
  }
  return { infos, contents: [...contents.values()] }
}
