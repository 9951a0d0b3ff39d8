import assert from 'node:assert/strict'
import { test } from 'node:test'
import { count, money, share } from './amounts.ts'

test('money has its currency, and as many digits as it takes to see a little of it', () => {
  assert.equal(money(1_250_000_000, 'EUR'), '1,250.00 EUR')
  assert.equal(money(12_300, 'EUR'), '0.0123 EUR')
  assert.equal(money(0, 'EUR'), '0.00 EUR')
  assert.equal(money(0, 'XXX'), 'no price')
})

test('one is told apart from many', () => {
  assert.equal(count(1, 'item'), '1 item')
  assert.equal(count(12_000, 'item'), '12,000 items')
})

test('a share is only nothing or all where it is', () => {
  assert.deepEqual([0, 0.001, 0.5, 0.999, 1].map(share), ['0 %', 'under 1 %', '50 %', 'over 99 %', '100 %'])
})
