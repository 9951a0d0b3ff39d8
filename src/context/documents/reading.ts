import { isUtf8 } from 'node:buffer'
import { FactotumError } from '../../lib/errors.ts'
import { htmlToText } from '../../lib/html/html-to-text.ts'

export const MEDIA_TYPES = ['text/plain', 'text/markdown', 'text/html', 'application/pdf'] as const
export type MediaType = (typeof MEDIA_TYPES)[number]

/** What is read, and what of it is kept as text: some 700 pages. Longer ones are to be split. */
export const MAX_DOCUMENT_BYTES = 32 * 1024 * 1024
const MAX_CHARACTERS = 1_000_000

const BY_EXTENSION: Readonly<Record<string, MediaType>> = {
  txt: 'text/plain',
  text: 'text/plain',
  log: 'text/plain',
  csv: 'text/plain',
  md: 'text/markdown',
  markdown: 'text/markdown',
  html: 'text/html',
  htm: 'text/html',
  xhtml: 'text/html',
  pdf: 'application/pdf',
}

/** By what the bytes begin with, else by the name's ending; what is neither is plain text. */
export function mediaTypeOf(bytes: Uint8Array, name: string): MediaType {
  const head = Buffer.from(bytes.subarray(0, 1_024)).toString('latin1')
  if (head.includes('%PDF-')) return 'application/pdf'
  const ending = BY_EXTENSION[/\.(\w+)$/.exec(name)?.[1]?.toLowerCase() ?? '']
  if (ending !== undefined && ending !== 'application/pdf') return ending
  return /^\s*(<!doctype html|<html)/i.test(head) ? 'text/html' : 'text/plain'
}

export interface Read {
  readonly text: string
  /** What it calls itself, if it does. */
  readonly title: string | null
}

/** The text of a document. Markdown stays as it is. Throws `document.unreadable`, `document.empty`, `document.too_large`. */
export async function readDocument(bytes: Uint8Array, mediaType: MediaType): Promise<Read> {
  if (bytes.length > MAX_DOCUMENT_BYTES) throw tooLarge(`${bytes.length} bytes`, `${MAX_DOCUMENT_BYTES} bytes`)
  const read = mediaType === 'application/pdf' ? await readPdf(bytes) : readText(bytes, mediaType)
  const text = clean(read.text)
  if (text === '')
    throw new FactotumError(
      'document.empty',
      mediaType === 'application/pdf'
        ? 'This PDF holds no text: it may be a scan. Run it through text recognition first, or give its text.'
        : 'This document holds no text.',
    )
  if (text.length > MAX_CHARACTERS) throw tooLarge(`${text.length} characters of text`, `${MAX_CHARACTERS}`)
  return {
    text,
    title: read.title === null ? null : clean(read.title).replace(/\s+/g, ' ').slice(0, MAX_TITLE) || null,
  }
}

export const MAX_TITLE = 300

function tooLarge(size: string, limit: string): FactotumError {
  return new FactotumError(
    'document.too_large',
    `This document has ${size}; the limit is ${limit}. Split it into several.`,
  )
}

async function readPdf(bytes: Uint8Array): Promise<Read> {
  const { pdfText } = await import('./pdf.ts')
  return { text: await pdfText(bytes), title: null }
}

function readText(bytes: Uint8Array, mediaType: MediaType): Read {
  if (!isUtf8(bytes) || bytes.includes(0))
    throw new FactotumError(
      'document.unreadable',
      'This document is not text in UTF-8. Save it as UTF-8, or give a PDF, HTML or Markdown file.',
    )
  const source = Buffer.from(bytes).toString('utf8')
  if (mediaType === 'text/html') {
    const title = /<title[^>]{0,200}>([^<]{1,1000})/i.exec(source.slice(0, 100_000))?.[1]
    return {
      text: htmlToText(source, MAX_CHARACTERS),
      title: title === undefined ? null : htmlToText(title, MAX_TITLE),
    }
  }
  const heading = mediaType === 'text/markdown' ? /^#{1,2} +(.{1,300})$/m.exec(source)?.[1] : undefined
  return { text: source, title: heading ?? null }
}

// What no person wrote and no screen shows: it would only hide words from the index.
const HIDDEN = /[\p{Cc}--[\t\n]]|[\u00ad\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gv

/** Well-formed, `\n` line ends, without what cannot be seen; no letter has more than 30 marks (UAX 15). */
function clean(text: string): string {
  return text
    .toWellFormed()
    .replace(/\r\n?/g, '\n')
    .replace(HIDDEN, '')
    .replace(/(\p{M}{30})\p{M}+/gu, '$1')
    .normalize('NFC')
    .trim()
}
