// C0 except tab and newline, DEL, C1: nothing a person wrote, and escape sequences for a terminal that prints them.
const CONTROL = /[\p{Cc}--[\t\n]]/gv
// Embeddings, overrides and isolates reorder what is shown; zero-width characters hide what is written.
const INVISIBLE = /[\u00ad\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g

/** The first `max` code units of `text`, never ending in half a surrogate pair. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text
  const last = text.charCodeAt(max - 1)
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? max - 1 : max)
}

/** Whether `cleanLine` takes anything out of `value` that changes how it reads: a line break, hidden or reordering. */
export function hasTricks(value: string): boolean {
  return /[\r\n\0]/.test(value) || value.search(INVISIBLE) !== -1
}

/** How many characters of `text` are zero-width or reorder the text around them (Unicode TR 36). */
export function countInvisible(text: string): number {
  return text.match(INVISIBLE)?.length ?? 0
}

/**
 * NFC of well-formed text in which no letter has more than 30 marks (UAX 15, stream-safe text). Putting marks in order
 * takes quadratic time: 500,000 of them in a row took minutes.
 */
function normalise(text: string): string {
  return text
    .toWellFormed()
    .replace(/(\p{M}{30})\p{M}+/gu, '$1')
    .normalize('NFC')
}

/**
 * One line of a header: NFC, no control, zero-width or direction-changing characters, runs of white space as one
 * space, trimmed, at most `max` code units. Such characters serve only to make a name look like another one here.
 */
export function cleanLine(value: string, max: number): string {
  // Ten times the limit bounds the work on hostile input and leaves room for what is removed.
  const plain = cut(value, max * 10)
    .replace(CONTROL, ' ')
    .replace(INVISIBLE, '')
    .replace(/\s+/g, ' ')
    .trim()
  return cut(normalise(plain), max).trimEnd()
}

/** Body text: NFC, `\n` line ends, no control characters, at most `max` code units. */
export function cleanBody(value: string, max: number): string {
  const plain = cut(value, max * 2)
    .replace(/\r\n?/g, '\n')
    .replace(CONTROL, '')
  return cut(normalise(plain), max)
}
