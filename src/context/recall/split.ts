/** A stretch of a text that is indexed and quoted as one: UTF-16 offsets, and the headings that it stands under. */
export interface Span {
  readonly start: number
  readonly end: number
  readonly headings: readonly string[]
}

/** A passage is about a paragraph or two: long enough to be understood alone, short enough to be on one point. */
const GOAL = 700
const MOST = 1_200

/** Grows when the same text is split otherwise: the index is made anew then. */
export const SPLIT_VERSION = 1

type Block = { start: number; end: number; headings: readonly string[] }

/**
 * Splits a text into passages: whole paragraphs, filled up to some 700 characters, never across a heading of Markdown. A
 * paragraph of more than 1,200 is cut behind a sentence or a word. Of a mail, what it quotes of an earlier one is left
 * out: that is indexed where it was said. Every text is linear work.
 */
export function splitText(text: string, kind: 'mail' | 'markdown' | 'plain'): Span[] {
  const spans: Span[] = []
  let open: Block | null = null
  for (const block of blocksOf(text, kind)) {
    if (open && open.headings === block.headings && block.end - open.start <= GOAL) open.end = block.end
    else {
      if (open) spans.push(...cut(text, open))
      open = { ...block }
    }
  }
  if (open) spans.push(...cut(text, open))
  return spans
}

/** Paragraphs, in order. Blocks under the same headings share one array of them. */
function* blocksOf(text: string, kind: 'mail' | 'markdown' | 'plain'): Generator<Block> {
  let headings: readonly string[] = []
  let from = -1
  let to = -1
  let fenced = false
  const lines = linesOf(text)
  const quoted = kind === 'mail' ? quotedLines(text, lines) : null
  for (let i = 0; i < lines.length; i++) {
    const [start, end] = lines[i]!
    const line = text.slice(start, Math.min(end, start + 400)).trim()
    if (kind === 'markdown' && /^(```|~~~)/.test(line)) fenced = !fenced
    const heading = kind === 'markdown' && !fenced ? /^(#{1,6}) +(.+?)[ #]*$/.exec(line) : null
    if (line !== '' && !heading && !quoted?.has(i)) {
      if (from < 0) from = start
      to = end
      continue
    }
    // What is quoted between two lines of an answer ends one passage and begins another.
    if (from >= 0) yield { start: from, end: to, headings }
    from = -1
    if (heading) headings = [...headings.slice(0, heading[1]!.length - 1), heading[2]!.slice(0, 200)]
    else if (quoted?.has(i)) headings = [...headings]
  }
  if (from >= 0) yield { start: from, end: to, headings }
}

function linesOf(text: string): [number, number][] {
  const lines: [number, number][] = []
  for (let at = 0; at <= text.length;) {
    const next = text.indexOf('\n', at)
    const end = next === -1 ? text.length : next
    lines.push([at, end])
    at = end + 1
  }
  return lines
}

const ATTRIBUTION =
  /^(?:on|am|le|el|il|op|den|em|w dniu)\b.{5,300}(?:wrote|schrieb|a écrit|escribió|ha scritto|schreef|skrev|escreveu|napisał\(a\)|pisze)\b.{0,200}:$/i
const ORIGINAL =
  /^-{2,} ?(?:original message|forwarded message|ursprüngliche nachricht|message d'origine|mensaje original) ?-{2,}$/i

/**
 * Which lines a mail quotes: those that begin with ">", the line or two that say whose they are, and all behind a line
 * that says that the original message follows.
 */
function quotedLines(text: string, lines: readonly [number, number][]): Set<number> {
  const quoted = new Set<number>()
  const line = (i: number) => {
    const at = lines[i]
    return at ? text.slice(at[0], Math.min(at[1], at[0] + 500)).trim() : ''
  }
  for (let i = 0; i < lines.length; i++) {
    if (line(i).startsWith('>')) quoted.add(i)
    else if (ORIGINAL.test(line(i))) for (; i < lines.length; i++) quoted.add(i)
    else if (ATTRIBUTION.test(line(i))) quoted.add(i)
    else if (line(i) !== '' && line(i + 1).endsWith(':') && ATTRIBUTION.test(`${line(i)} ${line(i + 1)}`)) {
      quoted.add(i)
      quoted.add(i + 1)
    }
  }
  return quoted
}

/** A block as passages of at most 1,200 characters, without white space around them. */
function cut(text: string, { start, end, headings }: Block): Span[] {
  const spans: Span[] = []
  for (let at = start; at < end;) {
    while (at < end && /\s/.test(text[at]!)) at++
    let to = end
    if (end - at > MOST) {
      to = at + behindSentence(text.slice(at, at + MOST))
      if (isLowSurrogate(text, to)) to--
    }
    let last = to
    while (last > at && /\s/.test(text[last - 1]!)) last--
    if (last > at) spans.push({ start: at, end: last, headings })
    at = to
  }
  return spans
}

function isLowSurrogate(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code >= 0xdc00 && code <= 0xdfff
}

/** Where to cut a window: behind the last line or sentence of its second half, else the last word, else its end. */
function behindSentence(window: string): number {
  const from = window.length >> 1
  const ends = [...window.slice(from).matchAll(/\n|[.!?。！？](?=\s|$)/g)]
  if (ends.length > 0) return from + ends.at(-1)!.index + 1
  const space = window.lastIndexOf(' ')
  return space > from ? space : window.length
}
