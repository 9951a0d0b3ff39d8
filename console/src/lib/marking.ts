/**
 * What outsiders wrote, cut where something stands that nobody would see: characters that turn the direction of writing
 * (Unicode TR 9), that take no room, or that steer a terminal. Each is shown by its number, so that a text reads as it is
 * and not as its writer wants it to look.
 */
export interface Piece {
  readonly text: string
  /** The name of a character that would not be seen; undefined for plain text. */
  readonly hidden?: string
}

const NAMES: Readonly<Record<number, string>> = {
  0x00ad: 'soft hyphen',
  0x061c: 'Arabic letter mark',
  0x180e: 'Mongolian vowel separator',
  0x200b: 'zero-width space',
  0x200c: 'zero-width non-joiner',
  0x200d: 'zero-width joiner',
  0x200e: 'left-to-right mark',
  0x200f: 'right-to-left mark',
  0x2028: 'line separator',
  0x2029: 'paragraph separator',
  0x202a: 'left-to-right embedding',
  0x202b: 'right-to-left embedding',
  0x202c: 'end of direction',
  0x202d: 'left-to-right override',
  0x202e: 'right-to-left override',
  0x2060: 'word joiner',
  0x2066: 'left-to-right isolate',
  0x2067: 'right-to-left isolate',
  0x2068: 'first strong isolate',
  0x2069: 'end of isolate',
  0x3164: 'Hangul filler',
  0xfeff: 'zero-width no-break space',
}

/** Control characters but tab and line feed, what is in `NAMES`, invisible operators, and tag characters. */
const HIDDEN =
  // oxlint-disable-next-line no-control-regex -- these are what it looks for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu

/** Joins what belongs together in many scripts and in emoji: between two such characters it is no deceit. */
const JOINER = /^[\u200c\u200d]$/
const JOINED =
  /^[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f\p{Script=Arabic}\p{Script=Devanagari}\p{Script=Bengali}]$/u

export function marked(text: string): readonly Piece[] {
  const pieces: Piece[] = []
  let from = 0
  for (const { 0: character, index } of text.matchAll(HIDDEN)) {
    // A carriage return before a line feed ends a line, as mails have it.
    if (character === '\r' && text[index + 1] === '\n') continue
    if (JOINER.test(character) && JOINED.test(before(text, index))) continue
    if (index > from) pieces.push({ text: text.slice(from, index) })
    pieces.push({ text: character, hidden: nameOf(character) })
    from = index + character.length
  }
  if (from < text.length) pieces.push({ text: text.slice(from) })
  return pieces
}

/** The whole character that stands before a place. */
function before(text: string, index: number): string {
  const two = text.slice(Math.max(0, index - 2), index)
  return /^[\ud800-\udbff][\udc00-\udfff]$/.test(two) ? two : two.slice(-1)
}

function nameOf(character: string): string {
  const code = character.codePointAt(0)!
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')} ${NAMES[code] ?? 'invisible character'}`
}

/** How many characters of a text are shown before somebody asks for the rest, and how many lines. */
const SHOWN_CHARACTERS = 6_000
const SHOWN_LINES = 120

/** The beginning of a text that is too long to be shown at once, and how many characters are left. */
export function cut(text: string, most = SHOWN_CHARACTERS, lines = SHOWN_LINES): { shown: string; left: number } {
  let end = Math.min(text.length, most)
  let at = -1
  for (let n = 0; n < lines; n++) {
    at = text.indexOf('\n', at + 1)
    if (at < 0 || at >= end) break
    if (n === lines - 1) end = at
  }
  // Never between the two halves of a character.
  if (end < text.length && /[\ud800-\udbff]/.test(text[end - 1] ?? '')) end--
  return { shown: text.slice(0, end), left: text.length - end }
}
