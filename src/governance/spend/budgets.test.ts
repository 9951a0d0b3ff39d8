import assert from 'node:assert/strict'
import { test } from 'node:test'
import { budget, checkBudgets, moneyText, type BudgetOptions } from './budgets.ts'

void test('amounts are read and shown exactly', () => {
  for (const [amount, micros, text] of [
    ['20', 20_000_000, '20.00 EUR'],
    ['19.9', 19_900_000, '19.90 EUR'],
    ['0.000001', 1, '0.000001 EUR'],
    ['0.0025', 2_500, '0.0025 EUR'],
    ['999999999.999999', 999_999_999_999_999, '999999999.999999 EUR'],
  ] as const) {
    const { money } = budget({ name: 'b', per: 'day', money: { amount, currency: 'EUR' } })
    assert.equal(money?.micros, micros)
    assert.equal(moneyText(micros, 'EUR'), text)
  }
  assert.equal(moneyText(-1_500_000, 'EUR'), '-1.50 EUR')
  assert.equal(moneyText(0, 'XXX'), '0.00')
})

void test('a budget that would not do what it says is refused', () => {
  const money = { amount: '20', currency: 'EUR' }
  const wrong: BudgetOptions[] = [
    { name: ' ', per: 'day', money },
    { name: 'b', per: 'week' as never, money },
    { name: 'b', per: 'day' },
    { name: 'b', per: 'day', money: { amount: '20,5', currency: 'EUR' } },
    { name: 'b', per: 'day', money: { amount: '-1', currency: 'EUR' } },
    { name: 'b', per: 'day', money: { amount: '1.0000001', currency: 'EUR' } },
    { name: 'b', per: 'day', money: { amount: '20', currency: '€' } },
    { name: 'b', per: 'day', money, rates: { usd: '0.9' } },
    { name: 'b', per: 'day', tokens: 1, rates: { USD: '0.9' } },
    { name: 'b', per: 'day', tokens: 1.5 },
    { name: 'b', per: 'day', count: -1 },
    { name: 'b', per: 'day', count: 1, meter: 'paid' as never },
    { name: 'b', per: 'day', count: 1, of: { agent: 'a', workflow: 'w' } },
    { name: 'b', per: 'day', count: 1, of: { agents: 'a' } as never },
    { name: 'b', per: 'day', count: 1, of: { agent: 7 } as never },
  ]
  for (const options of wrong) assert.throws(() => budget(options), { code: 'budget.invalid' }, JSON.stringify(options))
  const b = budget({ name: 'b', per: 'day', money })
  assert.throws(() => checkBudgets([b, b]), { code: 'budget.invalid' })
})
