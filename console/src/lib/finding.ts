/** What a palette finds: every word of the query somewhere in the words of a thing, nearest first. */
export function found<T>(items: readonly T[], query: string, wordsOf: (item: T) => string): T[] {
  const asked = query.toLowerCase().split(/\s+/).filter(Boolean)
  if (asked.length === 0) return [...items]
  const ranked = items.flatMap((item, at) => {
    const text = wordsOf(item).toLowerCase()
    let far = 0
    for (const word of asked) {
      const one = distance(text, word)
      if (one === null) return []
      far += one
    }
    return [{ item, far, at }]
  })
  return ranked.toSorted((a, b) => a.far - b.far || a.at - b.at).map(({ item }) => item)
}

/** 0: it begins with it. 1: a word of it does. 2: it is somewhere. 3: its letters come in order from the begin of a word. Null: not at all. */
function distance(text: string, word: string): number | null {
  if (text.startsWith(word)) return 0
  if (text.includes(` ${word}`)) return 1
  if (text.includes(word)) return 2
  return word.length > 2 && text.split(/\s+/).some((one) => inOrder(one, word)) ? 3 : null
}

function inOrder(text: string, word: string): boolean {
  if (text[0] !== word[0]) return false
  let from = 0
  for (const letter of word) {
    from = text.indexOf(letter, from) + 1
    if (from === 0) return false
  }
  return true
}
