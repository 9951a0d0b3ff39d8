import { decodeEntities } from './entities.ts'

// What stands before and after these is on lines of its own; the number is how many line breaks separate it.
const BREAKS: Readonly<Record<string, number>> = {
  address: 1,
  article: 1,
  aside: 1,
  blockquote: 2,
  br: 1,
  center: 1,
  dd: 1,
  div: 1,
  dl: 2,
  dt: 1,
  fieldset: 1,
  footer: 1,
  form: 1,
  h1: 2,
  h2: 2,
  h3: 2,
  h4: 2,
  h5: 2,
  h6: 2,
  header: 1,
  hr: 1,
  li: 1,
  main: 1,
  nav: 1,
  ol: 2,
  p: 2,
  pre: 2,
  section: 1,
  table: 1,
  tr: 1,
  ul: 2,
}
const DROPPED = new Set(['script', 'style', 'title', 'template', 'noembed', 'svg'])
const NAME = /^<(\/?)([a-z][a-z0-9]*)/i
const HREF = /\shref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/i
const TAG_MAX = 2_000

/** Collects words and line breaks; white space is held back until a word follows, so nothing is rewritten later. */
class Lines {
  readonly #parts: string[] = []
  #length = 0
  #breaks = 0
  #space = false

  get length(): number {
    return this.#length
  }

  get lastWord(): string {
    return this.#parts.at(-1) ?? ''
  }

  write(text: string): void {
    for (const word of text.split(/([ \t\r\n\f\u00a0]+)/)) {
      if (word === '') continue
      if (/^[ \t\r\n\f\u00a0]/.test(word)) this.#space = true
      else this.#put(word)
    }
  }

  break(count: number, more = false): void {
    this.#breaks = more ? Math.min(this.#breaks + count, 2) : Math.max(this.#breaks, count)
  }

  #put(word: string): void {
    const gap = this.#length === 0 ? '' : this.#breaks > 0 ? '\n'.repeat(this.#breaks) : this.#space ? ' ' : ''
    this.#parts.push(gap, word)
    this.#length += gap.length + word.length
    this.#breaks = 0
    this.#space = false
  }

  toString(): string {
    return this.#parts.join('')
  }
}

/** Finds `needle` ahead of a position; remembers that there is none, so hostile input costs one scan, not n. */
function finder(html: string, needle: string): (from: number) => number {
  let next = -2
  return (from) => {
    if (next !== -1 && next < from) next = html.indexOf(needle, from)
    return next
  }
}

/** Where the element `name` that is open at `from` ends: behind its end tag, or at the end of the text. */
function endOf(html: string, name: string, from: number): number {
  const end = new RegExp(`</${name}[^a-z]`, 'gi')
  end.lastIndex = from
  const match = end.exec(html)
  if (match === null) return html.length
  const close = html.indexOf('>', match.index)
  return close === -1 ? html.length : close + 1
}

/**
 * The text of an HTML page or mail as a person would read it: script and style dropped, entities decoded, paragraphs and
 * list items on lines of their own, links as `text (url)`. Stops at `max` code units. Linear in the input, whatever it
 * is: no pattern here can backtrack over more than one tag.
 */
export function htmlToText(source: string, max: number): string {
  const html = source.slice(0, max * 16)
  const out = new Lines()
  const nextClose = finder(html, '>')
  const nextCommentEnd = finder(html, '-->')
  const links: string[] = []
  let at = 0
  while (at < html.length && out.length <= max) {
    const open = html.indexOf('<', at)
    const text = html.slice(at, open === -1 ? html.length : open)
    if (text !== '') out.write(decodeEntities(text))
    if (open === -1) break
    if (html.startsWith('<!--', open)) {
      const end = nextCommentEnd(open + 4)
      at = end === -1 ? open + 4 : end + 3
      continue
    }
    if (!/[a-z/!?]/i.test(html.charAt(open + 1))) {
      out.write('<')
      at = open + 1
      continue
    }
    const close = nextClose(open)
    if (close === -1) {
      out.write(decodeEntities(html.slice(open, open + max)))
      break
    }
    at = tag(html, open, close, out, links)
  }
  return out.toString()
}

/** Handles the tag between `open` and `close`; answers where reading goes on. */
function tag(html: string, open: number, close: number, out: Lines, links: string[]): number {
  const source = html.slice(open, Math.min(close, open + TAG_MAX))
  const match = NAME.exec(source)
  if (match === null) return close + 1
  const name = (match[2] ?? '').toLowerCase()
  const closing = match[1] === '/'
  if (DROPPED.has(name)) return closing || html[close - 1] === '/' ? close + 1 : endOf(html, name, close + 1)
  const breaks = BREAKS[name]
  if (breaks !== undefined) out.break(breaks, name === 'br' && !closing)
  if (name === 'td' || name === 'th') out.write(' ')
  if (name === 'li' && !closing) out.write('* ')
  if (name === 'hr') {
    out.write('----')
    out.break(1)
  }
  if (name === 'a') link(source, closing, out, links)
  return close + 1
}

function link(source: string, closing: boolean, out: Lines, links: string[]): void {
  if (closing) {
    const url = links.pop() ?? ''
    if (url !== '' && out.lastWord !== url) out.write(` (${url})`)
    return
  }
  const match = HREF.exec(source)
  const url = decodeEntities(match?.[1] ?? match?.[2] ?? match?.[3] ?? '').trim()
  if (links.length < 100) links.push(/^(https?:|mailto:|tel:)/i.test(url) ? url : '')
}
