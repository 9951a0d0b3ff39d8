import { agent, z, type Rule } from 'factotum'
import { Language, Topic } from './triage-rules.ts'

/** What a reply is written from. */
const Task = z.object({
  topic: z.enum([...Topic.options, 'follow-up']),
  name: z.string().optional(),
  language: Language,
  /** What they wrote, and what was said before. */
  text: z.string(),
  past: z.array(z.string()),
  /** What was done about it meanwhile. */
  done: z
    .discriminatedUnion('what', [
      z.object({ what: z.literal('refunded'), money: z.string(), reference: z.string() }),
      z.object({ what: z.literal('no charge found') }),
      z.object({ what: z.literal('not refunded'), reason: z.string() }),
    ])
    .optional(),
})
type Task = z.infer<typeof Task>
export type Done = NonNullable<Task['done']>

const Reply = z.object({ body: z.string().min(1) })

type Texts = Readonly<Record<Language, string>>

const GREETING: Texts = { en: 'Hello', de: 'Guten Tag', fr: 'Bonjour' }
const AGAIN: Texts = {
  en: ', good to hear from you again',
  de: ', schön, wieder von Ihnen zu hören',
  fr: ', ravie de vous relire',
}
export const SIGNATURE = 'Mara Lind\nNorthlight Studio'

const BODIES: Readonly<Partial<Record<Task['topic'], Texts>>> = {
  lead: {
    en: 'Thank you for thinking of Northlight. I would like to hear more: what should it do for you, by when, and is there a budget in mind? I have time for a call this week.',
    de: 'danke, dass Sie an Northlight denken. Erzählen Sie mir gern mehr: was soll entstehen, bis wann, und gibt es ein Budget? Diese Woche habe ich Zeit für ein Gespräch.',
    fr: "merci d'avoir pensé à Northlight. Dites-m'en plus : de quoi s'agit-il, pour quand, et avec quel budget ? J'ai du temps cette semaine pour en parler.",
  },
  'follow-up': {
    en: 'I wrote to you a few days ago and wonder whether it is still on your mind. If it is, a short line is enough and I call you; if not, no answer needed.',
    de: 'vor ein paar Tagen habe ich Ihnen geschrieben: ist das noch ein Thema für Sie? Dann genügt eine kurze Zeile, und ich rufe an. Wenn nicht, brauchen Sie nicht zu antworten.',
    fr: "je vous ai écrit il y a quelques jours : le projet est-il toujours d'actualité ? Si oui, un mot suffit et je vous appelle ; sinon, inutile de répondre.",
  },
  support: {
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

function refundText(done: Done): Texts | undefined {
  if (done.what === 'refunded') {
    const { money, reference } = done
    return {
      en: `I am sorry that this went wrong. I have refunded ${money} for ${reference}; it reaches your account within five working days.`,
      de: `es tut mir leid, dass das schiefging. Ich habe Ihnen ${money} zu ${reference} zurückgezahlt; der Betrag ist in höchstens fünf Werktagen auf Ihrem Konto.`,
      fr: `je suis désolée de ce problème. Je vous ai remboursé ${money} pour ${reference} ; le montant arrive sur votre compte sous cinq jours ouvrés.`,
    }
  }
  if (done.what === 'no charge found')
    return {
      en: 'I would like to look into this, and find no payment under the address that you write from. Which address did you pay with, or what reference is on your statement?',
      de: 'ich sehe mir das gern an, finde aber unter der Adresse, von der Sie schreiben, keine Zahlung. Mit welcher Adresse haben Sie bezahlt, oder welche Nummer steht auf Ihrer Abrechnung?',
      fr: "je veux bien regarder, mais je ne trouve aucun paiement à l'adresse d'où vous écrivez. Avec quelle adresse avez-vous payé, ou quelle référence figure sur votre relevé ?",
    }
  // To say no is for a person to write.
  return undefined
}

/** A first reply from a template, for what has one. */
const byTemplate: Rule<Task, z.infer<typeof Reply>> = ({ topic, name, language, past, done }) => {
  const text = (done ? refundText(done) : BODIES[topic])?.[language]
  if (!text) return null
  const first = name?.split(' ')[0]
  const greeting = `${GREETING[language]}${first ? ` ${first}` : ''}${past.length > 0 ? AGAIN[language] : ''},`
  return {
    value: { body: `${greeting}\n\n${text}\n\n${SIGNATURE}` },
    because: `the template for ${done?.what ?? topic} in ${language}`,
  }
}

export const draft = agent('draft', {
  instructions: "Answer briefly, in the customer's language. Promise nothing that was not done.",
  title: ({ topic, name, done }) => `What do you write to ${name ?? 'them'}? ${done?.what ?? topic}`,
  input: Task,
  output: Reply,
  tiers: [byTemplate, 'heavy', 'operator'],
})
