const LF = 0x0a
const CR = 0x0d
const DASH = 0x2d
const isBlank = (byte: number | undefined) => byte === 0x20 || byte === 0x09

/** The parts of a multipart body, as slices of it; `closed` says whether the closing delimiter came. */
export type Parts = { parts: Buffer[]; closed: boolean }

/** Where the delimiter line that starts at `at` ends and whether it closes; null when it is only similar to one. */
function delimiter(body: Buffer, at: number, length: number): { next: number; closes: boolean } | null {
  if (at > 0 && body[at - 1] !== LF) return null
  let end = at + length
  const closes = body[end] === DASH && body[end + 1] === DASH
  if (closes) end += 2
  while (isBlank(body[end])) end++
  if (body[end] === CR) end++
  if (end < body.length && body[end] !== LF) return null
  return { next: Math.min(end + 1, body.length), closes }
}

/**
 * Splits a multipart body at its delimiter lines (RFC 2046 5.1.1); the line end before a delimiter belongs to it, and
 * what precedes the first and follows the closing one is left out. Linear; at most `max` parts, the rest in the last.
 */
export function splitParts(body: Buffer, boundary: string, max: number): Parts {
  const mark = Buffer.from(`--${boundary}`)
  const parts: Buffer[] = []
  let start = -1
  for (let at = body.indexOf(mark); at !== -1; at = body.indexOf(mark, at + mark.length)) {
    const line = delimiter(body, at, mark.length)
    if (line === null) continue
    if (start !== -1) {
      const end = body[at - 2] === CR ? at - 2 : at - 1
      parts.push(body.subarray(start, Math.max(start, end)))
    }
    start = line.next
    if (line.closes) return { parts, closed: true }
    if (parts.length === max - 1) break
  }
  if (start !== -1) parts.push(body.subarray(start))
  return { parts, closed: false }
}
