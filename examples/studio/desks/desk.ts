import type { Context, Entity } from 'factotum'
import type { Done } from '../drafts.ts'
import type { Customer } from '../facts.ts'
import type { Language, Message, Topic } from '../triage-rules.ts'

/** One mail that is worked on. */
export interface Case {
  readonly message: Message
  readonly customer: Entity<typeof Customer.attributes>
  readonly language: Language
  /** Tells its calls from those about an earlier mail of the same run. */
  readonly at: { readonly key?: number }
}

/** What is done about mails of one topic, beside answering them. */
export interface Desk {
  /** Before the answer; what was done goes into it. */
  readonly before?: (ctx: Context, mail: Case) => Promise<Done | undefined>
  /** After it was sent. A mail that came meanwhile is the next to be worked on. */
  readonly after?: (ctx: Context, mail: Case) => Promise<Message | null>
}

export type Desks = Readonly<Partial<Record<Topic, Desk>>>
