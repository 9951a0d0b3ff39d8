import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Amounts are integers in the smallest unit of their currency: 1900 of EUR is 19.00 EUR. Dates are ISO 8601. */
export interface Customer {
  readonly email: string
  readonly name: string
}

export interface Charge {
  readonly id: string
  /** What the customer reads on their statement. */
  readonly reference: string
  readonly customer: string
  readonly amount: number
  readonly currency: string
  readonly at: string
  readonly what: string
}

export interface Refund {
  readonly id: string
  readonly key: string
  readonly charge: string
  readonly amount: number
  readonly currency: string
  readonly reason: string
  readonly at: string
  reversedAt: string | null
}

/** What a customer owes us. */
export interface Invoice {
  readonly id: string
  readonly customer: string
  readonly amount: number
  readonly currency: string
  readonly due: string
  readonly paid: boolean
}

/** What we owe a supplier. */
export interface Filed {
  readonly id: string
  readonly key: string
  readonly supplier: string
  readonly number: string
  readonly amount: number
  readonly currency: string
  readonly document: string | null
  readonly at: string
  withdrawnAt: string | null
}

/** What is written on a customer's account. */
export interface Note {
  readonly id: string
  readonly customer: string
  readonly text: string
  readonly at: string
  removedAt: string | null
}

export interface Books {
  readonly customers: Customer[]
  readonly charges: Charge[]
  readonly refunds: Refund[]
  readonly invoices: Invoice[]
  readonly filed: Filed[]
  readonly notes: Note[]
}

/** What is left of a charge to be refunded. */
export function restOf(books: Books, charge: Charge): number {
  return books.refunds
    .filter((r) => r.charge === charge.id && r.reversedAt === null)
    .reduce((rest, r) => rest - r.amount, charge.amount)
}

/** Reads the books at `path`, or begins them with `seed`. */
export function readBooks(path: string, seed: Books): Books {
  // Those of an earlier version have no notes.
  if (existsSync(path)) return { notes: [], ...(JSON.parse(readFileSync(path, 'utf8')) as Omit<Books, 'notes'>) }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  writeBooks(path, seed)
  return structuredClone(seed)
}

/** The books are there whole, old or new, whenever the process dies; on disk once this returns. */
export function writeBooks(path: string, books: Books): void {
  const temporary = `${path}.tmp`
  const file = openSync(temporary, 'w', 0o600)
  try {
    writeFileSync(file, `${JSON.stringify(books, null, 2)}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
  const folder = openSync(dirname(path), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
