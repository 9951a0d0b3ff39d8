/** What an edit changed, word by word: by the longest common subsequence (Myers 1986 does it faster; texts here are short). */
export interface Part {
  readonly how: 'same' | 'gone' | 'new'
  readonly text: string
}

/** Beyond this many words a text is compared by its beginning and end alone. */
const MOST_WORDS = 1_500

export function wordDiff(before: string, after: string): readonly Part[] {
  const a = words(before)
  const b = words(after)
  let from = 0
  while (from < a.length && from < b.length && a[from] === b[from]) from++
  let end = 0
  while (end < a.length - from && end < b.length - from && a[a.length - 1 - end] === b[b.length - 1 - end]) end++
  const middle = between(a.slice(from, a.length - end), b.slice(from, b.length - end))
  return joined([
    { how: 'same', text: a.slice(0, from).join('') },
    ...middle,
    { how: 'same', text: a.slice(a.length - end).join('') },
  ])
}

function words(text: string): string[] {
  return text.match(/\s+|[^\s]+/g) ?? []
}

function between(a: readonly string[], b: readonly string[]): Part[] {
  if (a.length > MOST_WORDS || b.length > MOST_WORDS)
    return [
      { how: 'gone', text: a.join('') },
      { how: 'new', text: b.join('') },
    ]
  const width = b.length + 1
  const common = new Uint16Array((a.length + 1) * width)
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      common[i * width + j] =
        a[i] === b[j]
          ? common[(i + 1) * width + j + 1]! + 1
          : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!)
  const parts: Part[] = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      parts.push({ how: 'same', text: a[i++]! })
      j++
    } else if (i < a.length && (j === b.length || common[(i + 1) * width + j]! >= common[i * width + j + 1]!))
      parts.push({ how: 'gone', text: a[i++]! })
    else parts.push({ how: 'new', text: b[j++]! })
  }
  return parts
}

function joined(parts: readonly Part[]): Part[] {
  const whole: Part[] = []
  for (const part of parts) {
    const last = whole.at(-1)
    if (part.text === '') continue
    if (last?.how === part.how) whole[whole.length - 1] = { how: part.how, text: last.text + part.text }
    else whole.push(part)
  }
  return whole
}
