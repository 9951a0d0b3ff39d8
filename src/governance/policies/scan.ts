/** One policy as it stands in its file: from the end of the one before it to its semicolon. */
export interface Statement {
  /** With the comments before it, so that offsets in it and in the file differ by `start` only. */
  readonly text: string
  readonly start: number
  /** Where its first annotation or keyword stands, from the start of the file. */
  readonly head: number
  /** Where `permit` or `forbid` stands in `text`; -1 where neither does. */
  readonly keyword: number
  /** Where each annotation stands in `text`. */
  readonly annotations: ReadonlyMap<string, number>
  /** How deep brackets are nested. */
  readonly depth: number
}

/** A string, a comment that goes to the end of its line, or one character. Cedar has no other quotes or comments. */
const TOKEN = /"(?:[^"\\]|\\[^])*"?|\/\/[^\n]*|[^]/g

/** Splits a policy file at its semicolons. What is no policy comes out as a statement too, for the parser to refuse. */
export function statements(file: string): Statement[] {
  const found: Statement[] = []
  let start = 0
  let blank = ''
  let depth = 0
  let deepest = 0
  const end = (at: number) => {
    const head = blank.search(/\S/)
    if (head >= 0) found.push(statement(file.slice(start, at), blank, start, head, deepest))
    start = at
    blank = ''
    depth = 0
    deepest = 0
  }
  for (const { 0: token, index } of file.matchAll(TOKEN)) {
    // Comments and the insides of strings are blanked, so that nothing in them is taken for code.
    if (token.startsWith('//')) blank += ' '.repeat(token.length)
    else if (token.startsWith('"')) blank += `"${' '.repeat(Math.max(0, token.length - 2))}"`.slice(0, token.length)
    else blank += token
    if ('([{'.includes(token)) deepest = Math.max(deepest, ++depth)
    else if (')]}'.includes(token)) depth--
    else if (token === ';') end(index + 1)
  }
  end(file.length)
  return found
}

function statement(text: string, blank: string, start: number, head: number, depth: number): Statement {
  const annotations = new Map<string, number>()
  for (const { 1: name, index } of blank.matchAll(/@\s*(\w+)/g)) annotations.set(name!, index)
  return { text, start, head: start + head, keyword: blank.search(/(?<![@\w])(permit|forbid)\b/), annotations, depth }
}

/** Cedar counts bytes of UTF-8. */
export function byteToIndex(text: string, byte: number): number {
  return Buffer.from(text).subarray(0, byte).toString().length
}

/** Line and column of an index, both from 1. */
export function lineAndColumn(text: string, index: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, index)
  return { line: before.split('\n').length, column: index - before.lastIndexOf('\n') }
}
