import { z, type Rule } from 'factotum'
import type { Topic } from './triage-rules.ts'

export const Draft = z.object({ body: z.string().min(1) })

interface Task {
  readonly topic: Topic
  readonly name: string | undefined
  readonly language: 'en' | 'de' | 'fr'
  readonly writtenBefore: boolean
}

const GREETING = { en: 'Hello', de: 'Guten Tag', fr: 'Bonjour' }
const AGAIN = {
  en: ', good to hear from you again',
  de: ', schön, wieder von Ihnen zu hören',
  fr: ', ravie de vous relire',
}
const SIGNATURE = 'Mara Lind\nNorthlight Studio'

const BODIES: Readonly<Partial<Record<Topic, Readonly<Record<'en' | 'de' | 'fr', string>>>>> = {
  lead: {
    en: 'Thank you for thinking of Northlight. I would like to hear more: what should it do for you, by when, and is there a budget in mind? I have time for a call this week.',
    de: 'danke, dass Sie an Northlight denken. Erzählen Sie mir gern mehr: was soll entstehen, bis wann, und gibt es ein Budget? Diese Woche habe ich Zeit für ein Gespräch.',
    fr: "merci d'avoir pensé à Northlight. Dites-m'en plus : de quoi s'agit-il, pour quand, et avec quel budget ? J'ai du temps cette semaine pour en parler.",
  },
  question: {
    en: 'Thank you for writing. I am looking into it and will come back to you within a working day.',
    de: 'danke für Ihre Nachricht. Ich sehe es mir an und melde mich innerhalb eines Arbeitstags.',
    fr: 'merci pour votre message. Je regarde et je reviens vers vous sous un jour ouvré.',
  },
  refund: {
    en: 'I am sorry that this went wrong. I am checking the charge now and will tell you today what happens with it.',
    de: 'es tut mir leid, dass das schiefging. Ich prüfe die Zahlung und melde mich heute dazu.',
    fr: "je suis désolée de ce problème. Je vérifie le paiement et je vous réponds aujourd'hui.",
  },
}

/** A first reply from a template, for the topics that get one. */
export const byTemplate: Rule<Task, z.infer<typeof Draft>> = ({ topic, name, language, writtenBefore }) => {
  const text = BODIES[topic]?.[language]
  if (!text) return null
  const first = name?.split(' ')[0]
  const greeting = `${GREETING[language]}${first ? ` ${first}` : ''}${writtenBefore ? AGAIN[language] : ''},`
  return {
    value: { body: `${greeting}\n\n${text}\n\n${SIGNATURE}` },
    because: `the template for ${topic} in ${language}`,
  }
}
