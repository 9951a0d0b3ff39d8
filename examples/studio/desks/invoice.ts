import { agent, z, type Rule } from 'factotum'
import { billing } from '../connectors/billing/index.ts'
import { Supplier } from '../facts.ts'
import type { Desk } from './desk.ts'

const Bill = z.object({ from: z.string(), subject: z.string(), text: z.string(), attachments: z.array(z.string()) })
type Bill = z.infer<typeof Bill>

const Reading = z.object({
  number: z.string().min(1).max(50),
  /** In the smallest unit of its currency: 1900 of EUR is 19.00 EUR. */
  amount: z.int().positive(),
  currency: z.enum(['EUR', 'USD', 'GBP', 'CHF']),
})
type Reading = z.infer<typeof Reading>

/** `[CH-88213]`, or what follows the word: `Rechnung 26-3381`. */
const NUMBERS = [
  /\[([A-Z]{1,4}-\d+)\]/,
  /(?:invoice|receipt|rechnung|facture)\s+(?:no\.?|nr\.?|n°)?\s*([A-Z]{0,4}-?\d[\d/-]{2,20})/i,
]
const SYMBOLS: Readonly<Record<string, Reading['currency']>> = { '€': 'EUR', $: 'USD', '£': 'GBP' }
const CURRENCY = '(EUR|USD|GBP|CHF|€|\\$|£)'
// As long as a sum can be: a mail that is nothing but digits is read in one go.
const DIGITS = "(?<![\\d.,'])(\\d[\\d.,']{0,19})(?![\\d.,'])"
const SUM = new RegExp(`${CURRENCY}\\s?${DIGITS}|${DIGITS}\\s?${CURRENCY}`, 'g')
const TOTAL = /\b(total|gesamt|summe|betrag)/i

/** Sure where one number and one sum stand in it, or one sum in a line that says "total". */
const byPattern: Rule<Bill, Reading> = ({ subject, text }) => {
  const number = NUMBERS.map((pattern) => pattern.exec(subject)?.[1]).find((found) => found !== undefined)
  const all = sums(text)
  const totals = sums(
    text
      .split('\n')
      .filter((line) => TOTAL.test(line))
      .join('\n'),
  )
  const [sum, ...others] = totals.length > 0 ? totals : all
  if (number === undefined || sum === undefined || others.length > 0) return null
  return { value: { number, ...sum }, confidence: 0.9, because: `it says ${billing.moneyText(sum)} for ${number}` }
}

function sums(text: string): Omit<Reading, 'number'>[] {
  const found = [...text.matchAll(SUM)].map(([, before, after, first, last]) => {
    const sign = before ?? last ?? ''
    return { amount: cents(after ?? first ?? ''), currency: SYMBOLS[sign] ?? (sign as Reading['currency']) }
  })
  const named = found.filter((s) => s.amount > 0).map((s) => [`${s.amount} ${s.currency}`, s] as const)
  return [...new Map(named).values()]
}

/** `1.234,56`, `1,234.56`, `640`: what stands before the last two digits is a decimal point. */
function cents(text: string): number {
  const [, whole = '', fraction = '00'] = /^([\d.,']*?)(?:[.,](\d\d))?[.,']?$/.exec(text) ?? []
  return Number(`${whole.replaceAll(/\D/g, '')}${fraction}`)
}

export const invoiceReading = agent('invoice-reading', {
  instructions: 'Which invoice number and which total does this bill have?',
  title: ({ from, subject }) => `Which number and which total has the bill of ${from}? ${subject}`,
  input: Bill,
  output: Reading,
  tiers: [byPattern, 'light', 'operator'],
})

const IBAN = /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b/g

/** The account that a bill names, where it is one: its check digits are right (ISO 13616), and it names no other. */
export function ibanOf(text: string): string | null {
  const found = (text.match(IBAN) ?? []).filter((words) => {
    const iban = words.replaceAll(' ', '')
    const digits = `${iban.slice(4)}${iban.slice(0, 4)}`.replaceAll(/[A-Z]/g, (c) => String(Number.parseInt(c, 36)))
    return BigInt(digits) % 97n === 1n
  })
  return new Set(found).size === 1 ? found[0]! : null
}

/** Reads number and sum, enters the bill in the books, and remembers where it is to be paid to. */
export const invoiceDesk: Desk = {
  async before(ctx, { message, at }) {
    const { from, subject, text, attachments } = message
    const bill = { from, subject, text, attachments: attachments.map((a) => a.name) }
    const { value } = await ctx.decide(invoiceReading, bill, at)
    const document = attachments.find((a) => a.type === 'application/pdf')?.sha256 ?? null
    const filed = await ctx.act(billing.file, { supplier: from, ...value, document }, at)
    if (filed.state !== 'succeeded') return undefined
    const supplier = await ctx.facts.about(Supplier, from, at)
    const name = message.fromName || from
    await ctx.facts.assert(supplier, { name, lastInvoice: filed.input.number }, { because: filed, ...at })
    const iban = ibanOf(text)
    if (iban !== null) await ctx.facts.assert(supplier, { iban }, { quote: iban, name: 'account', ...at })
    return undefined
  },
}
