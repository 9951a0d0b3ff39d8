/** Half open: `from` is in it, `to` is not; null: it goes on. Epoch milliseconds. */
export interface Span {
  readonly from: number
  readonly to: number | null
}

/** Stands for the end of what goes on, in SQL as here. */
export const FOR_EVER = Number.MAX_SAFE_INTEGER

const endOf = (span: Span): number => span.to ?? FOR_EVER
const span = (from: number, to: number): Span => ({ from, to: to === FOR_EVER ? null : to })

/** What two spans have in common; undefined for nothing. */
export function common(a: Span, b: Span): Span | undefined {
  const from = Math.max(a.from, b.from)
  const to = Math.min(endOf(a), endOf(b))
  return from < to ? span(from, to) : undefined
}

/** What is left of a span without another: nothing, one piece, or one on each side. */
export function without(a: Span, b: Span): Span[] {
  const shared = common(a, b)
  if (!shared) return [a]
  const left = a.from < shared.from ? [span(a.from, shared.from)] : []
  return endOf(shared) < endOf(a) ? [...left, span(endOf(shared), endOf(a))] : left
}

/** The two as one, where one ends as the other begins. */
export function joined(a: Span, b: Span): Span | undefined {
  if (endOf(a) === b.from) return { from: a.from, to: b.to }
  if (endOf(b) === a.from) return { from: b.from, to: a.to }
  return undefined
}
