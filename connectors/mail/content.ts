import { fieldValue, splitPart } from './header-block.ts'
import { type Content, readLeaf } from './leaf.ts'
import { splitParts } from './multipart.ts'

/** A mail or a part of one, taken apart into header fields and body. */
type Entity = { fields: readonly string[]; body: Buffer }

const DEPTH_MAX = 20
const PARTS_MAX = 1_000

/** Counts down through the whole mail, so that many small multiparts cost no more than a large one. */
type Budget = { parts: number }

/**
 * Reads text and attachments of a mail (RFC 2045, 2046). Of alternatives the plain text is taken, HTML where there is
 * none; other parts follow each other. A structure that cannot be followed is read as plain text; `defects` says so.
 *
 * The tree is walked here and postal-mime decodes its leaves one by one. Given a whole mail it ran out of memory on
 * 25 MiB of empty lines (a Blob part each), and its conversion of HTML to text took minutes for 25 MB of `<a href=x `.
 */
export function readContent(entity: Entity, defects: string[]): Promise<Content> {
  return read(entity, defects, 0, { parts: PARTS_MAX })
}

async function read(entity: Entity, defects: string[], depth: number, budget: Budget): Promise<Content> {
  const type = fieldValue(entity.fields, 'content-type') ?? ''
  const subtype = /^multipart\/([a-z-]{1,40})/i.exec(type)?.[1]?.toLowerCase()
  if (subtype === undefined) return readLeaf(entity.fields, entity.body, defects)
  if (depth === DEPTH_MAX) {
    defects.push(`The parts are nested over ${DEPTH_MAX} levels deep; those below were read as plain text.`)
    return readLeaf([], entity.body, defects)
  }
  const { parts, closed } = splitParts(entity.body, boundaryOf(type), budget.parts + 1)
  if (parts.length === 0) {
    defects.push('The boundary between the parts never comes; the body was read as plain text.')
    return readLeaf([], entity.body, defects)
  }
  const contents: Content[] = []
  for (const part of parts) {
    if (budget.parts-- <= 0) {
      defects.push(`There are over ${PARTS_MAX} parts; the others were left out.`)
      break
    }
    contents.push(await read(splitPart(part, defects), defects, depth + 1, budget))
  }
  if (!closed && budget.parts > 0) defects.push('The closing boundary is missing; the mail may have been cut off.')
  return subtype === 'alternative' ? oneOf(contents) : allOf(contents)
}

function boundaryOf(type: string): string {
  const match = /boundary\s{0,9}=\s{0,9}(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i.exec(type)
  return (match?.[1] ?? match?.[2] ?? '\n').trimEnd()
}

const hasText = (content: Content) => content.text.trim() !== ''

function oneOf(contents: readonly Content[]): Content {
  // A blank text part beside HTML is common; the HTML is then what the sender wrote.
  const chosen = contents.find((content) => hasText(content) && !content.html) ?? contents.find(hasText)
  const attachments = contents.flatMap((content) => content.attachments)
  return { text: chosen?.text ?? '', html: chosen?.html ?? false, attachments }
}

function allOf(contents: readonly Content[]): Content {
  const spoken = contents.filter(hasText)
  return {
    text: spoken.map((content) => content.text).join('\n'),
    html: spoken.length > 0 && spoken.every((content) => content.html),
    attachments: contents.flatMap((content) => content.attachments),
  }
}
