/**
 * Decodes RFC 4648 section 4 base64, or `undefined` for anything that `toString('base64')` would not have written: other
 * alphabets, missing padding, spaces, or stray bits in the last character. Node's own decoder takes all of those, and
 * then a changed byte in a file could go unseen.
 */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}
