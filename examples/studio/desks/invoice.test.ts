import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Rule } from 'factotum'
import { ibanOf, invoiceReading } from './invoice.ts'

type Bill = Parameters<Extract<(typeof invoiceReading.tiers)[number], Rule<never, unknown>>>[0]

/** What the pattern reads; undefined where it is not sure. */
async function read(text: string, subject = 'Invoice 26-3381'): Promise<unknown> {
  const [byPattern] = invoiceReading.tiers
  assert(typeof byPattern === 'function')
  const bill: Bill = { from: 'anna@example.org', subject, text, attachments: [] }
  return (await byPattern(bill))?.value
}

test('one number and one sum are read as they are written', async () => {
  const reading = (amount: number, currency: string) => ({ number: '26-3381', amount, currency })
  assert.deepEqual(await read('That is 1.234,56 € please.'), reading(123_456, 'EUR'))
  assert.deepEqual(await read('Items: EUR 1, EUR 2\nTotal: GBP 1,234.56\n'), reading(123_456, 'GBP'))
  assert.deepEqual(await read('$640, once more: $640.'), reading(64_000, 'USD'))
})

test('where two sums could be meant it is not sure', async () => {
  for (const text of ['10 EUR or 20 EUR', 'Total: 19.00 USD, 19.00 EUR']) assert.equal(await read(text), undefined)
})

test('what a stranger fills a mail with is no work: neither endless digits nor sums without end', async () => {
  assert.equal(await read('1'.repeat(250_000)), undefined)
  assert.equal(await read(`${'9.'.repeat(120_000)} EUR`), undefined)
  assert.equal(await read(Array.from({ length: 30_000 }, (_, i) => `${i + 1}€`).join(' ')), undefined)
})

test('an account is read where its check digits are right and no other is named', () => {
  const german = 'DE89 3704 0044 0532 0130 00'
  const british = 'GB82WEST12345698765432'
  assert.equal(ibanOf(`Our account is\n${german}.`), german)
  assert.equal(ibanOf(`to ${british}, please`), british)
  for (const text of ['DE88 3704 0044 0532 0130 00', 'CH-88213, EUR 28.56', `${german} or ${british}`, ''])
    assert.equal(ibanOf(text), null)
})
