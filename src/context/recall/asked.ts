/** What kind of answer a question wants, and which time it names. English; of other languages only what digits tell. */

const MONTHS = 'january february march april may june july august september october november december'.split(' ')
const DAY_MS = 86_400_000

/** Words by which a passage says when. */
export const TIME =
  /\b(?:yesterday|today|tonight|tomorrow|ago|last|next|this|week|weekend|month|year|days?|weeks|months|years|since|monday|tuesday|wednesday|thursday|friday|saturday|sunday|january|february|march|april|june|july|august|september|october|november|december|\d{4}|morning|recently|just)\b/gi
export const NUMBER =
  /\b(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|twice|once|couple|few|several|dozen)\b/i

/** A length of time: "five days", "two working weeks". */
export const DURATION =
  /\b(?:\d+(?:[-.,]\d+)?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|couple(?: of)?|few|several|many)[\s-]+(?:\p{L}+[\s-]+)?(?:second|minute|hour|day|night|week|weekend|month|year|decade)s?\b/iu

export interface AskedDate {
  readonly months: readonly number[]
  readonly years: readonly number[]
  readonly days: readonly number[]
  /** Epoch ms, from what is counted from now: "last week". */
  readonly from: number | null
  readonly to: number | null
}

export function asksForTime(question: string): boolean {
  return /^(?:when|what (?:date|day|year|month|time)|which (?:date|day|year|month)|how long|since when|until when)\b|\bwhen (?:did|was|is|does|will)\b/i.test(
    question,
  )
}

export function asksForDuration(question: string): boolean {
  return /\bhow long\b/i.test(question)
}

/** The words by which "how long does it take" asks: what answers it says neither. */
export function askingWords(question: string): string[] {
  return /\bhow (long)\b[^.?!]{0,60}\b(take[ns]?|took|taking|last(?:s|ed)?)\b/i.exec(question)?.slice(1) ?? []
}

export function asksForNumber(question: string): boolean {
  return /\bhow (?:many|much|often|old|long)\b/i.test(question)
}

/** The dates that a question names. "may" and "march" are months beside a number or a preposition only. */
export function askedDate(question: string, now: number): AskedDate | null {
  const text = question.toLowerCase()
  const months = MONTHS.flatMap((month, i) => {
    const plain = new RegExp(`\\b${month}\\b`)
    const beside = new RegExp(`\\b(?:in|of|since|until|by|\\d{1,2}(?:st|nd|rd|th)?,?) ${month}\\b|\\b${month},? \\d`)
    return (month === 'may' || month === 'march' ? beside : plain).test(text) ? [i] : []
  })
  const years = [...text.matchAll(/\b(?:19|20)\d\d\b/g)].map((m) => Number(m[0]))
  const days =
    months.length === 0
      ? []
      : [...text.matchAll(/\b(\d{1,2})(?:st|nd|rd|th)?\b/g)].map((m) => Number(m[1])).filter((d) => d >= 1 && d <= 31)
  const recent = /\b(?:(today|yesterday)|(?:last|past|previous|this) (week|month|year))\b/.exec(text)
  const span = { today: 1, yesterday: 2, week: 14, month: 62, year: 731 }[recent?.[1] ?? recent?.[2] ?? '']
  if (months.length + years.length === 0 && span === undefined) return null
  const from = span === undefined ? null : now - span * DAY_MS
  return { months, years, days, from, to: span === undefined ? null : now }
}

/**
 * How well a time fits: 1 for a month that is named, half for a year, and up to 1.5 more for the day or the days just behind it, for
 * what happened is told soon after.
 */
export function dateMatch({ months, years, days, from, to }: AskedDate, at: number): number {
  const date = new Date(at)
  let match = 0
  if (years.includes(date.getUTCFullYear())) match += 0.5
  if (from !== null && to !== null && at >= from && at <= to) match += 1
  if (!months.includes(date.getUTCMonth())) return match
  match += 1
  const since = days.map((day) => date.getUTCDate() - day).filter((n) => n >= 0)
  if (since.length === 0) return match
  const nearest = Math.min(...since)
  return match + (nearest === 0 ? 1.5 : nearest <= 3 ? 1 : nearest <= 10 ? 0.5 : 0)
}
