import { FactotumError } from '../../lib/errors.ts'
import type { Store } from '../../store/index.ts'
import type { QuoteSpan } from './events.ts'

export interface Quotable {
  readonly id: string
  readonly text: string | null
}

/**
 * Where words stand in one of some messages; a break of the line counts as any other space. Throws
 * `fact.quote_not_found`: a fact never rests on words that nobody wrote.
 */
export function findQuote(store: Store, messages: readonly Quotable[], quote: string): QuoteSpan {
  const found = searchQuote(store, messages, quote)
  if (found) return found
  throw new FactotumError(
    'fact.quote_not_found',
    'The quote does not stand in the message that this run is about. Quote the words exactly as they were written.',
  )
}

/** The same; undefined where it stands in none. */
export function searchQuote(store: Store, messages: readonly Quotable[], quote: string): QuoteSpan | undefined {
  const words = quote.trim().split(/\s+/).filter(Boolean)
  if (words.length > 0) {
    const pattern = new RegExp(words.map((w) => w.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('\\s+'))
    for (const { id, text } of messages) {
      const match = text === null ? null : pattern.exec(text)
      if (match)
        return { message: id, start: match.index, end: match.index + match[0].length, hash: hashOf(store, match[0]) }
    }
  }
  return undefined
}

/** The words that a span points at; null where they were erased or are no longer what was quoted. */
export function quotedWords(store: Store, span: QuoteSpan, text: string | null): string | null {
  const words = text?.slice(span.start, span.end) ?? ''
  return words !== '' && hashOf(store, words) === span.hash ? words : null
}

function hashOf(store: Store, words: string): string {
  return store.pseudonym(`quote:${words}`)
}
