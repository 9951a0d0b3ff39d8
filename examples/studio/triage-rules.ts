import { z, type Rule } from 'factotum'
import type { mail } from 'factotum/mail'

export const Topic = z.enum(['support', 'lead', 'invoice', 'refund', 'newsletter', 'automatic', 'spam'])
export type Topic = z.infer<typeof Topic>

export type Message = z.infer<typeof mail.Message>

export const Language = z.enum(['en', 'de', 'fr'])
export type Language = z.infer<typeof Language>

/** Words that a human would go by, in the languages that customers write in. The first topic that fits is it. */
const WORDS: readonly (readonly [Topic, RegExp])[] = [
  [
    'spam',
    /lottery|\bseo\b|first page of google|crypto|wire transfer|congratulations.{0,40}won|(verify|confirm) your (account|identity)/i,
  ],
  ['refund', /\brefund|money back|charged twice|double charge|erstatt|geld zurück|rembours/i],
  [
    'lead',
    /\bquote\b|\bproposal\b|what would it cost|how much would|\banfrage\b|\bangebot\b|was kostet das|projet de site|\bdevis\b/i,
  ],
  ['support', /\bhow (do|can)\b|\bbug\b|\bcrash|does(n't| not) work|funktioniert|\?/i],
]

/** A bill comes as one: it says so in its subject. Elsewhere the word is only mentioned. */
const BILL = /\binvoice\b|\breceipt\b|\brechnung\b/i

/** Decides what a mail is about, and says by what. Not sure is a good answer: the operator decides then. */
export const byRules: Rule<Message, Topic> = (message) => {
  if (message.listId !== null) return { value: 'newsletter', because: `list ${message.listId}` }
  const bill = BILL.exec(message.subject)
  if (bill) return { value: 'invoice', confidence: 0.9, because: `its subject says "${bill[0]}"` }
  if (message.autoSubmitted) return { value: 'automatic', because: 'a program sent it' }
  const text = `${message.subject}\n${message.text}`
  for (const [topic, words] of WORDS) {
    const hit = words.exec(text)
    if (hit) return { value: topic, confidence: topic === 'support' ? 0.8 : 0.9, because: `it says "${hit[0]}"` }
  }
  return null
}

/** The language of a mail by its commonest words. */
export function languageOf(text: string): Language {
  const count = (words: RegExp) => text.match(words)?.length ?? 0
  const german = count(/\b(und|ich|nicht|für|mit|eine?|wir|ist|das|bitte)\b/gi)
  const french = count(/\b(le|la|les|et|je|pour|vous|est|une?|avec|merci)\b/gi)
  const english = count(/\b(the|and|you|for|with|is|we|that|please|thanks?)\b/gi)
  return german > english && german >= french ? 'de' : french > english ? 'fr' : 'en'
}
