import { billing } from './connectors/billing/index.ts'
import { SIGNATURE } from './drafts.ts'
import type { Language } from './triage-rules.ts'

interface Owed {
  readonly id: string
  readonly name: string
  readonly amount: number
  readonly currency: string
  readonly due: string
}

interface Letter {
  readonly subject: string
  readonly body: string
}

const LETTERS: Readonly<Record<Language, (owed: Owed, money: string, firm: boolean) => Letter>> = {
  en: ({ id, name, due }, money, firm) => ({
    subject: firm ? `Second reminder: invoice ${id}` : `A reminder: invoice ${id}`,
    body: firm
      ? `Hello ${name},\n\ninvoice ${id} over ${money} was due on ${due}, and my reminder has had no answer. Please pay it within seven days, or tell me what stands in the way.`
      : `Hello ${name},\n\nit is easily overlooked: invoice ${id} over ${money} was due on ${due}. If your payment is on its way, please take this as read.`,
  }),
  de: ({ id, name, due }, money, firm) => ({
    subject: firm ? `Zweite Erinnerung: Rechnung ${id}` : `Erinnerung: Rechnung ${id}`,
    body: firm
      ? `Guten Tag ${name},\n\ndie Rechnung ${id} über ${money} war am ${due} fällig, und auf meine Erinnerung kam keine Antwort. Bitte zahlen Sie innerhalb von sieben Tagen, oder sagen Sie mir, was dem im Weg steht.`
      : `Guten Tag ${name},\n\ndas geht leicht unter: die Rechnung ${id} über ${money} war am ${due} fällig. Ist Ihre Zahlung schon unterwegs, betrachten Sie dies bitte als gegenstandslos.`,
  }),
  fr: ({ id, name, due }, money, firm) => ({
    subject: firm ? `Second rappel : facture ${id}` : `Rappel : facture ${id}`,
    body: firm
      ? `Bonjour ${name},\n\nla facture ${id} de ${money} était due le ${due}, et mon rappel est resté sans réponse. Merci de la régler sous sept jours, ou de me dire ce qui l'empêche.`
      : `Bonjour ${name},\n\ncela peut échapper : la facture ${id} de ${money} était due le ${due}. Si votre paiement est en route, ne tenez pas compte de ce message.`,
  }),
}

/** The first reminder is polite, later ones are firm. */
export function letter(owed: Owed, language: Language, firm: boolean): Letter {
  const { subject, body } = LETTERS[language](owed, billing.moneyText(owed), firm)
  return { subject, body: `${body}\n\n${SIGNATURE}` }
}
