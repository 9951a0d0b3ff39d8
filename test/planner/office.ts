import { action, type Connector } from '../../src/connector.ts'
import { agent, workflow, z, type Json } from '../../src/index.ts'

const Invoice = z.object({ id: z.string(), email: z.string(), name: z.string(), due: z.string(), cents: z.int() })
const Letter = z.object({ to: z.string().min(3), subject: z.string(), body: z.string() })
type Letter = z.infer<typeof Letter>

const unpaid = action('books.unpaid', {
  risk: 'read',
  input: z.object({ limit: z.int().positive() }),
  output: z.object({ invoices: z.array(Invoice) }),
  title: ({ limit }) => `Look up at most ${limit} unpaid invoices`,
  run: async ({ limit }, ctx) => ({ invoices: (ctx.connection as Office).invoices.slice(0, limit) }),
})

const send = action('post.send', {
  risk: 'irreversible',
  input: Letter,
  output: z.object({ sent: z.string() }),
  title: ({ to, subject }) => `Letter to ${to}: ${subject}`,
  idempotent: true,
  hold: 0,
  cost: () => ({ micros: 50_000, currency: 'EUR' }),
  run: (letter, ctx) => (ctx.connection as Office).post(letter, ctx.key),
})

const note = action('post.note', {
  risk: 'reversible',
  input: z.object({ text: z.string() }),
  output: z.object({ note: z.string() }),
  title: ({ text }) => `Note ${text}`,
  idempotent: true,
  run: async ({ text }, ctx) => {
    ;(ctx.connection as Office).notes.add(text)
    return { note: text }
  },
  undo: async ({ text }, _output, ctx) => void (ctx.connection as Office).notes.delete(text),
})

/** What is outside: books, and letters that went out. */
export class Office {
  invoices: z.infer<typeof Invoice>[] = [
    { id: 'A-1', email: 'ada@example.org', name: 'Ada', due: '2026-10-01', cents: 12_000 },
    { id: 'B-2', email: 'bob@example.org', name: 'Bob', due: '2026-10-30', cents: 3_000 },
    { id: 'C-3', email: 'cem@example.org', name: 'Cem', due: '2026-09-15', cents: 7_050 },
    { id: 'D-4', email: 'dee@example.org', name: 'Dee', due: '2026-10-10', cents: 900 },
  ]
  readonly letters: Letter[] = []
  readonly notes = new Set<string>()
  readonly #sent = new Set<string>()
  /** Around each letter: where a process can die. */
  around: (name: string, happen: () => void) => Promise<void> = async (_, happen) => happen()

  async post(letter: Letter, key: string): Promise<{ sent: string }> {
    await this.around(`letter to ${letter.to}`, () => {
      if (!this.#sent.has(key)) this.letters.push(letter)
      this.#sent.add(key)
    })
    return { sent: letter.to }
  }

  connectors(): Connector[] {
    const one = (name: string, actions: Connector['actions']): Connector => ({
      name,
      actions,
      signals: [],
      open: async () => this,
      close: async () => {},
      describe: () => name,
    })
    return [one('books', [unpaid]), one('post', [send, note])]
  }
}

export const remember = workflow('remember', { input: z.object({ text: z.string() }) }, async (ctx, { text }) => {
  const { state } = await ctx.act(note, { text })
  return state
})

export const tone = agent('tone', {
  input: z.object({ name: z.string() }),
  output: z.enum(['warm', 'firm']),
  instructions: 'Say how to write to them.',
  tiers: [({ name }: { name: string }) => ({ value: name === 'Cem' ? 'firm' : 'warm' })],
})

/** What a planner answers. */
export function answers(value: Json): object {
  return { value, confidence: 0.9, because: 'it reads, narrows and acts' }
}

export const GOAL = 'chase all invoices overdue by more than 14 days, politely'

/** Reads, narrows by date, writes to each. The clock of tests stands on 2 November 2026. */
export const CHASE = {
  summary: 'Look up what is unpaid and remind those who are more than 14 days late.',
  steps: [
    { id: 'unpaid', kind: 'act', action: 'books.unpaid', input: { limit: 100 }, why: 'to see who owes' },
    {
      id: 'late',
      kind: 'filter',
      list: 'unpaid.invoices',
      where: [{ field: 'due', is: 'older_than_days', value: 14 }],
    },
    {
      id: 'remind',
      kind: 'act',
      action: 'post.send',
      each: { list: 'late', key: 'id' },
      input: {
        to: { $from: 'item.email' },
        subject: { $text: 'A friendly reminder: invoice {item.id}' },
        body: { $text: 'Dear {item.name}, invoice {item.id} was due on {item.due}. Thank you!' },
      },
    },
  ],
} satisfies Json
